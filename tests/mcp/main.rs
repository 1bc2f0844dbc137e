//! Tool servers: calls by real clients become activities, and responses are unchanged.
#![allow(clippy::unwrap_used, unreachable_pub)]

#[cfg(all(feature = "rmcp", feature = "http"))]
mod conversations;
#[cfg(feature = "mcp")]
mod figures;
#[cfg(feature = "rmcp")]
mod forwarding;
#[cfg(feature = "mcp")]
mod full_captures;
#[cfg(feature = "mcp")]
mod http_tap;
#[cfg(feature = "rmcp")]
mod intent;
#[cfg(feature = "rmcp")]
mod operations;
#[cfg(feature = "rmcp")]
mod refusals;
#[cfg(feature = "mcp")]
mod rewriting;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "rmcp")]
mod tools;
#[cfg(feature = "tower-mcp")]
mod tower_mcp;
#[cfg(feature = "mcp")]
mod wire;
#[cfg(feature = "mcp")]
mod wire_streams;
