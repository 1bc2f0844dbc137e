//! Recordings: of browsers, terminals and whatever else hands over chunks.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod attachments;
#[cfg(feature = "browser")]
mod browser;
mod kept;
#[path = "../support/mod.rs"]
mod support;
