//! Logs for tests, and assertions that hold.

use std::{panic::catch_unwind, time::Duration};

use serde_json::json;
use tower_activity::{Activity, ActivityLog, Describe, Kind, Outcome, Status};

use crate::testing::SECOND;

#[test]
fn assertions_that_hold_can_be_chained() {
    let (log, clock) = ActivityLog::test();
    let outer = log.start(
        Describe::tool("outer")
            .project("acme")
            .agent("planner")
            .actor("ann")
            .brand("shop")
            .environment("staging"),
    );
    outer.set_session("s1");
    outer.set_request("r1");
    outer.set("rows", 42);
    outer.set("tags", json!(["a", "b"]));
    let open = log.start(Describe::job("open"));
    let mut outer = outer;
    outer.enter(|| {
        log.start(Describe::job("skipped")).end(Outcome::skipped());
        drop(log.start(Describe::job("dropped")));
        let panic = catch_unwind(|| log.start(Describe::job("panics")).run(|| panic!("stop")));
        assert!(panic.is_err());
        log.event("memory_written")
            .summary("two facts")
            .reference("notes.md")
            .count(2)
            .data(json!({"facts": 2}))
            .record();
    });
    clock.advance(SECOND);
    outer.end(Outcome::success());
    log.event("deployment").status(Status::Failed).record();

    let recorded = log.assert().wait();
    let outer = recorded
        .one("outer")
        .succeeded()
        .kind(Kind::Tool)
        .took(SECOND);
    outer
        .project("acme")
        .agent("planner")
        .actor("ann")
        .brand("shop");
    outer.environment("staging").session("s1").request("r1");
    outer
        .attribute("rows", 42)
        .attribute("tags", vec!["a", "b"]);
    outer.top_level().children(["skipped", "dropped", "panics"]);
    outer
        .event("memory_written")
        .succeeded()
        .under("outer")
        .actor("ann");
    recorded
        .one("skipped")
        .skipped()
        .under("outer")
        .children([]);
    recorded.one("dropped").cancelled();
    recorded.one("panics").panicked().message("stop");
    recorded.one("open").running().top_level();
    let written = recorded
        .event("memory_written")
        .summary("two facts")
        .count(2);
    written.reference("notes.md").data(json!({"facts": 2}));
    recorded
        .event("deployment")
        .failed()
        .top_level()
        .environment("development");
    recorded
        .count(5)
        .roots(["outer", "open"])
        .none("inner")
        .no_event("push");
    recorded.all("outer").count(1).nth(0).succeeded();
    drop(open);
}

#[test]
fn a_disabled_log_records_nothing() {
    let log = ActivityLog::disabled();
    let answer = log.start(Describe::job("import")).run(|| {
        Activity::current().set("rows", 42);
        log.event("deployment").record();
        7
    });
    assert_eq!(answer, 7);
    let recorded = log.assert().wait();
    recorded.count(0).none("import").no_event("deployment");
    assert_eq!(recorded.to_string(), "nothing\n");
}

#[tokio::test]
async fn a_log_that_was_shut_down_can_be_asserted_on() {
    let (log, _clock) = ActivityLog::test();
    let open = log.start(Describe::job("open"));
    log.start(Describe::job("done")).run(|| ());
    log.shutdown().await.unwrap();
    let recorded = log.assert().await;
    recorded.one("done").succeeded();
    recorded.one("open").abandoned();
    drop(open);
}

#[test]
fn parallel_logs_never_mix() {
    std::thread::scope(|scope| {
        for n in 0..8_u64 {
            scope.spawn(move || {
                let (log, clock) = ActivityLog::test();
                for _ in 0..n {
                    let work = log.start(Describe::job(format!("job {n}")));
                    clock.advance(Duration::from_secs(n));
                    work.end(Outcome::success());
                }
                let recorded = log.assert().wait();
                let jobs = recorded.count(n as usize).all(&format!("job {n}"));
                for place in 0..n as usize {
                    jobs.nth(place).took(Duration::from_secs(n));
                }
            });
        }
    });
}

#[test]
fn more_than_one_page_is_read() {
    let (log, _clock) = ActivityLog::test();
    for _ in 0..1_001 {
        log.start(Describe::job("one")).run(|| ());
        log.event("one").record();
    }
    let recorded = log.assert().wait();
    recorded.count(1_001).all_events("one").count(1_001);
}
