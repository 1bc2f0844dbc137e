//! Queries over many rows: lists, metrics, searches and exports, each compared with a scan of the rows.
//!
//! Activities of 30 days, 200 projects and 2,000 agents are written directly into a log's tables, which takes a minute
//! instead of half an hour; sums and index are then built by the store's maintenance. `BENCH_ROWS` sets their number
//! (default 10,000,000). `BENCH_STORE` names a file that is kept and reused; an interrupted index is continued.
#![allow(missing_docs)]

mod live;
mod memory;
mod questions;
mod scan;
mod start;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use benches::{Failure, fill, is_quick, print_ratio, setting};
use chrono::Utc;
use tower_activity::{
    ActivityLog,
    query::{ActivityReader, Export, Format},
    record::Filter,
    store::{Store, sqlite::SqliteStore},
};

/// The most activities to export: enough to measure a rate.
const EXPORTED: u64 = 1_000_000;

fn main() -> Result<(), Failure> {
    let (rows, times) = match is_quick() {
        true => (100_000, 20),
        false => (setting("BENCH_ROWS", 10_000_000), 400),
    };
    let folder = std::env::var_os("BENCH_DIR").unwrap_or_else(|| std::env::temp_dir().into());
    let folder = tempfile::tempdir_in(folder)?;
    let path = match std::env::var_os("BENCH_STORE") {
        Some(path) => path.into(),
        None => folder.path().join("query.db"),
    };
    let end = Utc::now();
    if !path.exists() {
        ActivityLog::open(&path)?.shutdown().wait()?;
        let start = Instant::now();
        fill::fill(&path, rows, end)?;
        print_step("rows, without a log", rows, start.elapsed(), &path)?;
        add_up(&path, rows)?;
    }
    index(&path)?;

    // Arguments are names of queries; Cargo adds `--bench`.
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let mut reader = ActivityReader::open(&path)?;
    println!("\n  {:<40} {:>10} {:>10}", "", "p50 ms", "p99 ms");
    let answers = questions::ask(&mut reader, end, times, &named)?;
    let mut scans = Vec::new();
    if named.is_empty() {
        scans.extend(scan::scan(&path, end)?);
        export(&mut reader)?;
    }
    if named.is_empty() || named.iter().any(|one| one == "live") {
        live::search_while_recording(folder.path())?;
    }
    if named.is_empty() || named.iter().any(|one| one == "start") {
        start::start(&path)?;
    }
    println!();
    for answer in &answers {
        print_ratio(&format!("query_{}_p50_ms", answer.name), answer.p50_ms);
        print_ratio(&format!("query_{}_p99_ms", answer.name), answer.p99_ms);
    }
    for (name, scan_ms) in scans {
        let answer = answers.iter().find(|answer| answer.name == name);
        let answer = answer.ok_or("a scan has no question beside it")?;
        print_ratio(&format!("query_scan_vs_{name}"), scan_ms / answer.p50_ms);
    }
    Ok(())
}

/// Builds the sums.
fn add_up(path: &Path, rows: usize) -> Result<(), Failure> {
    let mut maintenance = SqliteStore::new(path)?.maintenance()?;
    let start = Instant::now();
    let quarters = maintenance.rebuildable(0)?;
    for first in quarters.clone().step_by(4) {
        maintenance.rebuild(first..quarters.end.min(first + 4))?;
    }
    print_step("sums", rows, start.elapsed(), path)
}

/// Builds the index, as a log does when idle, or the rest of an interrupted one.
fn index(path: &Path) -> Result<(), Failure> {
    let mut maintenance = SqliteStore::new(path)?.maintenance()?;
    let (start, mut longest, mut rows) = (Instant::now(), Duration::ZERO, 0);
    let cpu = processor_time();
    loop {
        let step = Instant::now();
        let indexed = maintenance.index()?;
        if indexed == 0 {
            break;
        }
        rows += usize::try_from(indexed)?;
        longest = longest.max(step.elapsed());
    }
    if rows > 0 {
        print_step("index and sums of agents", rows, start.elapsed(), path)?;
        let cpu = processor_time() - cpu;
        println!(
            "  {:.1} µs of processor time per row, the longest step took {:.0} ms; the index has {:.1} bytes per row",
            cpu.as_secs_f64() * 1e6 / rows as f64,
            milliseconds(longest),
            index_bytes(path)? as f64 / rows as f64
        );
    }
    Ok(())
}

fn print_step(what: &str, rows: usize, time: Duration, path: &Path) -> Result<(), Failure> {
    let (rows, seconds) = (rows as f64, time.as_secs_f64());
    let bytes = std::fs::metadata(path)?.len() as f64;
    println!(
        "{what}: {seconds:.1} s, {:.0} rows/s, the file now has {:.0} MB",
        rows / seconds,
        bytes / 1e6
    );
    Ok(())
}

fn export(reader: &mut ActivityReader) -> Result<(), Failure> {
    let mut export = Export::activities(Filter::default(), Format::JsonLines);
    let (mut page, mut bytes) = (Vec::new(), 0);
    let before_kb = memory::peak_from_now();
    let start = Instant::now();
    while export.page(reader, &mut page)? && export.records() < EXPORTED {
        bytes += page.len();
        page.clear();
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "\nexported {} activities as JSON Lines: {:.0} rows/s, {:.0} MB/s, {} KB of memory, at most {} KB more",
        export.records(),
        export.records() as f64 / seconds,
        bytes as f64 / 1e6 / seconds,
        before_kb,
        memory::peak().saturating_sub(before_kb),
    );
    Ok(())
}

/// User and system time of the process.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.cast_unsigned(), now.tv_nsec as u32)
}

/// Bytes of the search index, without the rest of its pages.
fn index_bytes(path: &Path) -> Result<i64, Failure> {
    let store = rusqlite::Connection::open(path)?;
    let sql = "SELECT (SELECT sum(length(block)) FROM activity_search_data) \
         + (SELECT sum(length(sz) + 10) FROM activity_search_docsize)";
    Ok(store.query_row(sql, (), |row| row.get(0))?)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
