//! Hosts: markers, providers, keep-awake and watchers.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod markers;
#[cfg(unix)]
mod provider;
#[path = "../support/mod.rs"]
mod support;
mod watch;
