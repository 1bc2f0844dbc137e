//! The layer: puts every call of a tower service on the record.

mod builder;
mod describe;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "http")]
mod propagate;
mod service;

pub use builder::ActivityLayer;
pub use describe::{ByType, DescribeRequest};
#[cfg(feature = "http")]
pub use propagate::{PropagateLayer, PropagateService};
pub use service::ActivityService;
