//! What happens beside the writer: reading, and deleting what the retention does not keep.

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

/// How long a reader rests between two reads.
const REST: Duration = Duration::from_millis(50);
/// How long until something is deleted again, once nothing is left.
const AGAIN: Duration = Duration::from_millis(500);

/// What was done beside the writer.
#[derive(Default)]
pub(crate) struct Beside {
    /// Activities that were deleted by this process.
    pub(crate) deleted: u64,
    pub(crate) reads: u64,
}

/// Reads the newest page and a month of metrics until it is told to stop. Returns how often.
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

/// Follows the retention of the file until it is told to stop. Returns how many activities were deleted.
pub(crate) fn prune(path: &Path, stop: &AtomicBool) -> Result<u64, Failure> {
    let begin = Instant::now();
    let mut upkeep = SqliteStore::new(path)?.maintenance()?;
    let mut deleted = 0;
    while !stop.load(Relaxed) {
        let start = Instant::now();
        let reading = ClockReading::new(Utc::now(), begin.elapsed());
        let step = upkeep.prune(Prune::Retention(reading))?;
        deleted += step.activities;
        if step.total() > 0 {
            // As the command does: SQLite's lock is not fair.
            thread::sleep(start.elapsed());
            continue;
        }
        while upkeep.reclaim()? > 0 {}
        thread::sleep(AGAIN);
    }
    Ok(deleted)
}
