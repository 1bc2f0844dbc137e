//! HTTP: recorded requests, the API and the dashboard, webhooks.
#![allow(clippy::unwrap_used, unreachable_pub)]

#[cfg(all(feature = "axum", feature = "testing"))]
mod requests;
#[path = "../support/mod.rs"]
mod support;
#[cfg(all(feature = "axum", feature = "web", feature = "time-zones"))]
mod web;
#[cfg(feature = "webhook")]
mod webhook;
