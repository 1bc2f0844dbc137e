//! The API and the pages of the router.

mod api;
#[cfg(feature = "postgres")]
mod central;
mod description;
mod errors;
mod failures;
mod health;
mod limits;
mod live;
mod live_client;
mod mcp;
mod metrics;
mod openmetrics;
#[cfg(feature = "dashboard")]
mod pages;
mod recordings;
mod security;
mod server;
mod service;
mod shares;
mod strangers;
mod support;
mod tokens;
mod tree;
#[cfg(feature = "webhook")]
mod webhooks;
mod write;
