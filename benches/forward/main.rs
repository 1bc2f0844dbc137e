//! Forwarding a file to a central store in PostgreSQL: rows per second compared with the same manual statements, the delay until
//! a call can be read there, the size of a row, and the cost for calls.
//!
//! `BENCH_ROWS` sets the number of activities in each file (default 200,000), `BENCH_ROUNDS` that of rounds (3).
#![allow(missing_docs)]

mod calls;
mod delay;
mod manual;
mod rate;

use benches::{Failure, central, is_quick, setting};

fn main() -> Result<(), Failure> {
    let (rows, rounds, seconds) = match is_quick() {
        true => (10_000, 1, 2),
        false => (
            setting("BENCH_ROWS", 200_000),
            setting("BENCH_ROUNDS", 3),
            setting("BENCH_SECONDS", 20),
        ),
    };
    // Arguments are names of parts; Cargo adds `--bench`.
    let words = std::env::args().skip(1);
    let named: Vec<String> = words.filter(|word| !word.starts_with("--")).collect();
    let is_named = |name: &str| named.is_empty() || named.iter().any(|one| one == name);
    let folder = std::env::var_os("BENCH_DIR").unwrap_or_else(|| std::env::temp_dir().into());
    let folder = tempfile::tempdir_in(folder)?;
    let server = central::start(None);
    if is_named("rate") {
        rate::measure(&server, folder.path(), rows, rounds)?;
    }
    if is_named("delay") {
        delay::measure(&server, folder.path(), seconds)?;
    }
    if is_named("calls") {
        calls::measure(&server, folder.path(), if is_quick() { 20 } else { 500 })?;
    }
    Ok(())
}
