//! Mode `Wait` beside another SQLite client that holds a lock: calls wait for it, can be cancelled, and are all counted.

use std::{path::Path, time::Duration};

use tower::{Layer, Service, ServiceExt, service_fn};
use tower_activity::{ActivityLayer, ActivityLog, Describe, Mode, Outcome};

/// A timeout that no test reaches.
const NEVER: Duration = Duration::from_secs(3600);

fn open(store: &Path) -> ActivityLog {
    let builder = ActivityLog::builder().mode(Mode::Wait).wait_timeout(NEVER);
    builder.memory_limit(64 << 10).open(store).unwrap()
}

fn service(
    log: &ActivityLog,
) -> impl Service<u32, Response = u32, Error = String, Future: Send> + Clone + use<> {
    let layer = ActivityLayer::new(log).describe(|_: &u32| Describe::job("call"));
    layer.layer(service_fn(async |number: u32| Ok(number)))
}

/// Locks the store against readers and writers.
fn lock(store: &Path) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(store).unwrap();
    other.busy_timeout(NEVER).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    other
}

/// Fills the log's memory with activities that the lock keeps from being committed. Returns their number.
fn fill(log: &ActivityLog) -> u64 {
    while log.accounting().activities.rejected_memory == 0 {
        log.start(Describe::job("filler")).end(Outcome::success());
    }
    log.accounting().activities.ended()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_wait_for_a_lock_and_are_recorded_when_it_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("activity.db");
    let log = open(&store);
    let other = lock(&store);
    let filled = fill(&log);
    let calls: Vec<_> = (0..1_000)
        .map(|number| tokio::spawn(service(&log).oneshot(number)))
        .collect();
    // Every third caller gives up.
    let mut waiting = Vec::new();
    for (number, call) in (0..).zip(calls) {
        match number % 3 {
            0 => {
                call.abort();
                assert!(call.await.unwrap_err().is_cancelled());
            }
            _ => waiting.push((number, call)),
        }
    }
    assert_eq!(
        log.accounting().activities.ended(),
        filled,
        "none has started"
    );
    other.execute_batch("COMMIT").unwrap();
    let expected = filled + waiting.len() as u64;
    for (number, call) in waiting {
        assert_eq!(call.await.unwrap().unwrap(), number);
    }
    let counts = log.shutdown().await.unwrap();
    assert_eq!(counts.activities.committed, expected);
    assert_eq!(counts.activities.rejected_memory, 1, "the last filler");
    assert!(counts.adds_up());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_releases_calls_that_wait_for_a_lock() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("activity.db");
    let log = open(&store);
    let other = lock(&store);
    let filled = fill(&log);
    let calls: Vec<_> = (0..100)
        .map(|number| tokio::spawn(service(&log).oneshot(number)))
        .collect();
    let shutdown = log.shutdown().timeout(Duration::from_millis(100)).await;
    assert!(shutdown.unwrap_err().is_timeout());
    for call in calls {
        call.await.unwrap().unwrap();
    }
    drop(other);
    let counts = log.accounting();
    assert_eq!(counts.activities.rejected_closed, 100, "{counts:?}");
    assert_eq!(counts.activities.ended(), filled);
    assert!(counts.adds_up());
}
