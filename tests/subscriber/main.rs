//! With subscribers of `tracing`: the bridge, traces, OpenTelemetry, and the log's own events.
//!
//! A binary of its own: if a thread without a subscriber reaches a callsite first, `tracing` may cache that no subscriber is
//! interested, for other threads as well.
#![allow(clippy::unwrap_used, unreachable_pub)]

#[cfg(feature = "subscriber")]
mod bridge;
mod lifecycle;
#[cfg(all(feature = "opentelemetry", feature = "rmcp"))]
mod otel;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "http")]
mod trace;
