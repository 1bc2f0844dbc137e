//! The store: reading, searching, metrics, pruning, erasing, backups, checks, imports, and files that are replaced.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod backup;
#[cfg(feature = "postgres")]
mod central;
#[cfg(all(feature = "postgres", feature = "testing"))]
mod central_reads;
#[cfg(feature = "testing")]
mod checks;
#[cfg(all(feature = "clickhouse", feature = "postgres"))]
mod clickhouse;
#[cfg(feature = "testing")]
mod clock;
#[cfg(feature = "testing")]
mod conformance;
#[cfg(all(feature = "testing", feature = "time-zones"))]
mod digest;
#[cfg(all(feature = "recording", feature = "webhook"))]
mod erase;
#[cfg(feature = "testing")]
mod errors;
#[cfg(feature = "testing")]
mod event_types;
mod events;
mod export;
mod filter;
#[cfg(all(
    feature = "opentelemetry",
    feature = "postgres",
    feature = "recording",
    feature = "testing"
))]
#[path = "../golden/mod.rs"]
mod golden;
#[cfg(feature = "testing")]
mod import;
mod log_file;
#[cfg(feature = "testing")]
mod maintenance;
#[cfg(all(feature = "testing", feature = "time-zones"))]
mod metrics;
mod pages;
mod query;
#[cfg(unix)]
mod replaced;
#[cfg(feature = "testing")]
mod retention;
#[cfg(feature = "testing")]
mod scan_limit;
mod search;
mod shared_file;
#[cfg(feature = "recording")]
mod sql_guide;
#[path = "../support/mod.rs"]
mod support;
#[cfg(all(feature = "testing", feature = "time-zones"))]
mod unknown;
