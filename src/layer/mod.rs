//! The layer: puts every call of a tower service on the record.

mod describe;
mod layer;
mod service;

pub use describe::{ByType, DescribeRequest};
pub use layer::ActivityLayer;
pub use service::ActivityService;
