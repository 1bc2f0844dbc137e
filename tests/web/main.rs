//! What is on record over HTTP.
#![allow(clippy::unwrap_used)]

mod api;
mod live;
mod security;
mod server;
mod support;
