//! Faults beside the command: foreign clients write the store, processes are killed, and power is lost; `activity doctor` then agrees.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::disallowed_macros, unreachable_pub)]

mod foreign_clients;
mod kills;
mod power_loss;
#[path = "../../../tests/support/mod.rs"]
mod support;
