//! Retention: the oldest records of each kind are deleted by age and size, by the limits in the file.

use std::{path::Path, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::{collection::vec, prelude::*};
use rusqlite::Connection;
use tempfile::TempDir;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    query::ActivityReader,
    record::{Capture, Filter},
    store::{ClockReading, Limit, Maintenance, Prune, PruneCounts, Retention},
    testing::ManualClock,
};

use crate::{
    log_file::{self, open_log},
    support::{after_commit, sums},
};

/// Counted bytes of one activity of [`record`]: the row, its error type and its message.
const ACTIVITY: u64 = 200 + 100 + 6;
/// Counted bytes of its preview: the row, and a text of 1,000 letters as JSON.
const PREVIEW: u64 = 40 + 1_002;
/// Counted bytes of its event: the row and its summary.
const EVENT: u64 = 200 + 300;

/// The start of manual clocks.
fn start() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Records an activity with a preview and an event, without a duration.
fn record(log: &ActivityLog, clock: &ManualClock, number: usize) {
    clock.advance(Duration::from_micros(1));
    let activity = log.start(Describe::job(format!("job-{number}")).actor("ann"));
    activity.set_input(&"i".repeat(1_000), Capture::Full);
    let event = log.event("tick").actor("ann").summary("s".repeat(300));
    event.record();
    activity.end(Outcome::failed("denied").with_message("m".repeat(100)));
}

/// The maintenance of a store whose index has come to the end.
fn maintenance(folder: &TempDir) -> Box<dyn Maintenance> {
    let mut maintenance = log_file::maintenance(folder.path());
    while maintenance.index().unwrap() > 0 {}
    maintenance
}

/// Prunes until nothing is left to delete, and checks that it is what `prunable` returned.
fn prune(maintenance: &mut dyn Maintenance, keep: Retention, now: DateTime<Utc>) -> PruneCounts {
    let what = Prune::ByDate(keep, now);
    let expected = maintenance.prunable(what).unwrap();
    let mut all = PruneCounts::default();
    loop {
        let step = maintenance.prune(what).unwrap();
        if step == PruneCounts::default() {
            break;
        }
        all.add(step);
    }
    assert_eq!(all, expected);
    all
}

fn number(path: &Path, sql: &str) -> i64 {
    let store = Connection::open(path).unwrap();
    store.query_row(sql, (), |row| row.get(0)).unwrap()
}

/// The counted bytes of activities, previews and events, each with the bytes of the rows.
fn counted(path: &Path) -> [(i64, i64); 3] {
    let mark = |name: &str| {
        let sql = format!("SELECT coalesce(max(value), 0) FROM mark WHERE name = '{name}'");
        number(path, &sql)
    };
    let rows = |sql: &str| number(path, sql);
    [
        (
            mark("activity_bytes"),
            rows(
                "SELECT coalesce(sum(200 + octet_length(coalesce(session, '') || coalesce(request, '') \
                 || coalesce(error_type, '') || coalesce(message, '') || coalesce(attributes, ''))), 0) FROM activity \
                 WHERE seq <= (SELECT value FROM mark WHERE name = 'followed_activities')",
            ),
        ),
        (
            mark("preview_bytes"),
            rows(
                "SELECT coalesce(sum(40 + octet_length(coalesce(input, '') || coalesce(output, ''))), 0) FROM preview \
                 WHERE activity <= (SELECT value FROM mark WHERE name = 'followed_activities')",
            ),
        ),
        (
            mark("event_bytes"),
            rows(
                "SELECT coalesce(sum(200 + octet_length(coalesce(summary, '') || coalesce(data, '') \
                 || coalesce(reference, '') || coalesce(dedup_key, ''))), 0) FROM event \
                 WHERE seq <= (SELECT value FROM mark WHERE name = 'followed_events')",
            ),
        ),
    ]
}

fn names(path: &Path) -> Vec<String> {
    let mut reader = ActivityReader::open(path).unwrap();
    let page = reader.page(&Filter::default(), None, 1_000).unwrap();
    let names = page.records.iter().map(|one| one.name.to_string());
    names.collect()
}

#[test]
fn the_oldest_of_each_kind_are_deleted_until_the_rest_is_within_the_limit() {
    let (folder, log, clock) = open_log();
    let path = folder.path().join("a.db");
    (0..20).for_each(|number| record(&log, &clock, number));
    log.flush().wait().unwrap();
    let mut maintenance = maintenance(&folder);
    let [activities, previews, events] = counted(&path);
    assert_eq!(activities, (20 * ACTIVITY as i64, 20 * ACTIVITY as i64));
    assert_eq!(previews, (20 * PREVIEW as i64, 20 * PREVIEW as i64));
    assert_eq!(events, (20 * EVENT as i64, 20 * EVENT as i64));

    let mut keep = Retention::default();
    keep.previews = Some(Limit::bytes(5 * PREVIEW));
    keep.events = Some(Limit::bytes(7 * EVENT + EVENT - 1));
    let pruned = prune(&mut *maintenance, keep, clock.now());
    assert_eq!(
        (pruned.activities, pruned.previews, pruned.events),
        (0, 15, 13)
    );
    assert_eq!(names(&path).len(), 20);
    let newest = "SELECT min(activity) FROM preview";
    assert_eq!(number(&path, newest), 16);
    assert_eq!(number(&path, "SELECT min(seq) FROM event"), 14);

    keep = Retention::default();
    keep.activities = Some(Limit::bytes(3 * ACTIVITY));
    let pruned = prune(&mut *maintenance, keep, clock.now());
    // Previews are deleted with their activities.
    assert_eq!((pruned.activities, pruned.previews), (17, 0));
    assert_eq!(names(&path), ["job-19", "job-18", "job-17"]);
    assert_eq!(number(&path, "SELECT count(*) FROM preview"), 3);
    assert_eq!(counted(&path).map(|(counted, rows)| counted - rows), [0; 3]);

    // The newest row is never deleted: the commit order continues from it.
    keep.activities = Some(Limit::bytes(0));
    keep.events = Some(Limit::bytes(0));
    let pruned = prune(&mut *maintenance, keep, clock.now());
    assert_eq!((pruned.activities, pruned.events), (2, 6));
    assert_eq!(names(&path), ["job-19"]);
}

/// Adds two recordings with 250 chunks of 100 bytes each, as the log's instance would.
fn add_recordings(path: &Path) {
    let store = Connection::open(path).unwrap();
    let sql = "INSERT INTO text (value) VALUES ('frames'); \
        INSERT INTO recording (seq, id, format, instance, status, ended_at) \
          SELECT value, randomblob(16), (SELECT id FROM text WHERE value = 'frames'), 1, 1, 1 FROM json_each('[1, 2]'); \
        INSERT INTO link (activity, recording, from_at, until_at) SELECT randomblob(16), seq, 0, 1 FROM recording; \
        WITH RECURSIVE numbers (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number < 249) \
        INSERT INTO chunk (recording, number, track, events, from_at, until_at, codec, body) \
          SELECT seq, number, '', 1, 0, 1, 1, zeroblob(100) FROM recording, numbers; \
        UPDATE instance SET recordings_added = 2, chunks_added = 500";
    store.execute_batch(sql).unwrap();
}

#[test]
fn a_recording_that_is_deleted_for_its_size_is_deleted_completely() {
    let (folder, log, clock) = open_log();
    let path = folder.path().join("a.db");
    log.event("tick").record();
    log.shutdown().wait().unwrap();
    add_recordings(&path);
    let mut keep = Retention::default();
    // One step deletes 100 of the 500 chunks, after which the rest is within the limit.
    keep.recordings = Some(Limit::bytes(450 * 100));
    let what = Prune::ByDate(keep, clock.now());
    let step = maintenance(&folder).prune(what).unwrap();
    assert_eq!((step.recordings, step.chunks), (0, 100));
    // The process dies here, and another one continues.
    let pruned = prune(&mut *maintenance(&folder), keep, clock.now());
    assert_eq!((pruned.recordings, pruned.chunks), (1, 150));
    assert_eq!(number(&path, "SELECT min(seq) FROM recording"), 2);
    assert_eq!(number(&path, "SELECT count(*) FROM chunk"), 250);
    let mut reader = ActivityReader::open(&path).unwrap();
    assert!(reader.check(&mut |_| {}).unwrap().is_complete());
}

#[test]
fn sums_are_deleted_by_whole_quarter_hours_until_the_rest_is_within_the_limit() {
    let (folder, log, clock) = open_log();
    let path = folder.path().join("a.db");
    for hour in 0..6 {
        clock.set_wall(start() + TimeDelta::hours(hour));
        record(&log, &clock, 0);
    }
    log.flush().wait().unwrap();
    let mut maintenance = maintenance(&folder);
    while maintenance.index().unwrap() > 0 {}
    // Each hour has the overall sum and that of the name, and a group of errors.
    assert_eq!(number(&path, "SELECT count(*) FROM bucket"), 12);
    let mut keep = Retention::default();
    // Seven fit, but the seventh is only a part of a quarter hour.
    keep.sums = Some(Limit::bytes(7 * 200));
    assert_eq!(prune(&mut *maintenance, keep, clock.now()).sums, 8 + 4);
    assert_eq!(number(&path, "SELECT count(*) FROM failure"), 2);
    let first = start() + TimeDelta::hours(4);
    let oldest = number(&path, "SELECT min(quarter) * 900 FROM bucket");
    assert_eq!(oldest, first.timestamp());
    // Their activities are kept: the sums can be rebuilt.
    assert_eq!(names(&path).len(), 6);
    sums::rebuild(&mut *maintenance);
    assert_eq!(number(&path, "SELECT count(*) FROM bucket"), 12);
}

#[test]
fn a_log_keeps_no_more_than_its_limits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let clock = ManualClock::new();
    let log = ActivityLog::builder()
        .clock(clock.clone())
        .keep_activities(Limit::bytes(50 * ACTIVITY))
        .keep_events(Limit::bytes(40 * EVENT))
        .keep_previews(Limit::bytes(10 * PREVIEW))
        .keep_sums(Limit::bytes(1_000_000))
        .open(&path)
        .unwrap();
    (0..300).for_each(|number| record(&log, &clock, number));
    log.flush().wait().unwrap();
    let mut reader = log.reader().unwrap();
    // Only indexed rows are counted, and a log leaves the last few unindexed.
    drop(maintenance(&folder));
    // The log prunes every ten minutes, after a commit.
    clock.advance(Duration::from_secs(600));
    let previews = || number(&path, "SELECT count(*) FROM preview") as usize;
    let mut late = 0;
    after_commit(|| {
        record(&log, &clock, 300 + late);
        late += 1;
        log.flush().wait().unwrap();
        let health = reader.health().unwrap();
        let left = [
            health.activities as usize,
            health.events as usize,
            previews(),
        ];
        let most = [50, 40, 10].map(|kept| kept + late);
        left.into_iter()
            .zip(most)
            .all(|(left, most)| left <= most)
            .then_some(())
    });
    // Records since then may not be counted yet.
    let kept = names(&path);
    assert!((50..=50 + late).contains(&kept.len()), "{}", kept.len());
    let all = (0..300 + late).rev().map(|number| format!("job-{number}"));
    assert!(
        kept.iter()
            .eq(all.take(kept.len()).collect::<Vec<_>>().iter())
    );
    assert!(previews() >= 10);
    assert!(log.accounting().adds_up());
}

/// Records an activity and an event.
fn record_pair(log: &ActivityLog, name: &str) {
    log.start(Describe::job(name.to_owned()))
        .end(Outcome::success());
    log.event("tick").record();
    log.flush().wait().unwrap();
}

/// Lets time pass, in which the log advances the store's clock.
fn pass(log: &ActivityLog, clock: &ManualClock, time: Duration) {
    let minute = Duration::from_secs(60);
    clock.advance(minute);
    // The first flush wakes the writer, the second waits for its maintenance.
    log.flush().wait().unwrap();
    log.flush().wait().unwrap();
    clock.advance(time - minute);
}

/// Advances the clock to the next pruning, and waits for it.
fn await_pruning(log: &ActivityLog, clock: &ManualClock) {
    pass(log, clock, Duration::from_secs(600));
    log.flush().wait().unwrap();
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[test]
fn every_process_applies_the_retention_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let clock = ManualClock::new();
    let builder = || ActivityLog::builder().clock(clock.clone());
    let log = builder()
        .keep_activities(Limit::days(7))
        .open(&path)
        .unwrap();
    record_pair(&log, "old");
    log.shutdown().wait().unwrap();
    // A log without limits applies those that another one has set, and no others.
    let log = builder().open(&path).unwrap();
    record_pair(&log, "older");
    pass(&log, &clock, 8 * DAY);
    record_pair(&log, "new");
    await_pruning(&log, &clock);
    after_commit(|| (names(&path) == ["new"]).then_some(()));
    assert_eq!(log.reader().unwrap().health().unwrap().events, 3);
    // A log that sets another limit leaves the others.
    let other = builder().keep_events(Limit::days(1)).open(&path).unwrap();
    let retention = other.reader().unwrap().retention().unwrap();
    assert_eq!(retention.activities, Some(Limit::days(7)));
    assert_eq!(retention.events, Some(Limit::days(1)));
    assert_eq!(retention.recordings, None);
    drop((log, other));
}

#[test]
fn the_last_limit_set_applies() {
    let (folder, log, _) = open_log();
    let builder = || ActivityLog::builder();
    let path = folder.path().join("a.db");
    let read = || ActivityReader::open(&path).unwrap().retention().unwrap();
    assert_eq!(read(), Retention::default());
    drop(builder().keep_sums(Limit::days(90)).open(&path).unwrap());
    drop(builder().keep_sums(DAY).open(&path).unwrap());
    assert_eq!(read().sums, Some(Limit::days(1)));
    let mut change = Retention::default();
    change.sums = Some(Limit::FOREVER);
    let before = maintenance(&folder).set_retention(&change).unwrap();
    assert_eq!(before.sums, Some(Limit::days(1)));
    assert_eq!(read().sums, Some(Limit::FOREVER));
    let health = log.reader().unwrap().health().unwrap();
    assert_eq!(health.retention.sums, Some(Limit::FOREVER));
    assert_eq!(health.retention.recordings, Retention::DEFAULT.recordings);
}

#[test]
fn a_file_that_replaces_another_gets_the_limits_of_the_builder() {
    let (folder, log, clock) = open_log();
    drop(log);
    let path = folder.path().join("a.db");
    let builder = ActivityLog::builder().clock(clock.clone());
    let log = builder
        .keep_recordings(Limit::days(365))
        .open(&path)
        .unwrap();
    record_pair(&log, "one");
    let store = Connection::open(&path).unwrap();
    store.execute("DELETE FROM retention", ()).unwrap();
    drop(store);
    record_pair(&log, "two");
    await_pruning(&log, &clock);
    let retention = log.reader().unwrap().retention().unwrap();
    assert_eq!(retention.recordings, Some(Limit::days(365)));
    assert_eq!(retention.activities, None);
}

#[test]
fn a_store_in_memory_applies_its_retention_too() {
    let clock = ManualClock::new();
    let log = ActivityLog::builder()
        .clock(clock.clone())
        .keep_activities(DAY)
        .open(":memory:")
        .unwrap();
    record_pair(&log, "old");
    pass(&log, &clock, 2 * DAY);
    record_pair(&log, "new");
    await_pruning(&log, &clock);
    let mut reader = log.reader().unwrap();
    after_commit(|| (reader.health().unwrap().activities == 1).then_some(()));
    assert_eq!(reader.health().unwrap().events, 2);
}

#[test]
fn an_idle_process_continues_until_nothing_is_left_to_delete() {
    let (folder, log, clock) = open_log();
    let path = folder.path().join("a.db");
    let mut change = Retention::default();
    change.activities = Some(DAY.into());
    maintenance(&folder).set_retention(&change).unwrap();
    for _ in 0..5_000 {
        log.start(Describe::job("old")).end(Outcome::success());
    }
    log.flush().wait().unwrap();
    pass(&log, &clock, 2 * DAY);
    // The last record.
    record_pair(&log, "new");
    await_pruning(&log, &clock);
    after_commit(|| (number(&path, "SELECT count(*) FROM activity") == 1).then_some(()));
}

#[test]
fn imported_records_are_kept_for_as_long_as_recorded_ones() {
    let (folder, log, clock) = open_log();
    let path = folder.path().join("a.db");
    clock.set_wall(start() - TimeDelta::days(400));
    // A row dated a year back, as an import adds it.
    record_pair(&log, "imported");
    clock.set_wall(start());
    let mut change = Retention::default();
    change.activities = Some(Limit::days(90));
    maintenance(&folder).set_retention(&change).unwrap();
    pass(&log, &clock, 80 * DAY);
    record_pair(&log, "new");
    record_pair(&log, "newer");
    assert_eq!(number(&path, "SELECT count(*) FROM activity"), 3);
    pass(&log, &clock, 11 * DAY);
    record_pair(&log, "newest");
    await_pruning(&log, &clock);
    after_commit(|| (number(&path, "SELECT count(*) FROM activity") == 3).then_some(()));
    assert!(!names(&path).contains(&"imported".to_owned()));
}

#[test]
fn a_prune_step_with_nothing_to_delete_changes_nothing() {
    let (folder, log, clock) = open_log();
    record_pair(&log, "one");
    let mut maintenance = maintenance(&folder);
    let reading = ClockReading::new(clock.now(), Duration::from_secs(1));
    assert_eq!(
        maintenance.prune(Prune::Retention(reading)).unwrap(),
        PruneCounts::default()
    );
    assert_eq!(maintenance.now(reading).unwrap(), clock.now());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn counted_bytes_are_the_bytes_of_the_rows(
        steps in vec((0..6u8, 0..40u64), 1..12),
    ) {
        let (folder, log, clock) = open_log();
        let path = folder.path().join("a.db");
        log.flush().wait().unwrap();
        let mut maintenance = maintenance(&folder);
        for (step, size) in steps {
            let mut keep = Retention::default();
            match step {
                // So few that the log does not index them itself.
                0 | 1 => {
                    (0..size % 4).for_each(|number| record(&log, &clock, number as usize));
                    log.flush().wait().unwrap();
                }
                2 => while maintenance.index().unwrap() > 0 {},
                3 => {
                    keep.activities = Some(Limit::bytes(size * ACTIVITY / 3));
                    keep.previews = Some(Limit::bytes(size * PREVIEW / 5));
                    keep.events = Some(Duration::from_micros(size).into());
                    prune(&mut *maintenance, keep, clock.now());
                }
                4 => {
                    keep.activities = Some(Duration::from_micros(size).into());
                    keep.events = Some(Limit::bytes(size * EVENT / 4));
                    prune(&mut *maintenance, keep, clock.now());
                }
                _ => {
                    maintenance.erase("ann", &mut |_| {}).unwrap();
                }
            }
            for (counted, rows) in counted(&path) {
                prop_assert_eq!(counted, rows);
            }
        }
    }
}

#[test]
fn groups_of_errors_are_counted_with_the_other_sums() {
    let (folder, log, clock) = open_log();
    let fail = |message: String| {
        let outcome = Outcome::failed("denied").with_message(message);
        log.start(Describe::job("login")).end(outcome);
    };
    for letter in 'a'..='z' {
        fail(format!("no such user {letter}"));
    }
    clock.advance(Duration::from_secs(900));
    fail(String::from("no such user a"));
    log.flush().wait().unwrap();
    let mut maintenance = maintenance(&folder);
    let sizes = |log: &ActivityLog| log.reader().unwrap().health().unwrap().sizes;
    // Of each quarter hour the sums of all and of the name, and the groups.
    assert_eq!(sizes(&log).sums, (2 + 26 + 2 + 1) * 200);
    let mut keep = Retention::default();
    keep.sums = Some(Limit::bytes(10 * 200));
    let pruned = prune(&mut *maintenance, keep, clock.now());
    assert_eq!(pruned.sums, 2 + 26);
    assert_eq!(sizes(&log).sums, (2 + 1) * 200);
    assert!(sizes(&log).activities > 27 * 200);
}
