//! Recordings of browsers, terminals and other resources.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod attachments;
#[cfg(feature = "browser")]
mod browser;
mod read_back;
#[path = "../support/mod.rs"]
mod support;
