//! A central store in ClickHouse's engine: rows per second of the intake compared with the same rows inserted as `RowBinary`, bytes per
//! row, and reads of a tenth of the activities and of all.
//!
//! `BENCH_ROWS` sets the number of activities (default 20,000,000), `BENCH_TIMES` that of runs of each read (20).
#![allow(missing_docs)]

mod rate;
#[path = "../central/reads.rs"]
mod reads;

use std::time::{Duration, Instant};

use benches::{
    Failure,
    central::{BATCH, Log, Rows, clickhouse::Server},
    is_quick, print_ratio, setting,
};
use chrono::{TimeDelta, Utc};
use tower_activity::{
    query::ActivityReader,
    store::{Store, clickhouse::ClickHouseStore},
};

/// The reads that are measured, unless arguments name others.
const READS: [&str; 5] = [
    "newest_page",
    "project_page",
    "rare_word",
    "month_overall",
    "errors_day",
];
/// The days and the logs of the activities.
const DAYS: i64 = 30;
const LOGS: usize = 4;

fn main() -> Result<(), Failure> {
    let (rows, times, rounds) = match is_quick() {
        true => (2_000_000, 3, 1),
        false => (
            setting("BENCH_ROWS", 20_000_000),
            setting("BENCH_TIMES", 20),
            setting("BENCH_ROUNDS", 3),
        ),
    };
    // Arguments are names of reads; Cargo adds `--bench`.
    let words = std::env::args().skip(1);
    let mut named: Vec<String> = words.filter(|word| !word.starts_with("--")).collect();
    if named.is_empty() {
        named = READS.map(str::to_owned).to_vec();
    }
    let server = Server::start();
    rate::measure(&server, rounds)?;
    let mut p50 = Vec::new();
    for rows in [rows / 10, rows] {
        let database = format!("rows_{rows}");
        let url = url(&server, &database);
        let all = Rows {
            rows,
            logs: LOGS,
            span: TimeDelta::days(DAYS),
            end: Utc::now(),
        };
        let took = load(&url, all)?;
        let rate = rows as f64 / took.as_secs_f64();
        println!("\n{rows} activities, {rate:.0} rows/s");
        let health = ClickHouseStore::new(&url)?.reader()?.health()?;
        let bytes = health.sizes.activities as f64 / rows as f64;
        print_ratio(&format!("clickhouse_{rows}_bytes_per_row"), bytes);
        let mut reader = ActivityReader::open(&url)?;
        let data = reads::Data {
            end: all.end,
            days: DAYS,
            logs: LOGS,
        };
        for answer in reads::measure(&mut reader, data, times, &named)? {
            let name = format!("clickhouse_{rows}_{}_p50_ms", answer.name);
            print_ratio(&name, answer.p50_ms);
            print_ratio(&name.replace("p50", "p99"), answer.p99_ms);
            p50.push((answer.name, answer.p50_ms));
        }
    }
    let (few, many) = p50.split_at(p50.len() / 2);
    for ((name, few), (_, many)) in few.iter().zip(many) {
        print_ratio(&format!("clickhouse_{name}_growth"), many / few);
    }
    Ok(())
}

/// Returns the address of a database.
fn url(server: &Server, database: &str) -> String {
    format!(
        "clickhouse://default@127.0.0.1:{}/{database}",
        server.port()
    )
}

/// Sends the activities through the intakes of all logs in turn. Returns how long these took.
fn load(url: &str, all: Rows) -> Result<Duration, Failure> {
    let store = ClickHouseStore::new(url)?;
    let mut took = Duration::ZERO;
    let logs: Result<Vec<Log>, Failure> = (0..all.logs)
        .map(|number| Log::connect(&store, number))
        .collect();
    let mut logs = logs?;
    for first in (0..all.of_log()).step_by(BATCH) {
        let numbers = first..(first + BATCH).min(all.of_log());
        for (number, log) in logs.iter_mut().enumerate() {
            let batch = log.cut(all.batch(number, numbers.clone()));
            let start = Instant::now();
            log.intake.accept(&batch)?;
            took += start.elapsed();
        }
        let start = Instant::now();
        logs[0].intake.fold()?;
        took += start.elapsed();
    }
    logs[0].intake.fold_accepted()?;
    for log in &mut logs {
        log.intake.disconnect()?;
    }
    Ok(took)
}
