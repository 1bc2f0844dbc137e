//! Beside subscribers of `tracing`: the bridge, traces, OpenTelemetry, and what the log itself says.
//!
//! A binary of its own: where a thread without a subscriber comes to a span or a line first, `tracing` may remember that
//! nobody wants it, also where another thread has one.
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
