//! Forwarding: a central store has what the files have, once, whatever is stopped, killed, copied or put back.
#![allow(clippy::unwrap_used, unreachable_pub)]

#[cfg(feature = "clickhouse")]
mod clickhouse;
mod compare;
#[cfg(unix)]
mod fleet;
#[cfg(target_os = "linux")]
mod full_disk;
mod identity;
#[cfg(unix)]
mod kill;
mod log;
mod lossy;
mod network;
mod outage;
mod retention;
mod retry;
#[cfg(unix)]
mod secrets;
mod sequences;
mod server;
mod standby;
#[path = "../support/mod.rs"]
mod support;
