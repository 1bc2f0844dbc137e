//! The layer: puts every call of a tower service on the record.

mod builder;
mod describe;
#[cfg(feature = "http")]
pub mod http;
mod service;

pub use builder::ActivityLayer;
pub use describe::{ByType, DescribeRequest};
pub use service::ActivityService;
