//! What the benches have in common: rows to ask for, medians with their spread, and the lines that machines read.

pub mod fill;
mod stats;

pub use stats::{Spread, print_ratio, quantile};

/// Whatever ends a run.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// True when a short run is asked for: it checks that a bench works, its figures mean little.
pub fn is_quick() -> bool {
    std::env::var_os("BENCH_QUICK").is_some_and(|value| value != "0")
}

/// A setting of a bench, from the environment.
pub fn setting(name: &str, default: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}
