//! The raw side: one loop of inserts into the same tables, as fast as SQLite allows.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rusqlite::{Connection, Transaction, params};
use tower_activity::ActivityLog;

use crate::{Failure, Side, sample::Sample};

/// The rows per transaction, as many as the log's.
const BATCH: usize = 10_000;
const INSERT: &str = "
INSERT INTO activity (id, kind, name, status, started_at, duration_ns, instance, project, agent, actor, environment,
                      error_type, message, attributes)
VALUES (?1, 1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, 2, ?9, ?10, ?11)";
const FOLD: &str = "
INSERT INTO bucket (scope, scope_id, quarter, count, failed, cancelled, timed, sum_ns, min_ns, max_ns)
VALUES (?1, ?2, ?3, ?4, ?5, 0, ?4, ?6, ?7, ?8)
ON CONFLICT (scope, scope_id, quarter) DO UPDATE SET
  count = count + excluded.count, failed = failed + excluded.failed, timed = timed + excluded.timed,
  sum_ns = sum_ns + excluded.sum_ns, min_ns = min(min_ns, excluded.min_ns), max_ns = max(max_ns, excluded.max_ns)";

/// Whether the loop keeps sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Buckets {
    None,
    /// Overall, by project and by name, without latency sketches.
    Folded,
}

pub(crate) struct Raw {
    connection: Connection,
    path: PathBuf,
    buckets: Buckets,
    random: u64,
}

/// The sums of one bucket in one transaction.
#[derive(Debug, Default)]
struct Sums {
    count: i64,
    failed: i64,
    sum_ns: i64,
    min_ns: i64,
    max_ns: i64,
}

impl Raw {
    pub(crate) fn open(path: &Path, synchronous: &str, buckets: Buckets) -> Result<Self, Failure> {
        // A log creates the tables; then the loop has the file to itself.
        ActivityLog::open(path)?.shutdown().wait()?;
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA wal_autocheckpoint = 10000; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;",
        )?;
        connection.pragma_update(None, "synchronous", synchronous)?;
        Ok(Raw {
            connection,
            path: path.to_owned(),
            buckets,
            random: 0x2545_f491_4f6c_dd1d,
        })
    }

    fn batch(&mut self, numbers: std::ops::Range<usize>) -> rusqlite::Result<()> {
        let mut sums = HashMap::new();
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for number in numbers {
                let sample = Sample::new(number);
                let now_us = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .map_or(0, |since| since.as_micros() as i64);
                let duration_ns = 1000 + sample.rows;
                insert.execute(params![
                    id(now_us, &mut self.random),
                    10 + sample.tool as i64,
                    if sample.fails { 2 } else { 1 },
                    now_us,
                    duration_ns,
                    100 + sample.project as i64,
                    1000 + sample.agent as i64,
                    5000 + sample.actor as i64,
                    sample.fails.then_some("timeout"),
                    sample
                        .fails
                        .then_some("the upstream did not answer within 30 s"),
                    format!("{{\"rows\":{}}}", sample.rows),
                ])?;
                if self.buckets == Buckets::Folded {
                    let quarter = now_us / 900_000_000;
                    for key in [
                        (0, 0, quarter),
                        (1, 100 + sample.project as i64, quarter),
                        (2, 10 + sample.tool as i64, quarter),
                    ] {
                        add(sums.entry(key).or_default(), sample.fails, duration_ns);
                    }
                }
            }
        }
        fold(&transaction, sums)?;
        transaction.commit()
    }
}

fn add(sums: &mut Sums, fails: bool, duration_ns: i64) {
    sums.min_ns = if sums.count == 0 {
        duration_ns
    } else {
        sums.min_ns.min(duration_ns)
    };
    sums.max_ns = sums.max_ns.max(duration_ns);
    sums.count += 1;
    sums.failed += i64::from(fails);
    sums.sum_ns += duration_ns;
}

fn fold(
    transaction: &Transaction<'_>,
    sums: HashMap<(i64, i64, i64), Sums>,
) -> rusqlite::Result<()> {
    let mut fold = transaction.prepare_cached(FOLD)?;
    for ((scope, id, quarter), sums) in sums {
        fold.execute(params![
            scope,
            id,
            quarter,
            sums.count,
            sums.failed,
            sums.sum_ns,
            sums.min_ns,
            sums.max_ns
        ])?;
    }
    Ok(())
}

/// Returns a UUIDv7: the time, then random bits (xorshift).
fn id(now_us: i64, random: &mut u64) -> [u8; 16] {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    let (ms, rest) = (now_us as u64 / 1000, now_us as u64 % 1000);
    let high = (ms << 16) | 0x7000 | (rest * 4096).div_ceil(1000);
    let both = (u128::from(high) << 64) | u128::from((*random >> 2) | (1 << 63));
    both.to_be_bytes()
}

impl Side for Raw {
    fn write(&mut self, from: usize, count: usize) -> Result<Duration, Failure> {
        let mut longest = Duration::ZERO;
        for first in (from..from + count).step_by(BATCH) {
            let start = Instant::now();
            self.batch(first..(first + BATCH).min(from + count))?;
            longest = longest.max(start.elapsed());
        }
        Ok(longest)
    }

    fn close(self: Box<Self>, rows: usize) -> Result<(), Failure> {
        drop(self.connection);
        settle(&self.path, rows)
    }
}

/// Takes what waits in the side file into the main one, and fails unless that has so many rows.
pub(crate) fn settle(path: &Path, rows: usize) -> Result<(), Failure> {
    let connection = Connection::open(path)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let found: i64 = connection.query_row("SELECT count(*) FROM activity", [], |row| row.get(0))?;
    if found == rows as i64 {
        Ok(())
    } else {
        Err(format!(
            "{found} of {rows} activities are rows of {}",
            path.display()
        )
        .into())
    }
}
