//! Hosts: when they were last used, what provides them, what keeps them awake and stops them.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod markers;
#[cfg(unix)]
mod provider;
#[path = "../support/mod.rs"]
mod support;
mod watch;
