//! Mode `Wait` beside another SQLite client that holds a lock: calls wait for it, can be cancelled, and are all counted.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use tower::{Layer, Service, ServiceExt, service_fn};
use tower_activity::{
    ActivityLayer, ActivityLog, Describe, Mode, Outcome, Result,
    store::{
        Accounting, AppendOutcome, Batch, Instance, Reader, Store, Writer, sealed::WriteSide,
        sqlite::SqliteStore,
    },
};

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

/// A store that another client locks after each transaction of the log, for longer than the log waits for a lock.
#[derive(Debug)]
struct LockedStore(SqliteStore, PathBuf);

struct LockedWriter(Box<dyn Writer>, PathBuf);

impl LockedWriter {
    fn lock(&self) {
        let other = lock(&self.1);
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(1200));
            drop(other);
        });
    }
}

impl Store for LockedStore {
    fn writer(&self, instance: &Instance) -> Result<Box<dyn Writer>> {
        let writer = self.0.writer(instance)?;
        Ok(Box::new(LockedWriter(writer, self.1.clone())))
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        self.0.reader()
    }
}

impl WriteSide for LockedWriter {}

impl Writer for LockedWriter {
    fn append(&mut self, batch: &Batch) -> Result<AppendOutcome> {
        let appended = self.0.append(batch)?;
        self.lock();
        Ok(appended)
    }

    fn reap(&mut self) -> Result<u64> {
        self.0.reap()
    }

    fn close(&mut self, accounting: &Accounting) -> Result<()> {
        self.0.close(accounting)
    }
}

#[test]
fn a_shutdown_waits_for_locks_between_its_transactions_until_its_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let store = LockedStore(SqliteStore::new(&path).unwrap(), path.clone());
    let log = ActivityLog::builder().open_store(Arc::new(store)).unwrap();
    log.start(Describe::job("call")).end(Outcome::success());
    let open = log.start(Describe::job("open"));
    let counts = log.shutdown().timeout(Duration::from_secs(60)).wait();
    assert_eq!(counts.unwrap().activities.committed, 1);
    drop(open);
    let mut reader = SqliteStore::new(&path).unwrap().reader().unwrap();
    let health = reader.health().unwrap();
    assert!(health.instances.iter().all(|one| one.stopped_at.is_some()));
}
