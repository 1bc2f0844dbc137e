//! What is on record over HTTP.

mod api;
mod description;
mod ear;
mod health;
mod limits;
mod live;
#[cfg(feature = "dashboard")]
mod pages;
mod security;
mod server;
mod shares;
mod support;
mod tree;
#[cfg(feature = "webhook")]
mod webhooks;
mod write;
