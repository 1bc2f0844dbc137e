//! The same results from a scan of the rows, without sums and index.

use std::{path::Path, time::Instant};

use benches::{Failure, fill::DAYS};
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Connection;

use crate::milliseconds;

const MONTH: &str = "SELECT started_at / 3600000000, count(*), sum(status = 2), sum(status = 3), avg(duration_ns), \
     min(duration_ns), max(duration_ns), count(DISTINCT agent) FROM activity WHERE started_at >= ?1 GROUP BY 1";
const WORD: &str = "SELECT id FROM activity WHERE started_at >= ?1 AND message LIKE '%ticket7 %' \
     ORDER BY id DESC LIMIT 50";

/// Runs the scans for the named queries, and prints milliseconds.
pub(crate) fn scan(path: &Path, end: DateTime<Utc>) -> Result<[(&'static str, f64); 2], Failure> {
    let store = Connection::open(path)?;
    let from_us = (end - TimeDelta::days(DAYS)).timestamp_micros();
    let time = |what: &str, sql: &str| -> Result<f64, Failure> {
        let start = Instant::now();
        let mut statement = store.prepare(sql)?;
        let mut rows = statement.query([from_us])?;
        while rows.next()?.is_some() {}
        let took_ms = milliseconds(start.elapsed());
        println!("  {what:<40} {took_ms:>10.0}");
        Ok(took_ms)
    };
    Ok([
        (
            "month_overall",
            time("a scan: a month, overall, no percentiles", MONTH)?,
        ),
        (
            "rare_word",
            time("a scan: newest 50 with a rare word", WORD)?,
        ),
    ])
}
