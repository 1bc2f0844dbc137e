//! Rows per second, of one log and of three, with and without the way through the forwarder.

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use benches::{
    Failure, Spread,
    central::{self, BATCH, Log, Server},
    fill, milliseconds, print_ratio, quantile,
};
use chrono::{TimeDelta, Utc};
use tower_activity::{
    ActivityLog,
    forward::Forwarder,
    query::ActivityReader,
    record::{ActivityRecord, Filter},
    store::{Position, postgres::PostgresStore},
};

use crate::manual::Manual;

/// The time in which the activities of a file were recorded: 56 a second, with the default number.
const SPAN: TimeDelta = TimeDelta::hours(1);
/// The number of files that are forwarded at once.
const LOGS: usize = 3;

/// Compares the forwarder with manual inserts, in turn.
pub(crate) fn measure(
    server: &Server,
    folder: &Path,
    rows: usize,
    rounds: usize,
) -> Result<(), Failure> {
    let files: Vec<PathBuf> = (0..LOGS)
        .map(|number| folder.join(format!("{number}.db")))
        .collect();
    for file in &files {
        ActivityLog::open(file)?.shutdown().wait()?;
        fill::fill_span(file, rows, SPAN, Utc::now())?;
    }
    let mut rates = [const { Vec::new() }; 5];
    let mut took = Vec::new();
    for _ in 0..rounds {
        let url = server.database();
        let forwarded = forward(&files[..1], &url)?;
        rates[0].push(rows as f64 / forwarded.as_secs_f64());
        print_size(server, &url, rows)?;

        let manual = Manual::read(&url)?;
        let url = server.database();
        drop(Log::connect(&PostgresStore::new(&url)?, 0)?);
        let inserted = manual.insert(&url)?;
        rates[1].push(rows as f64 / inserted.as_secs_f64());

        let url = server.database();
        let (accepted, folded, each) = accept(&files[0], &url)?;
        rates[2].push(rows as f64 / accepted.as_secs_f64());
        rates[3].push(rows as f64 / folded.as_secs_f64());
        took.extend(each);

        let url = server.database();
        let forwarded = forward(&files, &url)?;
        rates[4].push((rows * LOGS) as f64 / forwarded.as_secs_f64());
    }
    took.sort_unstable();
    let names = [
        "forwarder, one log, with sums",
        "the same inserts, manually, no sums",
        "intake alone, no sums",
        "sums alone",
        "forwarders of three logs, with sums",
    ];
    println!("\n{:<40} rows/s (quartiles)", "");
    let spreads = rates.map(Spread::new);
    for (name, spread) in names.iter().zip(&spreads) {
        println!("{name:<40} {spread}");
    }
    println!(
        "a batch was accepted in {:.0} ms (p50), {:.0} ms (p99), {:.0} ms at most",
        milliseconds(quantile(&took, 0.5)),
        milliseconds(quantile(&took, 0.99)),
        milliseconds(quantile(&took, 1.0)),
    );
    println!();
    let [forwarder, manual, intake, sums, three] = spreads.map(|spread| spread.median);
    print_ratio("forward_vs_manual", forwarder / manual);
    print_ratio("forward_accept_vs_manual", intake / manual);
    print_ratio("forward_rows_per_second", forwarder);
    print_ratio("forward_rows_per_second_three", three);
    print_ratio("forward_sums_rows_per_second", sums);
    Ok(())
}

/// Forwards files at once, each on a thread of its own.
fn forward(files: &[PathBuf], url: &str) -> Result<Duration, Failure> {
    drop(Log::connect(&PostgresStore::new(url)?, 99)?);
    let start = Instant::now();
    thread::scope(|scope| {
        let threads: Vec<_> = files
            .iter()
            .map(|file| {
                scope.spawn(move || -> Result<(), Failure> {
                    Forwarder::open(file, url)?.forward_all(|_| {})?;
                    Ok(())
                })
            })
            .collect();
        for thread in threads {
            thread.join().map_err(|_| "a forwarder panicked")??;
        }
        Ok::<_, Failure>(())
    })?;
    Ok(start.elapsed())
}

/// Sends the same batches to the intake, and then counts them. Returns how long both took, and each batch.
fn accept(file: &Path, url: &str) -> Result<(Duration, Duration, Vec<Duration>), Failure> {
    let mut reader = ActivityReader::open(file)?;
    let mut log = Log::connect(&PostgresStore::new(url)?, 0)?;
    let mut batches = Vec::new();
    let mut position = Position::<ActivityRecord>::START;
    let mut batch = Vec::new();
    loop {
        let page = reader.after(position, &Filter::default(), BATCH - batch.len())?;
        let is_end = page.records.is_empty();
        position = page.next;
        batch.extend(page.records);
        if batch.len() == BATCH || is_end {
            batches.push(log.cut(std::mem::take(&mut batch)));
        }
        if is_end {
            break;
        }
    }
    let mut each = Vec::new();
    for batch in &batches {
        let start = Instant::now();
        log.intake.accept(batch)?;
        each.push(start.elapsed());
    }
    let start = Instant::now();
    while log.intake.fold()? > 0 {}
    Ok((each.iter().sum(), start.elapsed(), each))
}

/// Prints the bytes of a row with its part of all indexes, after a vacuum.
fn print_size(server: &Server, url: &str, rows: usize) -> Result<(), Failure> {
    let database = url.rsplit('/').next().unwrap_or_default();
    let bytes =
        "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname ~ '^activity_[0-9]+$'";
    central::query(server, database, "VACUUM")?;
    let bytes: f64 = central::query(server, database, bytes)?.parse()?;
    print_ratio("forward_bytes_per_row", bytes / rows as f64);
    Ok(())
}
