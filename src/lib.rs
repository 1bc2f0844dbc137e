//! Puts every tool call and request on the record.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
pub mod record;
pub mod store;

pub use error::{Error, ErrorKind, Result};
pub use record::{ActivityId, ActivityRecord, Kind, Outcome, Status};
