//! Servers built with `tower-mcp`.

mod additions;
mod classify;
mod describe;
mod layer;

pub use layer::{CallFuture, ToolsLayer, ToolsService};
