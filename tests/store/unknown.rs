//! What is not known is never 0: metrics over the edge of retention, and figures that are not computed.

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::{collection::vec, prelude::*, sample::select};
use tower_activity::{
    ActivityLog, Describe, Kind, Outcome,
    query::{ActivityReader, Figures, Grouping, MetricsQuery, Period, Step, UnknownReason, Window},
    record::{ActivityRecord, Filter},
    store::{Dimension, Limit, Maintenance, Prune, PruneCounts, Quarter, Retention, Subject},
    testing::ManualClock,
};

use super::metrics::{all, at, counted, made, record, same};
use crate::support::sums;

const DAY: Duration = Duration::from_secs(24 * 3600);
const DIMENSIONS: [Dimension; 4] = [
    Dimension::Project,
    Dimension::Agent,
    Dimension::Name,
    Dimension::Brand,
];

/// Deletes what is dated before an instant.
fn prune(maintenance: &mut dyn Maintenance, what: &str, before: DateTime<Utc>) -> PruneCounts {
    let limit = Some(Limit::age(Duration::ZERO));
    let mut keep = Retention::default();
    match what {
        "sums" => keep.sums = limit,
        "events" => keep.events = limit,
        _ => keep.activities = limit,
    }
    let mut all = PruneCounts::default();
    loop {
        let step = maintenance.prune(Prune::ByDate(keep, before)).unwrap();
        if step == PruneCounts::default() {
            return all;
        }
        all.sums += step.sums;
        all.activities += step.activities;
        all.events += step.events;
    }
}

/// Leaves the deletion of sums to the test: the writer thread would delete them whenever it notices the new date.
fn keep_sums(maintenance: &mut dyn Maintenance) {
    let mut forever = Retention::default();
    forever.sums = Some(Limit::FOREVER);
    maintenance.set_retention(&forever).unwrap();
}

fn indexed(log: &ActivityLog) -> Box<dyn Maintenance> {
    log.flush().wait().unwrap();
    let mut maintenance = log.store().unwrap().maintenance().unwrap();
    while maintenance.index().unwrap() > 0 {}
    maintenance
}

/// A job on each of these days after the first, a deployment beside it, and "now" after the last.
fn daily(days: u32) -> (ActivityLog, ManualClock) {
    let (log, clock) = ActivityLog::test();
    keep_sums(&mut *log.store().unwrap().maintenance().unwrap());
    for _ in 0..days {
        log.start(Describe::job("nightly").agent("bot").project("acme"))
            .end(Outcome::success());
        log.event("deployment").record();
        clock.advance(DAY);
    }
    (log, clock)
}

/// Asserts that every row of every ranking has the figures of its subject alone.
fn rankings_equal_single_queries(
    reader: &mut ActivityReader,
    query: &MetricsQuery,
) -> Result<(), TestCaseError> {
    for by in DIMENSIONS {
        let ranking = reader.ranking(by, query).unwrap();
        for one in ranking.ranking {
            let single = query.clone().subject(Subject::One(by, one.id.clone()));
            let metrics = reader.metrics(&single).unwrap();
            prop_assert_eq!(metrics.unknown, ranking.unknown);
            if metrics.unknown.is_none() {
                prop_assert_eq!(one.figures, metrics.current, "{} {}", by.as_str(), one.id);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn metrics_over_the_edge_of_retention_are_those_of_all_records_or_unknown(
        rows in vec(made(), 0..40),
        zone in select(vec!["Asia/Kathmandu", "Australia/Lord_Howe", "America/Los_Angeles"]),
        window in select(Window::ALL.to_vec()),
        step in select(vec![Step::Hour, Step::Day]),
        subject in select(vec![Subject::Overall, Subject::One(Dimension::Project, "acme".into()), Subject::One(Dimension::Agent, "bot".into()), Subject::One(Dimension::Name, "a".into())]),
        minute in -3 * 1440..6 * 1440i64,
        sums_before in -6 * 1440..6 * 1440i64,
        activities_before in prop_oneof![Just(None), (-6 * 1440..6 * 1440i64).prop_map(Some)],
    ) {
        let around = at("2026-10-03T15:30:00Z");
        let minutes = |minutes| around + TimeDelta::minutes(minutes);
        let (log, clock) = ActivityLog::test();
        rows.iter().for_each(|row| record(&log, &clock, around, row));
        let mut maintenance = indexed(&log);
        keep_sums(&mut *maintenance);
        clock.set_wall(around + TimeDelta::days(20));
        let every = all(&log);
        let kept_from = match prune(&mut *maintenance, "sums", minutes(sums_before)).sums {
            0 => Quarter::from_number(i64::MIN),
            _ => Quarter::containing(minutes(sums_before)),
        };
        if let Some(before) = activities_before {
            prune(&mut *maintenance, "activities", minutes(before));
        }
        let left: HashSet<_> = all(&log).iter().map(|row| row.id).collect();
        let pruned: Vec<_> = every.iter().filter(|row| !left.contains(&row.id)).map(|row| Quarter::containing(row.started_at)).collect();

        let now = minutes(minute);
        let query = MetricsQuery::new(window, now).zone(zone.parse().unwrap()).step(step).subject(subject.clone());
        let mut reader = log.reader().unwrap();
        let metrics = match reader.metrics(&query) {
            Ok(metrics) => metrics,
            Err(error) => {
                prop_assert!(error.is_not_found(), "{error}");
                return Ok(());
            }
        };
        let turns_of: HashSet<&str> = every.iter()
            .filter(|row| row.kind == Kind::Turn)
            .filter_map(|row| row.scope.agent.as_deref())
            .collect();
        let of_subject = |row: &&ActivityRecord| match &subject {
            Subject::One(Dimension::Project, id) => row.scope.project.as_ref() == Some(id),
            Subject::One(Dimension::Agent, id) => row.scope.agent.as_ref() == Some(id),
            Subject::One(Dimension::Name, id) => row.name == *id,
            _ => true,
        };
        let window = metrics.window;
        let lost_in = |period: Period| {
            let quarters = Quarter::containing(period.start)..Quarter::containing(period.end);
            pruned.iter().copied().filter(move |quarter| quarters.contains(quarter))
        };
        let is_name = matches!(subject, Subject::One(Dimension::Name, _));
        let is_older = |start: DateTime<Utc>| Quarter::containing(start) < kept_from;
        let expected = |period: Period| {
            if lost_in(period).any(|quarter| quarter < kept_from) {
                return Figures::default();
            }
            let rows: Vec<_> = every.iter().filter(of_subject).filter(|row| (period.start..period.end).contains(&row.started_at)).collect();
            let hours = (now.min(period.end) - period.start).num_milliseconds() as f64 / 3_600_000.0;
            let mut figures = counted(&rows, &turns_of, hours.max(0.25));
            // Turns do not add up over the edge, and are not kept for names.
            if !rows.is_empty() && lost_in(window).next().is_some() && (is_name || is_older(window.start) && is_older(period.start)) {
                (figures.turns, figures.turns_per_hour) = (None, None);
                (figures.mean_turn_ns, figures.active_agents) = (None, None);
            }
            figures
        };
        same(metrics.current.clone(), expected(window))?;
        for point in &metrics.history {
            same(point.figures.clone(), expected(point.period))?;
        }
        let last = lost_in(window).filter(|quarter| *quarter < kept_from).max();
        let until = metrics.unknown.map(|one| Quarter::containing(one.until).before(1));
        prop_assert_eq!(until, last);
        rankings_equal_single_queries(&mut reader, &query.subject(Subject::Overall))?;
    }
}

#[test]
fn a_period_whose_sums_were_deleted_is_added_up_from_its_activities() {
    let (log, clock) = daily(45);
    let mut maintenance = indexed(&log);
    assert!(prune(&mut *maintenance, "sums", clock.now() - TimeDelta::days(30)).sums > 0);
    let mut reader = log.reader().unwrap();
    let mut query = MetricsQuery::new(Window::Week, clock.now()).step(Step::Day);
    let mut counts = Vec::new();
    loop {
        let metrics = reader.metrics(&query).unwrap();
        assert_eq!(metrics.unknown, None);
        let days = metrics.history.iter().map(|day| day.figures.count);
        counts.extend(days.rev().take_while(|count| *count == Some(1)));
        match metrics.earlier {
            Some(earlier) => query = query.at(earlier),
            None => break,
        }
    }
    // Today has none yet.
    let before = reader.metrics(&query).unwrap().current;
    assert_eq!(before.turns, before.count);
    assert!(counts.len() >= 38, "{counts:?}");
}

#[test]
fn a_period_whose_activities_were_deleted_too_is_unknown_until_known_sums_begin() {
    let (log, clock) = daily(45);
    let mut maintenance = indexed(&log);
    let edge = clock.now() - TimeDelta::days(30) + TimeDelta::hours(1);
    prune(&mut *maintenance, "sums", edge);
    prune(
        &mut *maintenance,
        "activities",
        clock.now() - TimeDelta::days(7),
    );
    let mut reader = log.reader().unwrap();
    let query = MetricsQuery::new(Window::Week, clock.now()).step(Step::Day);
    // The sums of the last 30 days outlive their activities.
    let recent = reader
        .metrics(&query.clone().at(clock.now() - TimeDelta::days(14)))
        .unwrap();
    assert_eq!((recent.unknown, recent.current.count), (None, Some(7)));
    assert_eq!(recent.current.turns, Some(7));

    let at = edge + TimeDelta::days(3);
    let across = reader.metrics(&query.clone().at(at)).unwrap();
    let counts: Vec<_> = across.history.iter().map(|day| day.figures.count).collect();
    assert_eq!(counts, [None, None, None, None, Some(1), Some(1), Some(1)]);
    assert_eq!(across.current, Figures::default());
    let unknown = across.unknown.unwrap();
    assert_eq!(unknown.reason, UnknownReason::Deleted);
    assert!(unknown.until < edge && edge - unknown.until < TimeDelta::days(1));
    let ranking = reader
        .ranking(Dimension::Project, &query.clone().at(at))
        .unwrap();
    assert_eq!(ranking.unknown, Some(unknown));
    assert_eq!(ranking.ranking[0].figures.count, Some(3));

    // Nothing was recorded, and nothing deleted, before the log was made.
    let never = reader
        .metrics(&query.at(edge - TimeDelta::days(40)))
        .unwrap();
    assert_eq!((never.unknown, never.current.count), (None, Some(0)));
    assert_eq!(never.current.turns, Some(0));
}

#[test]
fn a_restricted_query_does_not_know_what_was_deleted_though_sums_are_kept() {
    let (log, clock) = daily(10);
    let mut maintenance = indexed(&log);
    prune(
        &mut *maintenance,
        "activities",
        clock.now() - TimeDelta::days(3),
    );
    let query = MetricsQuery::new(Window::Week, clock.now()).step(Step::Day);
    let restricted = query
        .clone()
        .restricted_to(Filter::parse("-actor:ann", clock.now()).unwrap());
    let mut reader = log.reader().unwrap();
    assert_eq!(reader.metrics(&query).unwrap().current.count, Some(6));
    let metrics = reader.metrics(&restricted).unwrap();
    assert_eq!(metrics.current, Figures::default());
    assert_eq!(metrics.history[5].figures.count, Some(1));
    let ranking = reader.ranking(Dimension::Name, &restricted).unwrap();
    assert_eq!(ranking.ranking[0].figures.count, Some(3));
    assert_eq!(ranking.unknown, metrics.unknown);
}

#[test]
fn more_activities_than_can_be_scanned_are_unknown_until_their_sums_are_rebuilt() {
    let (log, clock) = daily(45);
    let mut maintenance = indexed(&log);
    prune(&mut *maintenance, "sums", clock.now() - TimeDelta::days(30));
    let query = MetricsQuery::new(Window::Week, clock.now()).at(clock.now() - TimeDelta::days(35));
    let mut reader = log.reader().unwrap();
    reader.options().scan_limit = Some(6);
    let metrics = reader.metrics(&query).unwrap();
    assert_eq!(metrics.current, Figures::default());
    let unknown = metrics.unknown.unwrap();
    assert_eq!(unknown.reason, UnknownReason::TooMany);
    assert_eq!(unknown.until, metrics.window.end);
    let help = unknown.reason.to_string();
    assert!(help.contains("activity rebuild"), "{help}");

    sums::rebuild_newest_first(&mut *maintenance);
    let metrics = reader.metrics(&query).unwrap();
    assert_eq!((metrics.unknown, metrics.current.count), (None, Some(7)));
    assert_eq!(metrics.current.turns, Some(7));
}

#[test]
fn types_of_events_are_counted_from_the_last_deleted_event_on() {
    let (log, clock) = daily(10);
    let mut maintenance = indexed(&log);
    let query = MetricsQuery::new(Window::Week, clock.now());
    let mut reader = log.reader().unwrap();
    assert_eq!(reader.event_types(&query).unwrap().unknown, None);
    assert!(
        prune(
            &mut *maintenance,
            "events",
            clock.now() - TimeDelta::days(3)
        )
        .events
            > 0
    );
    let types = reader.event_types(&query).unwrap();
    let unknown = types.unknown.unwrap();
    assert!(unknown.until <= clock.now() - TimeDelta::days(3));
    assert_eq!(types.types[0].count, 3);
    let day = MetricsQuery::new(Window::Day, clock.now());
    assert_eq!(reader.event_types(&day).unwrap().unknown, None);
}

#[test]
fn figures_that_are_not_computed_are_none() {
    let (log, clock) = daily(3);
    log.flush().wait().unwrap();
    let query = MetricsQuery::new(Window::Week, clock.now());
    let mut reader = log.reader().unwrap();
    let check = |figures: &Figures| {
        assert_eq!(figures.count, Some(3));
        assert_eq!((figures.turns, figures.turns_per_hour), (None, None));
        assert_eq!((figures.mean_turn_ns, figures.active_agents), (None, None));
        let json = serde_json::to_value(figures).unwrap();
        assert!(json["turns"].is_null() && json["active_agents"].is_null());
    };
    for subject in [
        Subject::Overall,
        Subject::One(Dimension::Name, "nightly".into()),
    ] {
        let without = query.clone().subject(subject).without_turns();
        check(&reader.metrics(&without).unwrap().current);
    }
    for by in [Dimension::Project, Dimension::Name, Dimension::Agent] {
        let without = query.clone().without_turns();
        check(&reader.ranking(by, &without).unwrap().ranking[0].figures);
    }
    // Too many activities to scan for the turns of a name.
    reader.options().scan_limit = Some(2);
    let name = query
        .clone()
        .subject(Subject::One(Dimension::Name, "nightly".into()));
    check(&reader.metrics(&name).unwrap().current);
    check(&reader.ranking(Dimension::Name, &query).unwrap().ranking[0].figures);
}

#[test]
fn a_ranking_without_sums_does_not_know_what_was_deleted() {
    let (log, clock) = ActivityLog::test();
    let call = || log.start(Describe::job("nightly").actor("ann"));
    call().end(Outcome::success());
    clock.advance(DAY);
    call().end(Outcome::success());
    log.flush().wait().unwrap();
    let mut maintenance = log.store().unwrap().maintenance().unwrap();
    keep_sums(&mut *maintenance);
    assert_eq!(
        prune(&mut *maintenance, "activities", clock.now()).activities,
        1
    );
    let mut reader = log.reader().unwrap();
    let query = MetricsQuery::new(Window::Week, clock.now());
    // The sums are still there.
    let names = reader.ranking(Dimension::Name, &query).unwrap();
    assert_eq!(
        (names.ranking[0].figures.count, names.unknown),
        (Some(2), None)
    );
    let actors = reader.ranking_by(&Grouping::Actor, &query).unwrap();
    assert_eq!(actors.ranking[0].figures.count, Some(1));
    let unknown = actors.unknown.unwrap();
    assert_eq!(unknown.reason, UnknownReason::Deleted);
    assert_eq!(actors.counted.start, unknown.until);
}
