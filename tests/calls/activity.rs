//! Running activities: the current one, nesting, and exactly one end.

use std::{
    future::{Future, pending, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use serde_json::json;
use tower_activity::{
    Activity, ActivityLog, Describe, InActivity, Outcome, Status, record::Capture,
};

use crate::support::{self, Rows, rows};

fn log() -> ActivityLog {
    ActivityLog::open(":memory:").unwrap()
}

fn ok<T>(_: &T) -> Outcome {
    Outcome::success()
}

#[test]
fn an_activity_needs_no_runtime() {
    let log = log();
    log.start(Describe::job("import").project("acme")).run(|| {
        Activity::current().set("rows", 42);
    });
    let row = rows(&log).one("import");
    assert_eq!(row.status, Status::Success);
    assert_eq!(row.scope.project.as_deref(), Some("acme"));
    assert_eq!(row.scope.environment.as_deref(), Some("development"));
    assert_eq!(row.attributes["rows"], json!(42));
    assert!(row.duration_ns.is_some());
}

#[test]
fn the_current_activity_is_inert_outside_of_any() {
    let log = log();
    let activity = Activity::current();
    activity.set("rows", 42);
    activity.set_actor("ann");
    assert_eq!(activity.id(), None);
    assert_eq!(rows(&log).0.len(), 0);
}

#[test]
fn a_dropped_guard_is_cancelled_and_keeps_its_attributes() {
    let log = log();
    let running = log.start(Describe::job("import"));
    running.set("rows", 1);
    running.set("rows", 2);
    drop(running);
    let row = rows(&log).one("import");
    assert_eq!(row.status, Status::Cancelled);
    assert_eq!(row.attributes["rows"], json!(2));
}

#[test]
fn a_panic_is_a_failure_with_its_message() {
    let log = log();
    let panic = std::panic::catch_unwind(|| {
        log.start(Describe::job("import"))
            .run(|| panic!("no {}", std::hint::black_box("rows")))
    });
    assert_eq!(
        panic.unwrap_err().downcast_ref::<String>().unwrap(),
        "no rows"
    );
    let row = rows(&log).one("import");
    assert_eq!(
        (row.status, row.error_type.as_deref()),
        (Status::Failed, Some("panic"))
    );
    assert_eq!(row.message.as_deref(), Some("no rows"));
}

#[test]
fn a_guard_dropped_by_a_panic_is_a_panic_and_one_dropped_during_an_older_one_is_not() {
    struct Starts<'a>(&'a ActivityLog);
    impl Drop for Starts<'_> {
        fn drop(&mut self) {
            drop(self.0.start(Describe::job("inner")));
        }
    }
    let log = log();
    let panicked = std::panic::catch_unwind(|| {
        let _starts = Starts(&log);
        let _outer = log.start(Describe::job("outer"));
        panic!("stop");
    });
    assert!(panicked.is_err());
    let rows = rows(&log);
    assert_eq!(rows.one("outer").error_type.as_deref(), Some("panic"));
    assert_eq!(rows.one("inner").status, Status::Cancelled);
}

#[test]
fn every_outcome_is_distinguished() {
    let log = log();
    log.start(Describe::tool("a")).end(Outcome::success());
    log.start(Describe::tool("b"))
        .end(Outcome::failed("denied").with_message("no such user"));
    log.start(Describe::tool("c")).end(Outcome::skipped());
    log.start(Describe::tool("d")).end(Outcome::cancelled());
    let rows = rows(&log);
    let statuses: Vec<_> = ["a", "b", "c", "d"]
        .map(|name| rows.one(name).status)
        .into();
    assert_eq!(
        statuses,
        [
            Status::Success,
            Status::Failed,
            Status::Skipped,
            Status::Cancelled
        ]
    );
    assert_eq!(rows.one("b").error_type.as_deref(), Some("denied"));
    assert_eq!(rows.one("b").message.as_deref(), Some("no such user"));
}

#[tokio::test]
async fn children_nest_and_inherit_the_scope_as_it_is_when_they_start() {
    let log = log();
    let outer = log.start(Describe::tool("outer").project("acme"));
    let id = outer.id();
    outer
        .observe(
            async {
                log.start(Describe::job("early")).end(Outcome::success());
                Activity::current().set_actor(String::from("ann"));
                log.start(Describe::job("late").project("other"))
                    .observe(
                        async {
                            log.start(Describe::job("deep")).end(Outcome::success());
                        },
                        ok,
                    )
                    .await;
            },
            ok,
        )
        .await;
    let rows = rows(&log);
    let (outer, early, late, deep) = (
        rows.one("outer"),
        rows.one("early"),
        rows.one("late"),
        rows.one("deep"),
    );
    assert_eq!(Some(outer.id), id);
    assert_eq!(early.parent, id);
    assert_eq!(deep.parent, Some(late.id));
    assert!(rows.0.iter().all(|row| row.root == outer.id));
    assert_eq!(early.scope.actor, None);
    assert_eq!(early.scope.project.as_deref(), Some("acme"));
    assert_eq!(late.scope.actor.as_deref(), Some("ann"));
    assert_eq!(deep.scope.project.as_deref(), Some("other"));
    assert_eq!(
        outer.scope.actor.as_deref(),
        Some("ann"),
        "a scope set late counts"
    );
}

#[tokio::test]
async fn a_future_dropped_before_its_end_is_cancelled_and_its_destructors_see_the_activity() {
    struct Speaks;
    impl Drop for Speaks {
        fn drop(&mut self) {
            Activity::current().set("dropped", true);
        }
    }
    let log = log();
    let mut future = Box::pin(log.start(Describe::tool("slow")).observe(
        async {
            let _speaks = Speaks;
            Activity::current().set("before", 1);
            pending::<()>().await;
        },
        ok,
    ));
    assert!(
        future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    assert_eq!(
        Activity::current().id(),
        None,
        "nothing is current between polls"
    );
    drop(future);
    let row = rows(&log).one("slow");
    assert_eq!(row.status, Status::Cancelled);
    assert_eq!(row.attributes["before"], json!(1));
    assert_eq!(row.attributes["dropped"], json!(true));
}

#[tokio::test]
async fn destructors_see_the_activity_after_success_too() {
    struct Speaks;
    impl Drop for Speaks {
        fn drop(&mut self) {
            Activity::current().set("dropped", true);
        }
    }
    let log = log();
    let speaks = Speaks;
    let future = log.start(Describe::tool("quick")).observe(
        poll_fn(move |_| {
            let _held_until_the_future_is_dropped = &speaks;
            Poll::Ready(())
        }),
        ok,
    );
    future.await;
    assert_eq!(rows(&log).one("quick").attributes["dropped"], json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn spawned_work_keeps_its_activity_if_carried_over() {
    let log = log();
    let running = log.start(Describe::tool("outer").actor("ann"));
    let outer = running.id();
    let inner = log.clone();
    running
        .observe(
            async move {
                let activity = Activity::current();
                assert_eq!(activity.id(), outer);
                assert_eq!(
                    tokio::spawn(async { Activity::current().id() })
                        .await
                        .unwrap(),
                    None
                );
                assert_eq!(
                    activity
                        .spawn(async { Activity::current().id() })
                        .await
                        .unwrap(),
                    outer
                );
                assert_eq!(
                    tokio::spawn(async { Activity::current().id() }.in_current())
                        .await
                        .unwrap(),
                    outer
                );
                assert_eq!(
                    activity
                        .spawn_blocking(|| Activity::current().id())
                        .await
                        .unwrap(),
                    outer
                );
                let thread = std::thread::spawn({
                    let activity = activity.clone();
                    move || activity.enter(|| Activity::current().id())
                });
                assert_eq!(thread.join().unwrap(), outer);
                activity.spawn(async move {
                    inner.start(Describe::job("child")).end(Outcome::success());
                });
            },
            ok,
        )
        .await;
    log.flush().await.unwrap();
    // The task outlives the call: it still nests below it, with the scope that the call had.
    let rows = support::until(&log, |rows| rows.0.len() == 2);
    assert_eq!(rows.one("child").parent, outer);
    assert_eq!(rows.one("child").scope.actor.as_deref(), Some("ann"));
}

#[test]
fn two_logs_in_one_process_never_mix() {
    let (a, b) = (log(), log());
    a.start(Describe::job("a1")).run(|| {
        b.start(Describe::job("b1").actor("ben")).run(|| {
            a.start(Describe::job("a2")).run(|| {
                b.start(Describe::job("b2")).end(Outcome::success());
            });
        });
    });
    let (in_a, in_b) = (rows(&a), rows(&b));
    assert_eq!(in_a.names(), ["a1", "a2"]);
    assert_eq!(in_b.names(), ["b1", "b2"]);
    assert_eq!(in_a.one("a2").parent, Some(in_a.one("a1").id));
    assert_eq!(in_a.one("a2").scope.actor, None);
    assert_eq!(in_b.one("b2").parent, Some(in_b.one("b1").id));
}

#[test]
fn the_first_end_wins() {
    let log = log();
    let running = log.start(Describe::job("once"));
    let handle = Activity::clone(&running);
    running.end(Outcome::success());
    handle.set("late", 1);
    handle.set_actor("late");
    let row = rows(&log).one("once");
    assert_eq!(row.status, Status::Success);
    assert!(row.attributes.is_empty() && row.scope.actor.is_none());
}

#[test]
fn attributes_beyond_the_limits_set_the_truncated_flag() {
    let log = log();
    let running = log.start(Describe::job("much"));
    for i in 0..70 {
        running.set(format!("key{i}"), i);
    }
    running.set("key0", "x".repeat(10_000));
    running.set_input(&json!({"text": "y".repeat(10_000)}), Capture::Preview);
    running.set_output(&json!("kept"), Capture::Full);
    running.end(Outcome::failed("big").with_message("z".repeat(10_000)));
    let row = rows(&log).one("much");
    assert!(row.truncated);
    assert_eq!(row.attributes.len(), 64);
    assert_eq!(row.attributes["key0"], json!(0));
    let input = row.input.unwrap();
    assert!(
        input.truncated && input.text.len() <= 4096 && input.bytes > 10_000,
        "{input:?}"
    );
    assert_eq!(row.output.unwrap().text, "\"kept\"");
    assert!(row.message.unwrap().len() < 2100);
}

#[test]
fn a_description_has_attributes_of_every_type_and_the_last_of_each_key_counts() {
    let log = log();
    let described = Describe::job("import")
        .attribute("source", "orders.csv")
        .attribute("rows", 7)
        .attribute("url", "https://ann:hunter2@example.com/")
        .attribute(String::from("token=hunter2"), "x")
        .attribute("rows", 8)
        .attribute("text", "y".repeat(4_000))
        .attribute("list", json!(["a", -1, 0.5]))
        .attribute("source", json!(null))
        .attribute("password", "hunter2")
        .attribute("url", "https://example.com/");
    log.start(described)
        .run(|| Activity::current().set("list", true));
    let row = rows(&log).one("import");
    let attributes = json!({
        "source": null, "rows": 8, "url": "https://example.com/", "token=[redacted]": "x", "text": "y".repeat(4_000),
        "list": true, "password": "[redacted]",
    });
    assert_eq!(serde_json::Value::from(row.attributes), attributes);
    assert!(!row.truncated);

    let much = (0..300).fold(Describe::job("much"), |much, n| {
        much.attribute(format!("key{n}"), n)
    });
    log.start(much.attribute("key0", "z".repeat(100_000)))
        .run(|| ());
    let row = rows(&log).one("much");
    assert!(row.truncated && row.attributes.len() == 64);
    assert_eq!(row.attributes["key0"], json!(0));
}

#[test]
fn running_activities_are_seen_and_those_left_open_are_abandoned() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    let running = log.start(Describe::job("endless"));
    running.set("step", 1);
    log.flush().wait().unwrap();
    assert_eq!(rows(&log).one("endless").status, Status::Running);
    running.set("step", 2);
    log.flush().wait().unwrap();
    assert_eq!(rows(&log).one("endless").attributes["step"], json!(2));

    let report = log.shutdown().wait().unwrap();
    assert_eq!((report.activities.recorded, report.activities.open), (1, 1));
    running.end(Outcome::success());
    let row = Rows::open(&path).one("endless");
    assert_eq!((row.status, row.duration_ns), (Status::Abandoned, None));
    assert_eq!(row.attributes["step"], json!(2));
    assert!(log.accounting().adds_up());
    assert_eq!(log.accounting().activities.lost_shutdown, 1);
}

#[test]
fn calls_after_a_shutdown_run_unrecorded_and_are_counted() {
    let log = log();
    log.start(Describe::job("before")).end(Outcome::success());
    log.shutdown().wait().unwrap();
    assert_eq!(log.start(Describe::job("after")).run(|| 7), 7);
    let counts = log.accounting();
    assert_eq!(
        (
            counts.activities.committed,
            counts.activities.rejected_closed
        ),
        (1, 1)
    );
    assert!(counts.adds_up());
    assert!(log.flush().wait().is_err());
    assert!(log.shutdown().wait().is_err());
}

#[test]
fn a_disabled_log_records_nothing_and_changes_nothing() {
    let log = ActivityLog::disabled();
    assert_eq!(log.start(Describe::job("x")).run(|| 7), 7);
    log.flush().wait().unwrap();
    assert_eq!(log.shutdown().wait().unwrap().activities.recorded, 0);
}

#[test]
fn activities_on_a_runtime_that_is_shut_down_are_cancelled() {
    let log = log();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let (started, all_started) = std::sync::mpsc::channel();
    for _ in 0..100 {
        let (log, started) = (log.clone(), started.clone());
        runtime.spawn(async move {
            let running = log.start(Describe::job("endless"));
            started.send(()).unwrap();
            running.observe(pending::<()>(), ok).await;
        });
    }
    for _ in 0..100 {
        all_started.recv_timeout(Duration::from_secs(10)).unwrap();
    }
    runtime.shutdown_background();
    let rows = support::until(&log, |rows| {
        rows.0.len() == 100 && rows.0.iter().all(|row| row.status == Status::Cancelled)
    });
    assert_eq!(rows.0.len(), 100);
    let counts = log.accounting();
    assert_eq!(
        (
            counts.activities.recorded,
            counts.activities.ended(),
            counts.activities.open
        ),
        (100, 100, 0)
    );
}

#[tokio::test]
async fn flush_and_shutdown_can_be_awaited() {
    let log = log();
    let work = pin!(log.start(Describe::job("work")).observe(async { 7 }, ok));
    assert_eq!(work.await, 7);
    log.flush().await.unwrap();
    assert_eq!(log.accounting().activities.committed, 1);
    assert_eq!(
        log.shutdown()
            .timeout(Duration::from_secs(1))
            .await
            .unwrap()
            .activities
            .committed,
        1
    );
}
