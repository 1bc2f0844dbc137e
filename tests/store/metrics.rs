//! Metrics by the viewer's hours and days, compared with counting all rows.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, NaiveDate, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use proptest::{collection::vec, prelude::*, sample::select};
use tower_activity::{
    ActivityLog, Describe, Kind, Outcome, Status,
    query::{Figures, Metrics, MetricsQuery, Step, Window},
    record::{ActivityRecord, Filter},
    store::{Dimension, Subject},
    testing::ManualClock,
};

use crate::support::{
    self,
    faulty::{Fault, FaultyStore},
};

const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// An activity to record.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) minute: i64,
    pub(super) micros: i64,
    pub(super) duration_us: u64,
    pub(super) status: usize,
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) project: Option<&'static str>,
    pub(super) agent: Option<&'static str>,
    pub(super) nested: bool,
}

pub(super) fn made() -> impl Strategy<Value = Made> {
    let time = (-5 * 1440..5 * 1440i64, 0..60_000_000i64);
    let what = (select(vec![Kind::Turn, Kind::Job]), select(vec!["a", "b"]));
    let scope = (
        select(vec![None, Some("acme"), Some("zoo")]),
        select(vec![None, Some("ann"), Some("bot"), Some("cat")]),
    );
    (time, 0..3_000_000u64, 0..4usize, what, scope, any::<bool>()).prop_map(
        |((minute, micros), duration_us, status, (kind, name), (project, agent), nested)| {
            Made {
                minute,
                micros,
                duration_us,
                status,
                // Only some agents record turns.
                kind: if agent == Some("cat") {
                    Kind::Job
                } else {
                    kind
                },
                name,
                project,
                agent,
                nested,
            }
        },
    )
}

pub(super) fn record(log: &ActivityLog, clock: &ManualClock, around: DateTime<Utc>, row: &Made) {
    clock.set_wall(around + TimeDelta::minutes(row.minute) + TimeDelta::microseconds(row.micros));
    let mut describe = Describe::new(row.kind, row.name);
    if let Some(project) = row.project {
        describe = describe.project(project);
    }
    if let Some(agent) = row.agent {
        describe = describe.agent(agent);
    }
    let parent = row.nested.then(|| log.start(Describe::job("parent")));
    if let Some(parent) = &parent {
        describe = describe.parent(parent);
    }
    let activity = log.start(describe);
    clock.advance(Duration::from_micros(row.duration_us));
    match row.status {
        0 => activity.end(Outcome::success()),
        1 => activity.end(Outcome::failed("x")),
        2 => activity.end(Outcome::skipped()),
        _ => drop(activity),
    }
}

pub(super) fn all(log: &ActivityLog) -> Vec<ActivityRecord> {
    let mut reader = log.reader().unwrap();
    reader.page(&Filter::default(), None, 1000).unwrap().records
}

/// The reference: counts the rows one by one.
pub(super) fn counted(rows: &[&ActivityRecord], turns_of: &HashSet<&str>, hours: f64) -> Figures {
    let mut durations: Vec<u64> = rows.iter().filter_map(|row| row.duration_ns).collect();
    durations.sort_unstable();
    let rank = |share: f64| {
        let rank = (durations.len() as f64 * share).ceil() as usize;
        durations.get(rank.max(1) - 1).copied()
    };
    let of = |status| rows.iter().filter(|row| row.status == status).count() as u64;
    let mut agents = HashMap::<&str, Vec<DateTime<Utc>>>::new();
    for row in rows {
        let Some(agent) = row.scope.agent.as_deref() else {
            continue;
        };
        let turns = agents.entry(agent).or_default();
        let is_turn = match turns_of.contains(agent) {
            true => row.kind == Kind::Turn,
            false => row.parent.is_none(),
        };
        if is_turn {
            turns.push(row.started_at);
        }
    }
    let mut gaps = Vec::new();
    for turns in agents.values_mut() {
        turns.sort();
        gaps.extend(turns.windows(2).map(|pair| pair[1] - pair[0]));
    }
    let turns = agents.values().map(Vec::len).sum::<usize>() as u64;
    let gaps_us: i64 = gaps.iter().map(|gap| gap.num_microseconds().unwrap()).sum();
    let mut figures = Figures::default();
    figures.count = Some(rows.len() as u64);
    figures.failed = Some(of(Status::Failed));
    figures.cancelled = Some(of(Status::Cancelled));
    figures.mean_ns = durations
        .iter()
        .sum::<u64>()
        .checked_div(durations.len() as u64);
    figures.min_ns = durations.first().copied();
    figures.max_ns = durations.last().copied();
    (figures.p50_ns, figures.p95_ns, figures.p99_ns) = (rank(0.5), rank(0.95), rank(0.99));
    figures.turns = Some(turns);
    figures.turns_per_hour = Some(turns as f64 / hours);
    figures.mean_turn_ns = (gaps_us.unsigned_abs() * 1000).checked_div(gaps.len() as u64);
    figures.active_agents = Some(agents.len() as u64);
    figures
}

/// Asserts equality, except that percentiles may be off by 1/32.
pub(super) fn same(mut found: Figures, mut expected: Figures) -> Result<(), TestCaseError> {
    let percentiles = |of: &mut Figures| [of.p50_ns.take(), of.p95_ns.take(), of.p99_ns.take()];
    for (found, expected) in percentiles(&mut found)
        .into_iter()
        .zip(percentiles(&mut expected))
    {
        prop_assert_eq!(found.is_some(), expected.is_some());
        let (found, expected) = (found.unwrap_or_default(), expected.unwrap_or_default());
        prop_assert!(
            found.abs_diff(expected) <= expected / 32 + 1,
            "{} as {}",
            expected,
            found
        );
    }
    prop_assert_eq!(found, expected);
    Ok(())
}

fn in_zone(at: DateTime<Utc>, zone: Tz) -> chrono::NaiveDateTime {
    at.with_timezone(&zone).naive_local()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn metrics_equal_the_counts_of_the_rows(
        rows in vec(made(), 0..40),
        // The clocks change within the ten days around each of these in one zone or the other.
        around in select(vec!["2026-03-08T07:00:00Z", "2026-03-29T01:00:00Z", "2026-04-04T16:30:00Z", "2026-10-03T15:30:00Z", "2026-11-01T05:00:00Z"]),
        zone in select(vec!["UTC", "Asia/Kathmandu", "Australia/Adelaide", "America/St_Johns", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana"]),
        window in select(Window::ALL.to_vec()),
        step in select(vec![Step::Hour, Step::Day]),
        subject in select(vec![Subject::Overall, Subject::One(Dimension::Project, "acme".into()), Subject::One(Dimension::Agent, "bot".into()), Subject::One(Dimension::Name, "a".into())]),
        minute in -4 * 1440..4 * 1440i64,
        allowed in select(vec!["", "", "project:acme", "project:acme,zoo", "-agent:bot", "project:z*,unknown -name:a"]),
        indexed in vec(0..40usize, 0..3),
    ) {
        let around = at(around);
        let tz: Tz = zone.parse().unwrap();
        let (log, clock) = ActivityLog::test();
        let mut maintenance = log.store().unwrap().maintenance().unwrap();
        for (at, row) in rows.iter().enumerate() {
            record(&log, &clock, around, row);
            // Later records are added to the sums.
            if indexed.contains(&at) {
                log.flush().wait().unwrap();
                while maintenance.index().unwrap() > 0 {}
            }
        }
        log.flush().wait().unwrap();
        // Sets the reader's present, so that no record is dated ahead.
        clock.set_wall(around + TimeDelta::days(20));
        let now = around + TimeDelta::minutes(minute);
        let allowed = Filter::parse(allowed, now).unwrap();
        let query = MetricsQuery::new(window, now).zone(zone.parse().unwrap()).step(step).subject(subject.clone());
        let query = query.restricted_to(allowed.clone());
        let all = all(&log);
        let meant = |row: &&ActivityRecord| match &subject {
            Subject::One(Dimension::Project, id) => row.scope.project.as_ref() == Some(id),
            Subject::One(Dimension::Agent, id) => row.scope.agent.as_ref() == Some(id),
            Subject::One(Dimension::Name, id) => row.name == *id,
            _ => true,
        };
        let meant: Vec<_> = all.iter().filter(meant).filter(|row| allowed.matches(row)).collect();
        let metrics = log.reader().unwrap().metrics(&query);
        if meant.is_empty() && subject != Subject::Overall {
            prop_assert!(metrics.unwrap_err().is_not_found());
            return Ok(());
        }
        let Metrics { window: period, unknown, current, history, .. } = metrics.unwrap();
        prop_assert_eq!(unknown, None);

        let last = in_zone(now, tz).date();
        let first = last - TimeDelta::days(window.days() - 1);
        let date = |row: &&ActivityRecord| in_zone(row.started_at, tz).date();
        let within: Vec<_> = meant.into_iter().filter(|row| (first..=last).contains(&date(row))).collect();
        let turns_of: HashSet<&str> = all.iter()
            .filter(|row| row.kind == Kind::Turn)
            .filter_map(|row| row.scope.agent.as_deref())
            .collect();
        let hours = (now.min(period.end) - period.start).num_milliseconds() as f64 / 3_600_000.0;
        same(current.clone(), counted(&within, &turns_of, hours.max(0.25)))?;

        let key = |at: DateTime<Utc>| {
            let local = at.with_timezone(&tz);
            match step {
                Step::Day => (local.date_naive(), 0, 0),
                _ => (local.date_naive(), local.hour(), local.offset().fix().local_minus_utc()),
            }
        };
        prop_assert_eq!(history[0].period.start, period.start);
        for pair in history.windows(2) {
            prop_assert_eq!(pair[0].period.end, pair[1].period.start);
        }
        for point in history {
            let rows: Vec<_> = within.iter().copied().filter(|row| key(row.started_at) == key(point.period.start)).collect();
            let hours = (now.min(point.period.end) - point.period.start).num_milliseconds() as f64 / 3_600_000.0;
            same(point.figures, counted(&rows, &turns_of, hours.max(0.25)))?;
        }
    }
}

#[test]
fn a_day_begins_at_the_viewers_midnight_also_when_the_clocks_change() {
    let (log, _) = ActivityLog::test();
    let check = |zone: &str, date: &str, start: &str, end: &str, hours: usize| {
        let noon = date
            .parse::<NaiveDate>()
            .unwrap()
            .and_hms_opt(12, 0, 0)
            .unwrap();
        let tz: Tz = zone.parse().unwrap();
        let noon = tz.from_local_datetime(&noon).unwrap().to_utc();
        let late = noon + TimeDelta::days(9);
        let query = MetricsQuery::new(Window::Day, late)
            .zone(zone.parse().unwrap())
            .at(noon);
        let metrics = log.reader().unwrap().metrics(&query).unwrap();
        let found = (
            metrics.window.start,
            metrics.window.end,
            metrics.history.len(),
        );
        assert_eq!(found, (at(start), at(end), hours), "{zone} {date}");
    };
    check(
        "Asia/Kathmandu",
        "2026-03-05",
        "2026-03-04T18:15:00Z",
        "2026-03-05T18:15:00Z",
        24,
    );
    check(
        "Australia/Adelaide",
        "2026-04-05",
        "2026-04-04T13:30:00Z",
        "2026-04-05T14:30:00Z",
        25,
    );
    check(
        "Australia/Adelaide",
        "2026-10-04",
        "2026-10-03T14:30:00Z",
        "2026-10-04T13:30:00Z",
        23,
    );
    check(
        "America/St_Johns",
        "2026-03-08",
        "2026-03-08T03:30:00Z",
        "2026-03-09T02:30:00Z",
        23,
    );
    check(
        "America/St_Johns",
        "2026-11-01",
        "2026-11-01T02:30:00Z",
        "2026-11-02T03:30:00Z",
        25,
    );
    // Lord Howe Island skips and repeats half an hour at two: the repeated half hour is a bucket of its own.
    check(
        "Australia/Lord_Howe",
        "2026-10-04",
        "2026-10-03T13:30:00Z",
        "2026-10-04T13:00:00Z",
        24,
    );
    check(
        "Australia/Lord_Howe",
        "2026-04-05",
        "2026-04-04T13:00:00Z",
        "2026-04-05T13:30:00Z",
        25,
    );
    // Midnight itself is skipped, and repeated.
    check(
        "Africa/Cairo",
        "2026-04-24",
        "2026-04-23T22:00:00Z",
        "2026-04-24T21:00:00Z",
        23,
    );
    check(
        "America/Havana",
        "2026-11-01",
        "2026-11-01T04:00:00Z",
        "2026-11-02T05:00:00Z",
        25,
    );
}

#[test]
fn turns_at_0_5_and_15_minutes_are_seven_and_a_half_apart_whatever_is_nested() {
    let (log, clock) = ActivityLog::test();
    let turn = |agent: &'static str, kind| {
        let turn = Describe::new(kind, "turn").agent(agent).project("acme");
        let turn = log.start(turn);
        for _ in 0..3 {
            let call = log.start(
                Describe::tool("search")
                    .agent(agent)
                    .project("acme")
                    .parent(&turn),
            );
            call.end(Outcome::success());
        }
        turn.end(Outcome::success());
    };
    for minutes in [5, 10, 0] {
        turn("says", Kind::Turn);
        turn("silent", Kind::Job);
        clock.advance(minutes * MINUTE);
    }
    log.flush().wait().unwrap();
    let now = at("2026-01-01T02:00:00Z");
    let mut reader = log.reader().unwrap();
    let mut check = |subject: Subject, count, turns, agents| {
        let query = MetricsQuery::new(Window::Day, now).subject(subject);
        let current = reader.metrics(&query).unwrap().current;
        let found = (
            current.count,
            current.turns,
            current.turns_per_hour,
            current.active_agents,
        );
        let rate = turns as f64 / 2.0;
        assert_eq!(found, (Some(count), Some(turns), Some(rate), Some(agents)));
        assert_eq!(current.mean_turn_ns, Some(450_000_000_000));
    };
    let one = |dimension, id: &'static str| Subject::One(dimension, id.into());
    check(Subject::Overall, 24, 6, 2);
    check(one(Dimension::Project, "acme"), 24, 6, 2);
    check(one(Dimension::Agent, "says"), 12, 3, 1);
    check(one(Dimension::Agent, "silent"), 12, 3, 1);
    let ranking = reader
        .ranking(Dimension::Agent, &MetricsQuery::new(Window::Day, now))
        .unwrap();
    let ranking: Vec<_> = ranking
        .ranking
        .iter()
        .map(|one| (one.id.as_str(), one.figures.turns))
        .collect();
    assert_eq!(ranking, [("says", Some(3)), ("silent", Some(3))]);
}

#[test]
fn the_current_hour_is_included_and_later_ones_are_not() {
    let (log, clock) = ActivityLog::test();
    clock.advance(90 * MINUTE);
    log.start(Describe::job("a")).end(Outcome::success());
    log.flush().wait().unwrap();
    let metrics = log
        .reader()
        .unwrap()
        .metrics(&MetricsQuery::new(Window::Day, clock.now()))
        .unwrap();
    let counts: Vec<_> = metrics
        .history
        .iter()
        .map(|point| point.figures.count)
        .collect();
    assert_eq!(counts, [Some(0), Some(1)]);
    assert_eq!((metrics.earlier, metrics.later), (None, None));
}

#[test]
fn periods_go_back_to_the_oldest_sums_and_forward_to_today() {
    let (log, clock) = ActivityLog::test();
    log.start(Describe::job("a")).end(Outcome::success());
    clock.advance(20 * 24 * 60 * MINUTE);
    log.start(Describe::job("b")).end(Outcome::success());
    log.flush().wait().unwrap();
    let mut reader = log.reader().unwrap();
    let mut query = MetricsQuery::new(Window::Week, clock.now());
    let mut starts = Vec::new();
    let last = loop {
        let metrics = reader.metrics(&query).unwrap();
        starts.push(metrics.window.start.format("%m-%d").to_string());
        match metrics.earlier {
            Some(earlier) => query = query.at(earlier),
            None => break metrics,
        }
    };
    assert_eq!(starts, ["01-15", "01-08", "01-01"]);
    assert_eq!(last.current.count, Some(1));
    let next = reader.metrics(&query.at(last.later.unwrap())).unwrap();
    assert_eq!(next.window.start.format("%m-%d").to_string(), "01-08");
}

#[test]
fn a_retried_commit_is_counted_once() {
    let store = FaultyStore::new(Fault::Late);
    let log = ActivityLog::builder().open_store(store.clone()).unwrap();
    log.start(Describe::job("a")).end(Outcome::success());
    support::after_commit(|| all(&log).pop());
    store.mend();
    log.flush().wait().unwrap();
    // The number of commits is up to the writer, which also saves counters in batches of their own.
    assert!(store.commits() > 0);
    assert_eq!(all(&log).len(), 1);
    let week = MetricsQuery::new(Window::Week, Utc::now());
    let metrics = log.reader().unwrap().metrics(&week).unwrap();
    assert_eq!(metrics.current.count, Some(1));
}

#[test]
fn the_start_of_a_restricted_history_is_not_that_of_the_store() {
    let (log, clock) = ActivityLog::test();
    let call = |project: &'static str| {
        log.start(Describe::job("a").project(project))
            .end(Outcome::success());
    };
    call("acme");
    clock.advance(48 * 60 * MINUTE);
    call("zoo");
    log.flush().wait().unwrap();
    let today = MetricsQuery::new(Window::Day, clock.now());
    let earlier = |query: &MetricsQuery| log.reader().unwrap().metrics(query).unwrap().earlier;
    assert!(earlier(&today).is_some());
    for (project, expected) in [("acme", true), ("zoo", false)] {
        let query = today.clone().restricted_to(Filter::for_project(project));
        assert_eq!(earlier(&query).is_some(), expected, "{project}");
    }
}
