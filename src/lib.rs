//! Puts every tool call and request on the record.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod activity;
mod error;
pub mod layer;
mod log;
#[cfg(feature = "rmcp")]
pub mod mcp;
mod pipeline;
pub mod query;
pub mod record;
pub mod redact;
pub mod store;

pub use activity::{Activity, Describe, InActivity, Running};
pub use error::{Error, ErrorKind, Result};
pub use layer::ActivityLayer;
pub use log::{ActivityLog, Builder};
pub use pipeline::{Flush, Shutdown};
pub use record::{ActivityId, ActivityRecord, Capture, Kind, Outcome, Status};

#[cfg(all(doctest, feature = "sqlite", feature = "rmcp"))]
#[doc = include_str!("../README.md")]
struct Readme;
