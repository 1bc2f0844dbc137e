//! Faults: kills, full disks, failing stores, and foreign clients that write to the file.
#![allow(clippy::unwrap_used, unreachable_pub)]

#[cfg(unix)]
mod crash;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(feature = "testing")]
mod fault_schedule;
#[path = "../support/mod.rs"]
mod support;
