//! Servers built with the official Rust SDK.

mod answer;
mod client_request;
mod forward;
mod recorder;
mod router;
mod wrapper;

pub use client_request::{ByClient, ClientRequestExt};
pub use router::RouterWithActivity;
pub use wrapper::{ToolServer, WithActivity, WithActivityExt};
