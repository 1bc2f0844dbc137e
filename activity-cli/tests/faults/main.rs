//! Faults beside the command: foreign clients write the store, and processes are killed; `activity doctor` then agrees.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, unreachable_pub)]

mod foreign_clients;
mod kills;
#[path = "../../../tests/support/mod.rs"]
mod support;
