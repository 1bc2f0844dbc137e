//! The load beside the writer: reading, dashboards over HTTP, and pruning by the retention.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use benches::Failure;
use chrono::Utc;
use tokio::runtime::Runtime;
use tower_activity::{
    query::{ActivityReader, MetricsQuery, Window},
    record::Filter,
    store::{ClockReading, Prune, Store, sqlite::SqliteStore},
    web::{ActivityRouter, Server},
};

use crate::client;

/// The pause between two reads.
const REST: Duration = Duration::from_millis(50);
/// Requests per second, over connections that are new each second.
const REQUESTS: usize = 20;
/// The paths that dashboards request.
const REQUESTED: [&str; 5] = [
    "/api/activities?limit=50",
    "/api/activities?q=project:acme+status:failed&limit=50",
    "/api/metrics/overall?window=month",
    "/api/health",
    "/api/activities?q=has:recording&limit=50",
];
/// The pause after nothing is left to prune.
const AGAIN: Duration = Duration::from_millis(500);

/// The work that was done beside the writer.
#[derive(Default)]
pub(crate) struct Background {
    /// Activities that this process deleted.
    pub(crate) deleted: u64,
    pub(crate) reads: u64,
    /// Requests over HTTP.
    pub(crate) requests: u64,
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

/// Serves the log, and sends requests as dashboards do until `stop` is set. Returns their number.
pub(crate) fn serve(path: &Path, stop: &AtomicBool) -> Result<u64, Failure> {
    let runtime = Runtime::new()?;
    runtime.block_on(async {
        let server = Server::bind("127.0.0.1:0", ActivityRouter::open(path)?).await?;
        let address = server.address();
        let serving = tokio::spawn(server.run());
        let mut requests = 0;
        while !stop.load(Relaxed) {
            let paths = (0..REQUESTS).map(|number| REQUESTED[number % REQUESTED.len()].to_owned());
            client::ask(address, None, paths.collect(), REQUESTS).await?;
            requests += REQUESTS as u64;
        }
        serving.abort();
        Ok(requests)
    })
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
