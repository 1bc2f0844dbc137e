//! Reads of a central store in PostgreSQL with many activities of many logs.
//!
//! Activities of 30 days, 200 projects, 2,000 agents and 50 logs are sent through the store's intake, as forwarders do, and
//! counted in the sums; then each read runs many times. `BENCH_ROWS` sets their number (default 10,000,000), `BENCH_LOGS` that of
//! the logs. `BENCH_STORE` names a folder whose cluster is kept and reused; an interrupted load is continued.
#![allow(missing_docs)]

mod load;
mod plans;
mod reads;
mod retired;

use std::path::PathBuf;

use benches::{Failure, central, is_quick, print_ratio, setting};
use chrono::TimeDelta;
use tower_activity::{query::ActivityReader, record::Filter};

fn main() -> Result<(), Failure> {
    let (rows, logs, times) = match is_quick() {
        true => (40_000, 4, 5),
        false => (
            setting("BENCH_ROWS", 10_000_000),
            setting("BENCH_LOGS", 50),
            setting("BENCH_TIMES", 100),
        ),
    };
    let kept = std::env::var_os("BENCH_STORE").map(PathBuf::from);
    let server = central::start(kept.as_deref());
    let url = central::database(&server)?;
    // A day has enough rows to be read by its indexes.
    let days = (rows / 10_000).clamp(1, 30) as i64;
    load::load(&server, &url, rows, logs, TimeDelta::days(days))?;

    // Arguments are names of reads; Cargo adds `--bench`.
    let words = std::env::args().skip(1);
    let named: Vec<String> = words.filter(|word| !word.starts_with("--")).collect();
    let mut reader = ActivityReader::open(&url)?;
    let newest = reader.page(&Filter::default(), None, 1)?;
    let end = newest
        .records
        .first()
        .ok_or("the store is empty")?
        .started_at;
    println!(
        "\n  {:<44} {:>10} {:>10} {:>10}",
        "", "p50 ms", "p99 ms", "goal"
    );
    let data = reads::Data { end, days, logs };
    let answers = reads::measure(&mut reader, data, times, &named)?;
    plans::check(&server, &url, data, &named)?;
    if named.is_empty() || named.iter().any(|one| one == "retired") {
        retired::measure(&server, &url, data, times)?;
    }
    println!();
    for answer in &answers {
        print_ratio(&format!("central_{}_p50_ms", answer.name), answer.p50_ms);
        print_ratio(&format!("central_{}_p99_ms", answer.name), answer.p99_ms);
    }
    Ok(())
}
