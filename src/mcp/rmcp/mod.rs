//! Servers built with the official Rust SDK.

mod answer;
mod forward;
mod operations;
mod recorder;
mod router;
mod wrapper;

pub(super) use operations::Operations;
pub use router::RouterWithActivity;
pub use wrapper::{ToolServer, WithActivity, WithActivityExt};
