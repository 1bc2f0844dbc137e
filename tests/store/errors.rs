//! Groups of errors: from sums, from activities, and after these were deleted.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::{collection::vec, prelude::*, sample::select};
use rusqlite::Connection;
use tempfile::TempDir;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    query::{ActivityReader, Errors, MetricsQuery, Window},
    record::{ActivityId, ActivityRecord, Filter, Fingerprint},
    store::{Limit, Maintenance, Prune, PruneCounts, Retention},
    testing::ManualClock,
};

use crate::log_file;

fn start() -> DateTime<Utc> {
    "2026-03-10T00:00:00Z".parse().unwrap()
}

fn open_log() -> (TempDir, ActivityLog, ManualClock) {
    let (folder, log, clock) = log_file::open_log();
    clock.set_wall(start());
    (folder, log, clock)
}

/// The maintenance of a store that keeps all sums.
fn maintenance(folder: &TempDir) -> Box<dyn Maintenance> {
    let mut maintenance = log_file::maintenance(folder.path());
    let mut forever = Retention::default();
    forever.sums = Some(Limit::FOREVER);
    maintenance.set_retention(&forever).unwrap();
    maintenance
}

fn fail(log: &ActivityLog, name: &'static str, message: String) {
    let outcome = Outcome::failed("tool_error").with_message(message);
    log.start(Describe::tool(name).actor("ann").project("acme"))
        .end(outcome);
}

/// The errors of the day that contains an instant.
fn errors_at(log: &ActivityLog, at: DateTime<Utc>) -> Errors {
    log.flush().wait().unwrap();
    let mut reader = log.reader().unwrap();
    reader
        .errors(&MetricsQuery::new(Window::Day, at).at(at), 50)
        .unwrap()
}

#[test]
fn failures_are_grouped_by_name_type_and_template() {
    let (folder, log, clock) = open_log();
    fail(&log, "login", String::from("no such user us17"));
    clock.advance(Duration::from_secs(24 * 3600));
    for user in 0..3 {
        fail(&log, "login", format!("no such user us{user}"));
    }
    fail(&log, "pay", String::from("HTTP 502 Bad Gateway"));
    log.start(Describe::tool("pay")).end(Outcome::success());
    let now = start() + TimeDelta::hours(25);
    clock.set_wall(now);
    let before_indexing = errors_at(&log, now);
    let mut maintenance = maintenance(&folder);
    while maintenance.index().unwrap() > 0 {}
    assert_eq!(errors_at(&log, now), before_indexing);

    let errors = before_indexing;
    let group = |at: usize| {
        let group = &errors.groups[at];
        let message = group.message.clone().unwrap();
        (
            &*group.name,
            message,
            group.count,
            group.previous,
            group.is_new,
        )
    };
    assert_eq!(
        (errors.total, errors.previous, errors.group_count),
        (4, Some(1), 2)
    );
    let login = (
        "login",
        String::from("no such user …"),
        3,
        Some(1),
        Some(false),
    );
    assert_eq!(group(0), login);
    let pay = (
        "pay",
        String::from("HTTP 502 Bad Gateway"),
        1,
        Some(0),
        Some(true),
    );
    assert_eq!(group(1), pay);
    assert_eq!(errors.groups[0].first_seen, start());
    assert_eq!(errors.groups[0].history.iter().flatten().sum::<u64>(), 3);
    assert_eq!(errors.groups[0].history.len(), errors.steps.len());

    let filter = format!("fingerprint:{}", errors.groups[0].fingerprint);
    let filter = Filter::parse(&filter, now).unwrap();
    let found = log
        .reader()
        .unwrap()
        .page(&filter, None, 50)
        .unwrap()
        .records;
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|one| one.name == "login"));
}

#[test]
fn the_message_of_a_group_is_erased_with_its_activities() {
    let (folder, log, clock) = open_log();
    fail(
        &log,
        "login",
        String::from("ann has forgotten her password"),
    );
    let mut maintenance = maintenance(&folder);
    log.flush().wait().unwrap();
    while maintenance.index().unwrap() > 0 {}
    maintenance.erase("ann", &mut |_| {}).unwrap();
    clock.set_wall(start() + TimeDelta::hours(1));
    let errors = errors_at(&log, start());
    let (group, total) = (&errors.groups[0], errors.total);
    assert_eq!((total, &*group.name, group.count), (1, "login", 1));
    assert_eq!(group.message, None);
    let unnamed = Fingerprint::new("login", Some("tool_error"), None);
    assert_eq!(group.fingerprint, unnamed);
    log.shutdown().wait().unwrap();
    let bytes = std::fs::read(folder.path().join("a.db")).unwrap();
    assert!(!bytes.windows(9).any(|part| part == b"forgotten"));
}

#[test]
fn errors_of_activities_that_were_pruned_before_they_were_grouped_are_unknown() {
    let (folder, log, clock) = open_log();
    let mut maintenance = maintenance(&folder);
    fail(&log, "login", String::from("a"));
    log.flush().wait().unwrap();
    clock.set_wall(start() + TimeDelta::days(1));
    fail(&log, "login", String::from("a"));
    fail(&log, "login", String::from("a"));
    log.flush().wait().unwrap();
    let before = start() + TimeDelta::hours(12);
    let mut keep = Retention::default();
    keep.activities = Some(Limit::age(Duration::ZERO));
    while maintenance.prune(Prune::ByDate(keep, before)).unwrap() != PruneCounts::default() {}
    while maintenance.index().unwrap() > 0 {}
    let first = errors_at(&log, start());
    assert!(first.unknown.is_some());
    assert_eq!(first.total, 0);
    let second = errors_at(&log, start() + TimeDelta::days(1));
    assert_eq!(
        (second.unknown, second.total, second.previous),
        (None, 2, None)
    );
    assert_eq!(second.groups[0].is_new, None);

    // Sums that were kept when the activities were pruned are known.
    let third = start() + TimeDelta::days(2);
    clock.set_wall(third);
    while maintenance.prune(Prune::ByDate(keep, third)).unwrap() != PruneCounts::default() {}
    let second = errors_at(&log, start() + TimeDelta::days(1));
    assert_eq!((second.unknown, second.total), (None, 2));
}

#[test]
fn a_group_is_new_only_if_none_of_it_is_known_from_before() {
    let (folder, log, clock) = open_log();
    fail(&log, "login", String::from("a"));
    fail(&log, "login", String::from("b"));
    log.flush().wait().unwrap();
    let mut maintenance = maintenance(&folder);
    while maintenance.index().unwrap() > 0 {}
    let now = start() + TimeDelta::days(45);
    clock.set_wall(now);
    fail(&log, "login", String::from("a"));
    fail(&log, "login", String::from("c"));
    log.flush().wait().unwrap();
    let is_new = |log: &ActivityLog, window, restriction: &str| {
        let restriction = Filter::parse(restriction, now).unwrap();
        let query = MetricsQuery::new(window, now).restricted_to(restriction);
        let errors = log.reader().unwrap().errors(&query, 50).unwrap();
        let mut groups: Vec<_> = errors.groups.into_iter().collect();
        groups.sort_by_key(|group| group.message.clone());
        groups
            .into_iter()
            .map(|group| group.is_new)
            .collect::<Vec<_>>()
    };
    for window in Window::ALL {
        assert_eq!(
            is_new(&log, window, ""),
            [Some(false), Some(true)],
            "{window}"
        );
    }
    // Sums are deleted before their activities.
    prune(&mut *maintenance, now - TimeDelta::days(30));
    for window in Window::ALL {
        assert_eq!(
            is_new(&log, window, ""),
            [Some(false), Some(true)],
            "{window}"
        );
    }
    // Who may not see the first one does not learn of it.
    let since = is_new(&log, Window::Day, "since:1h");
    assert_eq!(since, [Some(true), Some(true)]);
}

/// A word for each number: digits are variable.
fn word(mut number: u32) -> String {
    let mut word = String::new();
    while number > 0 {
        word.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
    }
    word
}

#[test]
fn groups_beyond_the_limit_of_a_quarter_hour_are_counted_together() {
    let (folder, log, clock) = open_log();
    let mut maintenance = maintenance(&folder);
    for number in 1..=1_010 {
        fail(&log, "login", format!("no such user {}z", word(number)));
        if number == 600 {
            log.flush().wait().unwrap();
            while maintenance.index().unwrap() > 0 {}
        }
    }
    // A group that is there takes more.
    fail(&log, "login", format!("no such user {}z", word(1)));
    clock.advance(Duration::from_secs(900));
    fail(&log, "login", String::from("the next quarter hour"));
    log.flush().wait().unwrap();
    while maintenance.index().unwrap() > 0 {}
    let connection = Connection::open(folder.path().join("a.db")).unwrap();
    let rows = "SELECT count(*), max(count) FILTER (WHERE fingerprint = 0), max(count) FILTER (WHERE fingerprint <> 0) \
                FROM failure GROUP BY quarter";
    let mut rows = connection.prepare(rows).unwrap();
    let rows = rows.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let rows: Vec<(u32, Option<u32>, u32)> = rows.unwrap().map(Result::unwrap).collect();
    assert_eq!(rows, [(1_001, Some(10), 2), (1, None, 1)]);
    clock.set_wall(start() + TimeDelta::hours(1));
    let errors = errors_at(&log, start());
    assert_eq!((errors.total, errors.group_count), (1_012, 1_001));
}

#[test]
fn groups_beyond_the_limit_are_counted_together() {
    let (folder, log, clock) = open_log();
    let mut maintenance = maintenance(&folder);
    for number in 1..=10_020 {
        fail(&log, "login", format!("no such user {}z", word(number)));
        if number % 900 == 0 {
            log.flush().wait().unwrap();
            while maintenance.index().unwrap() > 0 {}
            clock.advance(Duration::from_secs(900));
        }
    }
    log.flush().wait().unwrap();
    while maintenance.index().unwrap() > 0 {}
    clock.set_wall(start() + TimeDelta::hours(4));
    let errors = errors_at(&log, start());
    assert_eq!((errors.total, errors.group_count), (10_020, 10_000));
    assert_eq!((errors.groups.len(), errors.others), (50, 9_970));
    let connection = Connection::open(folder.path().join("a.db")).unwrap();
    let others =
        "SELECT count, name IS NULL, error_type IS NULL FROM failure WHERE fingerprint = 0";
    let others: (i64, bool, bool) = connection
        .query_row(others, (), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(others, (20, true, true));
}

#[test]
fn a_file_of_an_earlier_schema_has_groups_at_once_and_sums_of_them_later() {
    for version in 1..=3 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let golden = format!(
            "{}/tests/golden/schema-{version}.db",
            env!("CARGO_MANIFEST_DIR")
        );
        std::fs::copy(golden, &path).unwrap();
        let groups = |path: &std::path::Path| {
            let mut reader = ActivityReader::open(path).unwrap();
            let mut groups = reader.failures(&Filter::default()).unwrap();
            groups.sort_by_key(|group| group.fingerprint);
            groups
        };
        let before = groups(&path);
        assert!(!before.is_empty());
        let log = ActivityLog::open(&path).unwrap();
        log.flush().wait().unwrap();
        let mut maintenance = maintenance(&folder);
        assert_eq!(groups(&path), before);
        while maintenance.index().unwrap() > 0 {}
        assert_eq!(groups(&path), before);
        let connection = Connection::open(&path).unwrap();
        let kept: i64 = connection
            .query_row("SELECT coalesce(sum(count), 0) FROM failure", (), |row| {
                row.get(0)
            })
            .unwrap();
        assert!(kept > 0, "{version}");
    }
}

/// The naive groups: (fingerprint, count, first, last).
fn naive(
    all: &[ActivityRecord],
    filter: &Filter,
) -> Vec<(Fingerprint, u64, ActivityId, ActivityId)> {
    let mut groups = std::collections::BTreeMap::new();
    for one in all.iter().filter(|one| filter.matches(one)) {
        if let Some(fingerprint) = Fingerprint::of(one) {
            let group = groups.entry(fingerprint).or_insert((0, one.id, one.id));
            *group = (group.0 + 1, group.1.min(one.id), group.2.max(one.id));
        }
    }
    let groups = groups.into_iter();
    groups
        .map(|(of, (count, first, last))| (of, count, first, last))
        .collect()
}

fn prune(maintenance: &mut dyn Maintenance, before: DateTime<Utc>) {
    let mut keep = Retention::default();
    keep.sums = Some(Limit::age(Duration::ZERO));
    while maintenance.prune(Prune::ByDate(keep, before)).unwrap() != PruneCounts::default() {}
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn groups_are_those_of_the_activities_whatever_is_summed_up(
        rows in vec((0..2_000i64, 0..4u8, 0..3u8, any::<bool>()), 1..40),
        indexed in vec(0..40usize, 0..4),
        sums_before in prop_oneof![Just(None), (0..2_000i64).prop_map(Some)],
        rebuilt in any::<bool>(),
        windows in vec((0..2_000i64, 0..2_000i64, select(vec!["", "project:acme", "status:failed", "name:a -project:acme"])), 1..6),
    ) {
        let (folder, log, clock) = open_log();
        let mut maintenance = maintenance(&folder);
        for (at, (minute, message, name, acme)) in rows.iter().enumerate() {
            clock.set_wall(start() + TimeDelta::minutes(*minute) + TimeDelta::microseconds(at as i64));
            let mut describe = Describe::tool(["a", "b", "c"][usize::from(*name)]);
            if *acme {
                describe = describe.project("acme");
            }
            let outcome = match message {
                0 => Outcome::success(),
                1 => Outcome::failed("x"),
                _ => Outcome::failed("x").with_message(format!("attempt {at} of {}", if *message > 2 { "job" } else { "call" })),
            };
            log.start(describe).end(outcome);
            if indexed.contains(&at) {
                log.flush().wait().unwrap();
                while maintenance.index().unwrap() > 0 {}
            }
        }
        log.flush().wait().unwrap();
        clock.set_wall(start() + TimeDelta::minutes(2_001));
        if let Some(before) = sums_before {
            prune(&mut *maintenance, start() + TimeDelta::minutes(before));
        }
        if rebuilt {
            crate::support::sums::rebuild(&mut *maintenance);
        }
        let mut reader = log.reader().unwrap();
        let all = reader.page(&Filter::default(), None, 1_000).unwrap().records;
        for (from, length, text) in windows {
            let mut filter = Filter::parse(text, start()).unwrap();
            filter.since = Some(start() + TimeDelta::minutes(from));
            filter.until = Some(start() + TimeDelta::minutes(from + length) + TimeDelta::seconds(length % 60));
            let mut groups = reader.failures(&filter).unwrap();
            groups.sort_by_key(|group| group.fingerprint);
            let groups: Vec<_> = groups.iter().map(|group| (group.fingerprint.unwrap(), group.count, group.first, group.last)).collect();
            prop_assert_eq!(groups, naive(&all, &filter), "{}", filter);
        }
    }
}
