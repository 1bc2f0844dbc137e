//! Layers that record every call of a tower service as an activity.
//!
//! | service | layer |
//! |---|---|
//! | any | [`ActivityLayer::new`]: describe the request with a closure |
//! | HTTP and gRPC: axum, tonic, hyper | `ActivityLayer::http` (feature `http`), see `layer::http` |
//! | an HTTP client | `PropagateLayer` (feature `http`), which sends the trace context along |
//!
//! Tool servers have wrappers of their own in `mcp` (features `rmcp` and `tower-mcp`).
//!
//! ```
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_activity::{Activity, ActivityLayer, ActivityLog, Describe, Outcome};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let log = ActivityLog::open(":memory:")?;
//! let mut parse = ServiceBuilder::new()
//!     .layer(ActivityLayer::new(&log).describe(|_| Describe::job("parse")).classify(Outcome::from_result))
//!     .service(service_fn(async |text: String| {
//!         Activity::current().set("bytes", text.len());
//!         text.parse::<u32>()
//!     }));
//! assert_eq!(parse.ready().await?.call("42".into()).await?, 42);
//! # Ok(())
//! # }
//! ```

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
