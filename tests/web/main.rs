//! What is on record over HTTP.
#![allow(clippy::unwrap_used)]

mod api;
mod live;
mod server;
mod support;
