//! The child of a fork has a copy of its parent's log and no writer: it records nothing, waits for nothing, counts rejected
//! records, and leaves its parent's store alone.
//!
//! A binary of its own: a child inherits the locks that any thread of its parent holds, those of other tests included.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    convert::Infallible,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::{Command, exit},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use fork::{Fork, fork, waitpid_nohang};
use support::{Rows, after_commit, poll_until, rows};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_activity::{
    ActivityLayer, ActivityLog, Describe, ErrorKind, Mode, Outcome, Status, query::ActivityReader,
    record::Filter,
};

fn done(log: &ActivityLog, name: &'static str) {
    log.start(Describe::job(name)).end(Outcome::success());
}

/// A child process that is killed on drop, in case it hangs.
struct Child(i32);

impl Child {
    /// Runs `work` in a child of this process.
    fn run(work: impl FnOnce()) -> Self {
        match fork().unwrap() {
            Fork::Parent(pid) => Child(pid),
            Fork::Child => {
                // The harness is the parent's: a child must not return into it.
                let failed = catch_unwind(AssertUnwindSafe(work)).is_err();
                exit(i32::from(failed));
            }
        }
    }

    /// Waits until it has ended by itself. Returns true if it succeeded.
    fn has_ended_well(self) -> bool {
        let status = poll_until(|| waitpid_nohang(self.0).unwrap());
        std::mem::forget(self);
        status == 0
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .args(["-9", &self.0.to_string()])
            .status();
    }
}

/// Sets a flag on drop, also if the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Checks that nothing is damaged, and that every instance's accounting adds up.
fn is_whole(path: &Path) {
    let mut reader = ActivityReader::open(path).unwrap();
    assert_eq!(reader.integrity_errors().unwrap(), Vec::<String>::new());
    let health = reader.health().unwrap();
    assert!(health.instances.iter().all(|one| one.accounting.adds_up()));
}

#[test]
fn a_child_records_nothing_counts_and_leaves_its_parent_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    done(&log, "before");
    let both = log.start(Describe::job("open in both"));
    log.flush().wait().unwrap();
    let mut reader = log.reader().unwrap();
    let locks = folder.path().join("activity.db-instances");
    let held = fs::read_dir(&locks).unwrap().count();

    const CALLS: u64 = 10_000;
    let (theirs, running) = (log.clone(), both.clone());
    let child = Child::run(move || {
        for _ in 0..CALLS {
            done(&theirs, "the child's");
        }
        running.set("set by", "the child");
        let receipt = theirs.event("deployment").record();
        assert_eq!(receipt.id(), None);
        let forked = [
            receipt.committed().wait().map(drop),
            theirs.flush().wait(),
            theirs.shutdown().wait().map(drop),
            theirs.reader().map(drop),
            reader.page(&Filter::default(), None, 10).map(drop),
            reader.integrity_errors().map(drop),
            ActivityReader::open(&path).map(drop),
            ActivityLog::open(&path).map(drop),
        ];
        for result in forked {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Forked, "{error}");
            assert!(error.to_string().contains("after the fork"), "{error}");
        }
        let counts = theirs.accounting();
        // The activity that the parent has open is not the child's.
        assert_eq!(
            (
                counts.activities.recorded,
                counts.activities.rejected_forked
            ),
            (CALLS + 1, CALLS + 1)
        );
        assert_eq!(
            (counts.events.recorded, counts.events.rejected_forked),
            (1, 1)
        );
        assert!(counts.adds_up(), "{counts:?}");
        drop((theirs, running, reader));
    });
    assert!(child.has_ended_well());

    let path = folder.path().join("activity.db");
    assert_eq!(
        fs::read_dir(&locks).unwrap().count(),
        held,
        "its lock is gone"
    );
    assert_eq!(
        Rows::open(&path).one("open in both").status,
        Status::Running
    );
    done(&log, "after");
    both.end(Outcome::success());
    let rows = rows(&log);
    assert_eq!(rows.names(), ["before", "open in both", "after"]);
    assert!(rows.one("open in both").attributes.is_empty());
    is_whole(&path);
    let counts = log.shutdown().wait().unwrap();
    assert_eq!(
        (
            counts.activities.recorded,
            counts.activities.committed,
            counts.activities.rejected()
        ),
        (3, 3, 0)
    );
    is_whole(&path);
}

/// Requests that turn out to be calls when they end are counted as any other.
#[cfg(feature = "mcp")]
#[test]
fn a_child_counts_provisional_activities_as_forked() {
    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::Full;
    use tower::Layer;
    use tower_activity::mcp::HttpTapRequestBody;

    let log = ActivityLog::builder()
        .memory_limit(64 << 10)
        .open(":memory:")
        .unwrap();
    let theirs = log.clone();
    let child = Child::run(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.build().unwrap();
        let layer = theirs.tools().http_tap();
        let service = service_fn(async |_: Request<HttpTapRequestBody<Full<Bytes>>>| {
            let refused = Response::builder().status(401);
            Ok::<_, Infallible>(refused.body(Full::<Bytes>::default()).unwrap())
        });
        for _ in 0..1_000 {
            let request = Request::post("/mcp").header("content-type", "application/json");
            let request = request.body(Full::<Bytes>::default()).unwrap();
            let refused = runtime.block_on(layer.layer(service).oneshot(request));
            assert_eq!(refused.unwrap().status(), 401);
        }
        let counts = theirs.accounting().activities;
        assert_eq!((counts.rejected_forked, counts.rejected_memory), (1_000, 0));
    });
    assert!(child.has_ended_well());
}

#[test]
fn a_child_never_blocks_whatever_its_parent_was_doing() {
    const FORKS: u64 = 40;
    const THREADS: u64 = 32;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::builder()
        .flush_interval(Duration::ZERO)
        // At full speed for the whole test, without storing that many rows.
        .memory_limit(256 << 10)
        .open(&path)
        .unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let calling = [0, 1].map(|_| {
            scope.spawn(|| {
                let mut calls = 0_u64;
                while !over.load(Relaxed) {
                    done(&log, "parent's");
                    calls += 1;
                }
                calls
            })
        });
        let end = Over(&over);
        for _ in 0..FORKS {
            let before = log.accounting().activities.committed;
            let theirs = log.clone();
            let child = Child::run(move || {
                // New threads, so that they use every shard.
                thread::scope(|scope| {
                    for _ in 0..THREADS {
                        scope.spawn(|| done(&theirs, "the child's"));
                    }
                });
                let counts = theirs.accounting();
                assert!(
                    counts.activities.rejected() > 0 && counts.adds_up(),
                    "{counts:?}"
                );
                theirs.flush().wait().unwrap_err();
            });
            assert!(child.has_ended_well());
            // The parent continues.
            after_commit(|| (log.accounting().activities.committed > before).then_some(()));
        }
        drop(end);
        let calls = calling.map(|one| one.join().unwrap()).iter().sum::<u64>();
        let counts = log.shutdown().wait().unwrap();
        assert_eq!(counts.activities.recorded, calls);
        assert_eq!(
            counts.activities.committed + counts.activities.rejected_memory,
            calls
        );
    });
    is_whole(&path);
}

#[test]
fn a_child_waits_for_nothing_in_any_mode() {
    for mode in [Mode::Wait, Mode::Durable] {
        let folder = tempfile::tempdir().unwrap();
        let log = ActivityLog::builder()
            .mode(mode)
            .memory_limit(64 << 10)
            .open(folder.path().join("activity.db"))
            .unwrap();
        let calls = |log: &ActivityLog, count: u64| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.build().unwrap();
            let mut service = ServiceBuilder::new()
                .layer(ActivityLayer::new(log).describe(|_: &u64| Describe::job("call")))
                .service(service_fn(async |number: u64| Ok::<_, Infallible>(number)));
            runtime.block_on(async {
                for number in 0..count {
                    let ready = service.ready().await.unwrap();
                    assert_eq!(ready.call(number).await, Ok(number));
                }
            });
        };
        calls(&log, 10);
        log.flush().wait().unwrap();
        // More than the memory limit allows.
        let child = Child::run(|| {
            calls(&log, 1_000);
            assert_eq!(log.accounting().activities.rejected_forked, 1_000);
        });
        assert!(child.has_ended_well());
        calls(&log, 10);
        let counts = log.shutdown().wait().unwrap();
        assert_eq!(
            (counts.activities.committed, counts.activities.rejected()),
            (20, 0)
        );
    }
}

#[test]
fn a_child_may_open_what_its_parent_closed_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "alone", "--nocapture"])
        .env("ACTIVITY_TEST_ALONE", &path)
        .status()
        .unwrap();
    assert!(child.success());
    assert_eq!(Rows::open(&path).names(), ["parent's", "the child's"]);
}

/// Not a test by itself: the test above, in a process where no other test has a log open.
#[test]
fn alone() {
    let Ok(path) = std::env::var("ACTIVITY_TEST_ALONE") else {
        return;
    };
    let record = |name| {
        let log = ActivityLog::open(&path).unwrap();
        done(&log, name);
        log.shutdown().wait().unwrap();
    };
    record("parent's");
    assert!(Child::run(|| record("the child's")).has_ended_well());
}
