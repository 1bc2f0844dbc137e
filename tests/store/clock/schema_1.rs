//! Files of schema 1, which have no clock, and a single instant up to which everything was pruned.

use std::{path::Path, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Connection;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    query::ActivityReader,
    record::ActivityId,
    store::{Limit, Retention},
    testing::ManualClock,
};

use crate::{
    clock::{names, start},
    support::sums,
};

/// A file of schema 1: three activities an hour apart, 40 days before the wall clock of its last commit.
fn schema_1(path: &Path, committed: u64, saved_at: DateTime<Utc>) {
    let store = Connection::open(path).unwrap();
    store
        .execute_batch(include_str!("../../../src/store/sqlite/schema.sql"))
        .unwrap();
    store
        .execute_batch("PRAGMA application_id = 0x54774163; PRAGMA user_version = 1; INSERT INTO text VALUES (1, 'job')")
        .unwrap();
    let saved_us = saved_at.timestamp_micros();
    let accounting = format!("{{\"committed\": {committed}, \"saved_at\": {saved_us}}}");
    store
        .execute(
            "INSERT INTO instance (uuid, host, pid, started_at, accounting) VALUES (zeroblob(16), 'h', 1, ?1, ?2)",
            (saved_us, accounting),
        )
        .unwrap();
    for hour in 0..3 {
        let at = start() - TimeDelta::days(40) + TimeDelta::hours(hour);
        store
            .execute(
                "INSERT INTO activity (id, kind, name, status, started_at, duration_ns, instance) VALUES (?1, 1, 1, 1, ?2, 5, 1)",
                (ActivityId::lower_bound(at).as_bytes(), at.timestamp_micros()),
            )
            .unwrap();
    }
    // Sums were pruned up to a day before.
    let pruned = (start() - TimeDelta::days(1)).timestamp() / 900;
    store
        .execute(
            "INSERT INTO mark (name, value) VALUES ('complete_from', ?1), ('sums_from', ?1)",
            [pruned],
        )
        .unwrap();
}

#[test]
fn sums_of_schema_1_are_restored_for_quarter_hours_without_pruned_activities() {
    for (committed, expected) in [(3, 3), (5, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        schema_1(&path, committed, start());
        // Readers read it unchanged: only a log migrates it to schema 2.
        let mut reader = ActivityReader::open(&path).unwrap();
        assert_eq!(names(&mut reader), ["job"; 3]);
        assert_eq!(reader.retention().unwrap(), Retention::default());
        assert!(reader.health().unwrap().clock.is_none());
        let clock = ManualClock::new();
        let log = ActivityLog::builder().clock(clock.clone());
        let log = log.keep_sums(Limit::FOREVER).open(&path).unwrap();
        let mut maintenance = log.store().unwrap().maintenance().unwrap();
        sums::rebuild(&mut *maintenance);
        let quarters = "SELECT count(*) FROM bucket WHERE scope = 0";
        let store = Connection::open(&path).unwrap();
        let count: i64 = store.query_row(quarters, (), |row| row.get(0)).unwrap();
        assert_eq!(count, expected);
        log.shutdown().wait().unwrap();
    }
}

#[test]
fn records_of_schema_1_are_as_old_as_their_dates() {
    let hours = |hours| start() + TimeDelta::hours(hours);
    // Last open an hour ago; last open with a clock that was months ahead.
    for saved_at in [hours(-1), hours(24 * 90)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        schema_1(&path, 3, saved_at);
        let clock = ManualClock::new();
        let log = ActivityLog::builder().clock(clock.clone());
        let log = log.keep_activities(Limit::days(30)).open(&path).unwrap();
        for _ in 0..3 {
            log.start(Describe::job("new")).end(Outcome::success());
            log.flush().wait().unwrap();
            log.flush().wait().unwrap();
            clock.advance(Duration::from_secs(600));
        }
        log.flush().wait().unwrap();
        let now = log.reader().unwrap().health().unwrap().activities;
        assert_eq!(now, 3);
        log.shutdown().wait().unwrap();
    }
}
