//! Servers built with the official Rust SDK.

mod answer;
mod client_request;
mod forward;
mod operations;
mod recorder;
mod router;
mod wrapper;

pub use client_request::{ByClient, ClientRequestExt};
pub(super) use operations::Operations;
pub use router::RouterWithActivity;
pub use wrapper::{ToolServer, WithActivity, WithActivityExt};
