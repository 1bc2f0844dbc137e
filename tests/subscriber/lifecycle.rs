//! The end of a log: without a shutdown, during calls, with and without a runtime, with a failing store.

use std::{
    convert::Infallible,
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use tower::{Service, ServiceBuilder, service_fn};
use tower_activity::{
    ActivityLayer, ActivityLog, Describe, Outcome, Result, Status,
    query::ActivityReader,
    store::{
        Accounting, AppendOutcome, Batch, Instance, Reader, Store, Writer, sqlite::SqliteStore,
    },
};
use tracing::Level;

use crate::support::{
    Rows, after_commit, block_on,
    captured_events::CapturedEvents,
    faulty::{Fault, FaultyStore},
    rows,
};

fn done(log: &ActivityLog, name: &'static str) {
    log.start(Describe::job(name)).end(Outcome::success());
}

/// A log in a failing store, with a short timeout on drop.
fn broken(store: Arc<FaultyStore>) -> ActivityLog {
    ActivityLog::builder()
        .flush_interval(Duration::ZERO)
        .drop_timeout(Duration::from_millis(50))
        .open_store(store)
        .unwrap()
}

#[test]
fn a_forgotten_shutdown_loses_nothing_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    let other = log.clone();
    done(&log, "one");
    let open = log.start(Describe::job("open"));
    let said = CapturedEvents::default();
    said.during(|| {
        drop(log);
        drop(other);
    });
    let (level, text) = said.one();
    assert_eq!(level, Level::WARN, "{text}");
    assert!(text.contains("dropped without a shutdown"), "{text}");
    assert!(text.contains("committed=1 abandoned=1"), "{text}");
    let rows = Rows::open(&path);
    assert_eq!(rows.one("one").status, Status::Success);
    assert_eq!(rows.one("open").status, Status::Abandoned);
    drop(open);
}

#[test]
fn a_shutdown_is_not_reported_as_forgotten() {
    let log = ActivityLog::open(":memory:").unwrap();
    log.shutdown().wait().unwrap();
    let said = CapturedEvents::default();
    said.during(|| {
        drop(log);
        tracing::warn!(target: "tower_activity::log", "the end");
    });
    assert!(said.one().1.contains("the end"));
}

#[test]
fn a_forgotten_shutdown_that_loses_records_reports_how_many_by_its_deadline() {
    for (fault, counts) in [
        // The store still hangs at the deadline: waiting records may yet be committed.
        (
            Fault::Hang,
            "waiting=2 waiting_events=1 waiting_steps=0 lost=0 lost_events=0 lost_steps=0",
        ),
        (
            Fault::Fail,
            "waiting=0 waiting_events=0 waiting_steps=0 lost=2 lost_events=1 lost_steps=0",
        ),
    ] {
        let told = || {
            let log = broken(FaultyStore::new(fault));
            done(&log, "one");
            done(&log, "two");
            log.event("deployment").record();
            let said = CapturedEvents::default();
            said.during(|| drop(log));
            said.one()
        };
        // On a busy machine the writer may not run at the deadline, and nothing waits for it: try again.
        let mut all = Vec::new();
        while all.len() < 20 && !all.iter().any(|text: &String| text.contains(counts)) {
            let (level, text) = told();
            assert_eq!(level, Level::ERROR, "{text}");
            all.push(text);
        }
        assert!(
            all.iter().any(|text| text.contains(counts)),
            "{fault:?}: {all:#?}"
        );
    }
}

#[test]
fn a_log_may_be_dropped_in_a_runtime() {
    let folder = tempfile::tempdir().unwrap();
    for (name, mut runtime) in [
        ("one", tokio::runtime::Builder::new_current_thread()),
        ("many", tokio::runtime::Builder::new_multi_thread()),
    ] {
        let path = folder.path().join(name);
        let log = ActivityLog::open(&path).unwrap();
        let runtime = runtime.build().unwrap();
        let task = runtime.spawn(async move {
            done(&log, "one");
            drop(log);
        });
        runtime.block_on(task).unwrap();
        assert_eq!(Rows::open(&path).names(), ["one"]);

        // Also as part of a task that is dropped with the runtime.
        let log = ActivityLog::open(&path).unwrap();
        done(&log, "two");
        runtime.spawn(async move {
            let _log = log;
            pending::<()>().await;
        });
        drop(runtime);
        assert_eq!(Rows::open(&path).names(), ["one", "two"]);
    }
}

#[test]
fn a_log_may_be_dropped_by_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let said = CapturedEvents::default();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        said.during(|| {
            let log = ActivityLog::open(&path).unwrap();
            let _call = log.start(Describe::job("call"));
            std::panic::resume_unwind(Box::new("call"));
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(said.one().0, Level::WARN);
    let call = Rows::open(&path).one("call");
    assert_eq!(call.status, Status::Failed);
    assert_eq!(call.error_type.as_deref(), Some("panic"));
}

/// A store whose writer holds the last handle of its log, and drops it during a commit.
#[derive(Debug)]
struct HoldsItsLog {
    inner: SqliteStore,
    held: Arc<Mutex<Option<ActivityLog>>>,
    said: CapturedEvents,
}

struct HoldingWriter {
    inner: Box<dyn Writer>,
    held: Arc<Mutex<Option<ActivityLog>>>,
    said: CapturedEvents,
}

impl Store for HoldsItsLog {
    fn writer(&self, instance: &Instance) -> Result<Box<dyn Writer>> {
        Ok(Box::new(HoldingWriter {
            inner: self.inner.writer(instance)?,
            held: self.held.clone(),
            said: self.said.clone(),
        }))
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        self.inner.reader()
    }
}

impl tower_activity::store::sealed::WriteSide for HoldingWriter {}

impl Writer for HoldingWriter {
    fn append(&mut self, batch: &Batch) -> Result<AppendOutcome> {
        let appended = self.inner.append(batch)?;
        let held = self.held.lock().unwrap().take();
        if let Some(log) = held {
            done(&log, "last");
            let error = log.flush().wait().unwrap_err();
            assert!(error.to_string().contains("own thread"), "{error}");
            self.said.during(|| drop(log));
        }
        Ok(appended)
    }

    fn reap(&mut self) -> Result<u64> {
        self.inner.reap()
    }

    fn close(&mut self, accounting: &Accounting) -> Result<()> {
        self.inner.close(accounting)
    }
}

#[test]
fn the_writer_does_not_wait_for_itself_when_it_drops_the_last_handle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let (held, said) = (Arc::default(), CapturedEvents::default());
    let store = HoldsItsLog {
        inner: SqliteStore::new(&path).unwrap(),
        held: Arc::clone(&held),
        said: said.clone(),
    };
    let log = ActivityLog::builder()
        .flush_interval(Duration::ZERO)
        // Longer than this test takes.
        .drop_timeout(Duration::from_secs(60))
        .open_store(Arc::new(store))
        .unwrap();
    let handle = log.clone();
    {
        // The writer continues once its handle is the last one.
        let mut held = held.lock().unwrap();
        *held = Some(log);
        done(&handle, "first");
        drop(handle);
    }
    let instance = after_commit(|| {
        let health = ActivityReader::open(&path).unwrap().health().unwrap();
        let instance = health.instances[0].clone();
        instance.stopped_at.is_some().then_some(instance)
    });
    assert_eq!(instance.accounting.activities.committed, 2, "{instance:?}");
    assert_eq!(Rows::open(&path).names(), ["first", "last"]);
    assert_eq!(said.one().0, Level::WARN);
}

const CALLS: u64 = 1_000;

/// A call that never ends by itself.
fn call(log: &ActivityLog) -> impl Future<Output = Result<(), Infallible>> + Send + use<> {
    let mut service = ServiceBuilder::new()
        .layer(ActivityLayer::new(log).describe(|(): &()| Describe::job("call")))
        .service(service_fn(async |()| pending().await));
    service.call(())
}

/// Checks that all calls have ended as cancelled, and are recorded so.
fn all_cancelled(log: &ActivityLog) {
    let counts =
        after_commit(|| Some(log.accounting()).filter(|counts| counts.activities.open == 0));
    assert_eq!(
        (counts.activities.recorded, counts.activities.ended()),
        (CALLS, CALLS)
    );
    let rows = rows(log);
    assert_eq!(rows.0.len() as u64, CALLS);
    assert!(rows.0.iter().all(|row| row.status == Status::Cancelled));
    let counts = log.shutdown().wait().unwrap();
    assert_eq!(
        (
            counts.activities.committed,
            counts.activities.lost(),
            counts.activities.rejected()
        ),
        (CALLS, 0, 0)
    );
    assert!(counts.adds_up(), "{counts:?}");
}

#[test]
fn calls_that_are_in_flight_when_their_runtime_is_shut_down_end_as_cancelled() {
    let log = ActivityLog::open(":memory:").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for _ in 0..CALLS {
        runtime.spawn(call(&log));
    }
    after_commit(|| (log.accounting().activities.open == CALLS).then_some(()));
    runtime.shutdown_background();
    all_cancelled(&log);
}

#[test]
fn calls_that_are_in_flight_when_a_current_thread_runtime_is_dropped_end_as_cancelled() {
    let log = ActivityLog::open(":memory:").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for _ in 0..CALLS {
        runtime.spawn(call(&log));
    }
    runtime.block_on(async {
        while log.accounting().activities.open < CALLS {
            tokio::task::yield_now().await;
        }
    });
    drop(runtime);
    assert_eq!(log.accounting().activities.ended(), CALLS);
    all_cancelled(&log);
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn calls_need_no_runtime() {
    let log = ActivityLog::open(":memory:").unwrap();
    let mut calls: Vec<_> = (0..CALLS).map(|_| Box::pin(call(&log))).collect();
    for call in &mut calls {
        assert!(poll_once(call.as_mut()).is_pending());
    }
    assert_eq!(log.accounting().activities.open, CALLS);
    drop(calls);
    all_cancelled(&log);
    // Nor does waiting for a flush.
    let error = block_on(log.flush().into_future()).unwrap_err();
    assert!(error.to_string().contains("was shut down"), "{error}");
}

#[test]
fn calls_that_are_in_flight_when_their_log_is_shut_down_are_abandoned() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for _ in 0..CALLS {
        runtime.spawn(call(&log));
    }
    after_commit(|| (log.accounting().activities.open == CALLS).then_some(()));
    log.shutdown().wait().unwrap();
    runtime.shutdown_background();
    let counts =
        after_commit(|| Some(log.accounting()).filter(|counts| counts.activities.open == 0));
    assert_eq!(
        (counts.activities.recorded, counts.activities.lost_shutdown),
        (CALLS, CALLS)
    );
    assert!(counts.adds_up(), "{counts:?}");
    let rows = Rows::open(&path);
    assert_eq!(rows.0.len() as u64, CALLS);
    assert!(rows.0.iter().all(|row| row.status == Status::Abandoned));
    let health = ActivityReader::open(&path).unwrap().health().unwrap();
    let saved = &health.instances[0].accounting;
    assert_eq!(
        (
            saved.activities.recorded,
            saved.activities.abandoned,
            saved.activities.open
        ),
        (CALLS, CALLS, 0)
    );
    assert!(saved.adds_up(), "{saved:?}");
}

#[test]
fn a_flush_of_a_failing_store_reports_by_its_deadline_how_much_waits_and_why() {
    let deadline = Duration::from_millis(50);
    let check = |fault, why: Option<&str>| {
        let log = broken(FaultyStore::new(fault));
        for _ in 0..3 {
            done(&log, "one");
        }
        let flush = log.flush().timeout(deadline).wait().unwrap_err();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let awaited = runtime.block_on(async { log.flush().timeout(deadline).await });
        let shutdown = log.shutdown().timeout(deadline).wait().unwrap_err();
        for error in [flush, awaited.unwrap_err(), shutdown] {
            assert!(error.is_timeout(), "{error}");
            assert!(error.to_string().contains("3 of 3 ended"), "{error}");
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            assert_eq!(cause.as_deref(), why);
        }
        assert!(log.accounting().adds_up());
    };
    check(Fault::Fail, Some("the disk is on fire"));
    check(Fault::Hang, None);
}
