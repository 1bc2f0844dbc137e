//! Servers built with the official Rust SDK.

mod answer;
mod forward;
mod operations;
mod recorder;
mod router;
mod tools;
mod wrapper;

pub use router::RouterWithActivity;
pub use tools::{Tool, Tools};
pub use wrapper::{WithActivity, WithActivityExt};
