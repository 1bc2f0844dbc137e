//! The manual clock.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_activity::{
    ActivityLayer, ActivityLog, Describe, Outcome,
    record::{ActivityRecord, Filter},
    store::Position,
    testing::ManualClock,
};

use crate::testing::SECOND;

fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

#[tokio::test]
async fn a_call_takes_as_long_as_the_clock_was_advanced() {
    let (log, clock) = ActivityLog::test();
    let moved = clock.clone();
    let service = ServiceBuilder::new()
        .layer(ActivityLayer::new(&log).describe(|_: &&str| Describe::job("call")))
        .service(service_fn(move |_| {
            moved.advance(2 * SECOND);
            moved.set_wall(at("2020-01-01T00:00:00Z"));
            std::future::ready(Ok::<_, std::convert::Infallible>(()))
        }));
    service.oneshot("request").await.unwrap();

    let recorded = log.assert().await;
    let call = recorded.one("call").succeeded().took(2 * SECOND).record();
    assert_eq!(call.started_at, at("2026-01-01T00:00:00Z"));
    assert_eq!(call.ended_at, Some(at("2026-01-01T00:00:02Z")));
    assert_eq!(clock.now(), at("2020-01-01T00:00:00Z"));
}

#[test]
fn a_duration_is_exact_to_the_nanosecond() {
    let (log, clock) = ActivityLog::test();
    for ns in [0, 1, 999, 1_000_000_001, 86_400_000_000_000] {
        let job = log.start(Describe::job(format!("{ns}")));
        clock.advance(Duration::from_nanos(ns));
        job.end(Outcome::success());
        let recorded = log.assert().wait();
        recorded.one(&ns.to_string()).took(Duration::from_nanos(ns));
    }
}

#[test]
fn activities_started_while_the_clock_stands_still_are_in_order() {
    let (log, _clock) = ActivityLog::test();
    let names: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    for name in &names {
        log.start(Describe::job(name.clone())).run(|| ());
        log.event(name.clone()).record();
    }
    let recorded = log.assert().wait();
    let activities: Vec<&str> = recorded.activities().iter().map(|one| &*one.name).collect();
    let events: Vec<&str> = recorded
        .events()
        .iter()
        .map(|one| &*one.event_type)
        .collect();
    assert_eq!((&activities, &events), (&events, &activities));
    assert_eq!(activities, names);
}

#[test]
fn order_is_by_time_and_then_by_sequence_also_when_the_wall_clock_jumps() {
    let (log, clock) = ActivityLog::test();
    let start = |name: &'static str| log.start(Describe::job(name)).run(|| clock.advance(SECOND));
    let noon = at("2026-03-01T12:00:00Z");
    clock.set_wall(noon);
    start("noon");
    clock.set_wall(noon - TimeDelta::hours(1));
    start("eleven");
    start("eleven and a second");
    clock.set_wall(noon);
    start("noon again");
    clock.set_wall(noon + TimeDelta::hours(1));
    start("one");

    let recorded = log.assert().wait();
    recorded.roots(["eleven", "eleven and a second", "noon", "noon again", "one"]);
    assert!(
        recorded
            .activities()
            .iter()
            .all(|one| one.duration_ns == Some(1_000_000_000))
    );

    // Pages of one, newest first, give the same order: none is left out or seen twice.
    let mut reader = log.reader().unwrap();
    let (mut paged, mut cursor) = (Vec::new(), None);
    loop {
        let page = reader.page(&Filter::default(), cursor, 1).unwrap();
        paged.extend(page.records);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    paged.reverse();
    assert_eq!(paged, recorded.activities());

    // Followers go by commit order, which no clock affects.
    let followed = reader
        .after(Position::<ActivityRecord>::START, &Filter::default(), 10)
        .unwrap()
        .records;
    let names: Vec<&str> = followed.iter().map(|one| &*one.name).collect();
    assert_eq!(
        names,
        ["noon", "eleven", "eleven and a second", "noon again", "one"]
    );
}

#[test]
fn a_child_dated_before_its_parent_stays_under_it() {
    let (log, clock) = ActivityLog::test();
    log.start(Describe::job("outer")).run(|| {
        clock.set_wall(at("2020-01-01T00:00:00Z"));
        log.start(Describe::job("inner"))
            .run(|| clock.advance(SECOND));
    });
    let recorded = log.assert().wait();
    recorded.one("outer").took(SECOND).children(["inner"]);
    insta::assert_snapshot!(recorded, @r"
    outer     success  1s
    └─ inner  success  1s
    ");
}

#[test]
fn a_log_with_other_settings_takes_a_manual_clock() {
    let clock = ManualClock::new();
    clock.set_wall(at("2024-02-29T23:59:59Z"));
    let builder = ActivityLog::builder()
        .clock(clock.clone())
        .environment("test");
    let log = builder.open(":memory:").unwrap();
    log.start(Describe::job("import"))
        .run(|| clock.advance(SECOND));
    let recorded = log.assert().wait();
    let import = recorded
        .one("import")
        .environment("test")
        .took(SECOND)
        .record();
    assert_eq!(import.ended_at, Some(at("2024-03-01T00:00:00Z")));
}
