//! From the start of a call to a committed row: activities, modes, the pipeline, redaction and outcomes.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod activity;
#[cfg(feature = "axum")]
mod errors;
mod event_accounting;
mod layer;
#[cfg(feature = "sqlite")]
mod locked;
mod modes;
#[cfg(all(feature = "axum", feature = "rmcp", feature = "tower-mcp"))]
mod outcomes;
mod pipeline;
mod redaction;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "testing")]
mod testing;
mod wakeups;
