//! The time from the end of a call until a follower of the central store sees it, at 1,000 calls a second.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use benches::{
    Failure,
    central::{Log, Server},
    milliseconds, print_ratio, quantile,
};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, Filter},
    store::postgres::PostgresStore,
};

/// Between two calls.
const EVERY: Duration = Duration::from_millis(1);
/// Between two looks of the follower.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) fn measure(server: &Server, folder: &Path, seconds: usize) -> Result<(), Failure> {
    let url = server.database();
    drop(Log::connect(&PostgresStore::new(&url)?, 0)?);
    let log = ActivityLog::builder()
        .forward_to(&*url)
        .open(folder.join("delay.db"))?;
    let mut reader = ActivityReader::open(&url)?;
    let mut position = reader.newest::<ActivityRecord>()?;
    let ended = Mutex::new(HashMap::<ActivityId, Instant>::new());
    let is_over = AtomicBool::new(false);
    let count = seconds * 1_000;
    let mut delays = Vec::with_capacity(count);
    thread::scope(|scope| -> Result<(), Failure> {
        scope.spawn(|| {
            let start = Instant::now();
            for n in 0..count {
                let due = start + EVERY * n as u32;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                let one =
                    log.start(Describe::tool("search").project(format!("project-{}", n % 20)));
                let id = one.id();
                one.end(Outcome::success());
                if let Some(id) = id {
                    ended
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .insert(id, Instant::now());
                }
            }
            is_over.store(true, Relaxed);
        });
        let deadline = Instant::now() + Duration::from_secs(seconds as u64 + 60);
        while delays.len() < count && Instant::now() < deadline {
            let page = reader.after(position, &Filter::default(), 1_000)?;
            let now = Instant::now();
            position = page.next;
            let ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
            let found = page.records.iter().filter_map(|one| ended.get(&one.id));
            delays.extend(found.map(|ended| now.saturating_duration_since(*ended)));
            drop(ended);
            if page.records.is_empty() {
                thread::sleep(LOOK);
            }
        }
        Ok(())
    })?;
    log.shutdown().wait()?;
    if delays.len() < count {
        return Err(format!("{} of {count} calls were seen", delays.len()).into());
    }
    delays.sort_unstable();
    println!(
        "\n{count} calls, 1,000 a second: milliseconds until a follower of the centre sees them"
    );
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("most", 1.0)] {
        print_ratio(
            &format!("forward_delay_{name}_ms"),
            milliseconds(quantile(&delays, share)),
        );
    }
    Ok(())
}
