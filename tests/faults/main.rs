//! Faults that cost a process: it is killed, its disk is full, its store fails, foreign clients write its file.
#![allow(clippy::unwrap_used, unreachable_pub)]

#[cfg(unix)]
mod crash;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(feature = "testing")]
mod fault_schedule;
#[path = "../support/mod.rs"]
mod support;
