//! Over HTTP: calls that are recorded, the API that reads them, webhooks that tell of them.
#![allow(clippy::unwrap_used, unreachable_pub)]

#[cfg(all(feature = "axum", feature = "testing"))]
mod requests;
#[path = "../support/mod.rs"]
mod support;
#[cfg(all(feature = "axum", feature = "web", feature = "time-zones"))]
mod web;
#[cfg(feature = "webhook")]
mod webhook;
