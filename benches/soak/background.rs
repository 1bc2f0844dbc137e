//! The load beside the writer: reading, and pruning by the retention.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use benches::Failure;
use chrono::Utc;
use tower_activity::{
    query::{ActivityReader, MetricsQuery, Window},
    record::Filter,
    store::{ClockReading, Prune, Store, sqlite::SqliteStore},
};

/// The pause between two reads.
const REST: Duration = Duration::from_millis(50);
/// The pause after nothing is left to prune.
const AGAIN: Duration = Duration::from_millis(500);

/// The work that was done beside the writer.
#[derive(Default)]
pub(crate) struct Background {
    /// Activities that this process deleted.
    pub(crate) deleted: u64,
    pub(crate) reads: u64,
}

/// Reads the newest page and a month of metrics until `stop` is set. Returns the number of reads.
pub(crate) fn read(path: &Path, stop: &AtomicBool) -> Result<u64, Failure> {
    let mut reader = ActivityReader::open(path)?;
    let mut reads = 0;
    while !stop.load(Relaxed) {
        reader.page(&Filter::default(), None, 50)?;
        reader.metrics(&MetricsQuery::new(Window::Month, Utc::now()))?;
        reads += 1;
        thread::sleep(REST);
    }
    Ok(reads)
}

/// Prunes by the retention of the file until `stop` is set. Returns the number of deleted activities.
pub(crate) fn prune(path: &Path, stop: &AtomicBool) -> Result<u64, Failure> {
    let begin = Instant::now();
    let mut maintenance = SqliteStore::new(path)?.maintenance()?;
    let mut deleted = 0;
    while !stop.load(Relaxed) {
        let start = Instant::now();
        let reading = ClockReading::new(Utc::now(), begin.elapsed());
        let step = maintenance.prune(Prune::Retention(reading))?;
        deleted += step.activities;
        if step.total() > 0 {
            // As the command does: SQLite's lock is not fair.
            thread::sleep(start.elapsed());
            continue;
        }
        while maintenance.reclaim()? > 0 {}
        thread::sleep(AGAIN);
    }
    Ok(deleted)
}
