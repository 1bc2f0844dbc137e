//! The command `activity`, run as people and scripts run it, on stores that real logs wrote.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod busy;
mod digest;
mod doctor;
mod events;
mod export;
mod host;
mod import;
mod list;
mod mcp;
mod place;
mod recording;
mod retention;
mod serve;
mod show;
mod stats;
mod tail;
mod upkeep;
mod webhooks;
