//! Shared by the benches: filling a store, statistics, and machine-readable lines.

#[cfg(any(feature = "postgres", feature = "clickhouse"))]
pub mod central;
pub mod fill;
mod stats;

pub use stats::{Spread, print_ratio, quantile};

/// An error that ends a run.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Returns true if `BENCH_QUICK` asks for a short run, which checks that a bench works; its figures mean little.
pub fn is_quick() -> bool {
    std::env::var_os("BENCH_QUICK").is_some_and(|value| value != "0")
}

/// Reads a setting of a bench from the environment.
pub fn setting(name: &str, default: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

/// The number of milliseconds.
pub fn milliseconds(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
