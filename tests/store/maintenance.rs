//! Maintenance: only old records are deleted, and rebuilt sums are the same.

use std::{path::Path, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::{collection::vec, prelude::*};
use rusqlite::Connection;
use tower_activity::{
    ActivityLog, Describe, Kind, Outcome,
    query::ActivityReader,
    record::{ActivityRecord, Capture, EventRecord, Filter},
    store::{Limit, Maintenance, Prune, PruneCounts, Retention, Store, sqlite::SqliteStore},
    testing::ManualClock,
};

use crate::{
    log_file::{maintenance, open_log},
    support::{self, sums},
};

/// The start of manual clocks.
fn start() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Limits that keep no activities and events.
fn no_records() -> Retention {
    let mut keep = Retention::default();
    (keep.activities, keep.events) = (Some(Duration::ZERO.into()), Some(Duration::ZERO.into()));
    keep
}

/// Limits that keep no sums.
fn no_sums() -> Retention {
    let mut keep = Retention::default();
    keep.sums = Some(Duration::ZERO.into());
    keep
}

/// Prunes until nothing is left to delete, and reclaims the space.
fn prune(maintenance: &mut dyn Maintenance, what: Prune) -> PruneCounts {
    let expected = maintenance.prunable(what).unwrap();
    let mut all = PruneCounts::default();
    loop {
        let step = maintenance.prune(what).unwrap();
        if step == PruneCounts::default() {
            break;
        }
        all.add(step);
    }
    while maintenance.reclaim().unwrap() > 0 {}
    assert_eq!(all, expected);
    all
}

fn record(log: &ActivityLog, clock: &ManualClock, minute: i64, sort: u8) {
    clock.set_wall(start() + TimeDelta::minutes(minute));
    let name = ["a", "b", "c"][usize::from(sort % 3)];
    // Some agents record turns, some only from some day on.
    let kind = match sort % 7 {
        0..3 => Kind::Turn,
        _ => Kind::Job,
    };
    let agent = ["ann", "bot", "cat"][usize::from(sort / 3 % 3)];
    let mut describe = Describe::new(kind, name);
    if sort < 200 {
        describe = describe.agent(agent);
    }
    if sort.is_multiple_of(2) {
        describe = describe.project("acme").brand(name);
    }
    let activity = log.start(describe);
    activity.set_input(&sort, Capture::Full);
    clock.advance(Duration::from_micros(u64::from(sort) * 997));
    match sort % 5 {
        0 => drop(activity),
        1 => activity.end(Outcome::failed("x")),
        _ => activity.end(Outcome::success()),
    }
    log.event("tick").record();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn old_records_are_deleted_and_sums_stay_the_same(
        // So few that the log does not index them itself.
        rows in vec((0..3000i64, any::<u8>()), 1..45),
        cutoff in 0..3200i64,
        indexed in vec(0..60usize, 0..4),
    ) {
        let (folder, log, clock) = open_log();
        let path = folder.path().join("a.db");
        log.flush().wait().unwrap();
        let mut maintenance = maintenance(folder.path());
        for (at, (minute, sort)) in rows.iter().enumerate() {
            record(&log, &clock, *minute, *sort);
            if indexed.contains(&at) {
                log.flush().wait().unwrap();
                while maintenance.index().unwrap() > 0 {}
            }
        }
        log.flush().wait().unwrap();
        let before = sums::all(&path);
        sums::rebuild(&mut *maintenance);
        prop_assert_eq!(&sums::all(&path), &before);
        // Lost sums are restored.
        let damage = "DELETE FROM bucket WHERE quarter % 3 = 1 AND scope > 0; DELETE FROM pace WHERE quarter % 4 = 1; \
                      DELETE FROM agent_stretch WHERE quarter % 5 = 1; DELETE FROM failure WHERE quarter % 3 = 2; UPDATE pace SET turns = 7, after = x'00'";
        Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        sums::rebuild(&mut *maintenance);
        prop_assert_eq!(&sums::all(&path), &before);
        // The number of indexing steps makes no difference.
        let more = |rows: &mut Vec<_>| rows.sort_by_key(|row| format!("{row:?}"));
        while maintenance.index().unwrap() > 0 {}
        let mut added = sums::all(&path);
        let all_at_once = "DELETE FROM bucket WHERE scope = 4; DELETE FROM pace; DELETE FROM agent_stretch; \
                           DELETE FROM turning_agent; DELETE FROM failure; \
                           UPDATE mark SET value = 0 WHERE name IN ('followed_activities', 'grouped_failures')";
        Connection::open(&path).unwrap().execute_batch(all_at_once).unwrap();
        while maintenance.index().unwrap() > 0 {}
        let mut at_once = sums::all(&path);
        added.iter_mut().chain(&mut at_once).for_each(more);
        prop_assert_eq!(&at_once, &added);
        let before = sums::all(&path);

        let at = start() + TimeDelta::minutes(cutoff);
        let mut reader = ActivityReader::open(&path).unwrap();
        let all = reader.page(&Filter::default(), None, 100).unwrap().records;
        let newest = all.iter().map(|one| one.seq).max().unwrap();
        let kept: Vec<_> = all.iter().filter(|one| one.started_at >= at || one.seq == newest).cloned().collect();
        let pruned = prune(&mut *maintenance, Prune::ByDate(no_records(), at));
        prop_assert_eq!(pruned.activities as usize, all.len() - kept.len());
        prop_assert_eq!(reader.page(&Filter::default(), None, 100).unwrap().records, kept);
        prop_assert_eq!(&sums::all(&path), &before);
        // Sums of pruned activities stay.
        sums::rebuild(&mut *maintenance);
        prop_assert_eq!(&sums::all(&path), &before);
        // And are deleted from all tables when sums are pruned.
        prune(&mut *maintenance, Prune::ByDate(no_sums(), at));
        let [sums, stretches, paces, failures] = sums::all(&path);
        let quarter = at.timestamp() / 900;
        for (table, column) in [(&sums, 2), (&stretches, 1), (&paces, 1), (&failures, 0)] {
            prop_assert!(table.iter().all(|row| matches!(row[column], rusqlite::types::Value::Integer(of) if of >= quarter)));
        }
        prune(&mut *maintenance, Prune::ByDate(no_sums(), start() + TimeDelta::days(9)));
        prop_assert!(sums::all(&path).iter().all(Vec::is_empty));
        let errors = reader.integrity_errors().unwrap();
        prop_assert!(errors.is_empty(), "{:?}", errors);
    }
}

#[test]
fn sums_are_deleted_after_a_month_and_can_be_rebuilt_from_their_activities() {
    let (folder, log, clock) = open_log();
    let path = folder.path().join("a.db");
    record(&log, &clock, 0, 2);
    log.flush().wait().unwrap();
    assert_eq!(sums::buckets(&path).len(), 4);
    clock.advance(Duration::from_secs(31 * 24 * 3600));
    log.start(Describe::job("late")).end(Outcome::success());
    log.flush().wait().unwrap();
    // Maintenance follows the commit: a second flush waits for it.
    log.flush().wait().unwrap();
    assert_eq!(sums::buckets(&path).len(), 2);
    let mut reader = ActivityReader::open(&path).unwrap();
    assert_eq!(
        reader
            .page(&Filter::default(), None, 10)
            .unwrap()
            .records
            .len(),
        2
    );
    // They can be rebuilt, because the activities are kept.
    let mut maintenance = maintenance(folder.path());
    let mut forever = Retention::default();
    forever.sums = Some(Limit::FOREVER);
    maintenance.set_retention(&forever).unwrap();
    while maintenance.index().unwrap() > 0 {}
    sums::rebuild(&mut *maintenance);
    // With the sum of the agent, which indexing adds.
    assert_eq!(sums::buckets(&path).len(), 7);
}

#[test]
fn a_log_keeps_records_for_as_long_as_its_limits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let clock = ManualClock::new();
    let log = ActivityLog::builder()
        .clock(clock.clone())
        .keep_activities(Duration::from_secs(119 * 60))
        .keep_events(Duration::from_secs(59 * 60))
        .open(&path)
        .unwrap();
    let mut reader = ActivityReader::open(&path).unwrap();
    for hour in 0..5 {
        record(&log, &clock, hour * 60, 2);
        log.flush().wait().unwrap();
        // It prunes every ten minutes, in steps between which it records.
        clock.advance(Duration::from_secs(600));
        let expected = (2.min(hour + 1) as usize, 1);
        support::after_commit(|| {
            // It may have pruned a moment before, and then prunes again ten minutes later.
            clock.advance(Duration::from_secs(1));
            log.flush().wait().unwrap();
            let filter = Filter::default();
            let activities = reader.page(&filter, None, 10).unwrap().records.len();
            let events = reader.events(&filter, None, 10).unwrap().records.len();
            ((activities, events) == expected).then_some(())
        });
        clock.advance(Duration::from_secs(3000));
    }
    assert!(log.accounting().adds_up());
}

#[test]
fn previews_are_deleted_without_their_activities() {
    let (folder, log, clock) = open_log();
    record(&log, &clock, 0, 2);
    record(&log, &clock, 60, 2);
    log.flush().wait().unwrap();
    let mut keep = Retention::default();
    keep.previews = Some(Duration::ZERO.into());
    let what = Prune::ByDate(keep, start() + TimeDelta::minutes(30));
    assert_eq!(prune(&mut *maintenance(folder.path()), what).previews, 1);
    let mut reader = ActivityReader::open(folder.path().join("a.db")).unwrap();
    let all = reader.page(&Filter::default(), None, 10).unwrap().records;
    assert_eq!(
        all.iter()
            .map(|one| one.input.is_some())
            .collect::<Vec<_>>(),
        [true, false]
    );
}

#[test]
fn the_commit_order_continues_when_everything_is_old() {
    let (folder, log, clock) = open_log();
    record(&log, &clock, 0, 2);
    record(&log, &clock, 1, 2);
    log.flush().wait().unwrap();
    let mut reader = ActivityReader::open(folder.path().join("a.db")).unwrap();
    let activities = reader.newest::<ActivityRecord>().unwrap();
    let events = reader.newest::<EventRecord>().unwrap();
    let what = Prune::ByDate(no_records(), start() + TimeDelta::days(1));
    let pruned = prune(&mut *maintenance(folder.path()), what);
    assert_eq!((pruned.activities, pruned.events), (1, 1));
    record(&log, &clock, 2, 2);
    log.flush().wait().unwrap();
    let followed = reader.after(activities, &Filter::default(), 10).unwrap();
    assert_eq!(followed.records.len(), 1);
    let followed = reader.after(events, &Filter::default(), 10).unwrap();
    assert_eq!(followed.records.len(), 1);
}

#[test]
fn nothing_is_lost_while_old_rows_are_deleted_and_the_file_shrinks() {
    let (folder, log, clock) = open_log();
    let path = folder.path().join("a.db");
    for _ in 0..6_000 {
        log.start(Describe::job("old")).end(Outcome::success());
    }
    log.flush().wait().unwrap();
    clock.advance(Duration::from_secs(3600));
    let pages = |path: &Path| -> i64 {
        let store = Connection::open(path).unwrap();
        store
            .query_row("PRAGMA page_count", (), |row| row.get(0))
            .unwrap()
    };
    let full = pages(&path);
    let what = Prune::ByDate(no_records(), clock.now());
    let writer = std::thread::spawn({
        let log = log.clone();
        move || {
            for _ in 0..200 {
                log.start(Describe::job("new")).end(Outcome::success());
                log.flush().wait().unwrap();
            }
        }
    });
    let mut maintenance = maintenance(folder.path());
    let mut deleted = 0;
    while !writer.is_finished() || deleted < 6_000 {
        deleted += maintenance.prune(what).unwrap().activities;
    }
    writer.join().unwrap();
    while maintenance.reclaim().unwrap() > 0 {}
    let accounting = log.accounting();
    assert_eq!(
        (
            accounting.activities.committed,
            accounting.activities.lost()
        ),
        (6_200, 0)
    );
    let mut reader = ActivityReader::open(&path).unwrap();
    let all = reader
        .page(&Filter::default(), None, 1_000)
        .unwrap()
        .records;
    assert!(all.len() == 200 && all.iter().all(|one| one.name == "new"));
    assert!(pages(&path) < full / 2, "{} of {full}", pages(&path));
}

#[test]
fn a_missing_store_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::new(folder.path().join("no.db")).unwrap();
    assert!(store.maintenance().err().unwrap().is_not_found());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn rebuilding_skips_rows_with_an_unknown_status() {
    let (folder, log, clock) = open_log();
    for sort in 0..3 {
        record(&log, &clock, 1, sort);
    }
    log.shutdown().wait().unwrap();
    let other = Connection::open(folder.path().join("a.db")).unwrap();
    other
        .execute("UPDATE activity SET status = 99 WHERE seq = 1", ())
        .unwrap();
    drop(other);
    sums::rebuild(&mut *maintenance(folder.path()));
    let reader = Connection::open(folder.path().join("a.db")).unwrap();
    let activities: i64 = reader
        .query_row("SELECT count(*) FROM activity", (), |row| row.get(0))
        .unwrap();
    let counted: i64 = reader
        .query_row("SELECT sum(count) FROM bucket WHERE scope = 0", (), |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(counted, activities - 1);
}

/// Behind it there is no id that could be a bound.
#[test]
fn the_last_quarter_hour_that_ids_can_have_is_rebuilt_once() {
    let (folder, log, clock) = open_log();
    let path = folder.path().join("a.db");
    record(&log, &clock, 0, 1);
    log.shutdown().wait().unwrap();
    let file = Connection::open(&path).unwrap();
    let last_us = (1_i64 << 48) * 1_000 - 1;
    let id = "X'ffffffffffff7fffbfffffffffffffff'";
    file.execute(
        &format!("UPDATE activity SET id = {id}, started_at = ?1"),
        [last_us],
    )
    .unwrap();
    file.close().unwrap();
    let mut maintenance = maintenance(folder.path());
    let rest = maintenance.rebuildable(0).unwrap();
    assert!(maintenance.rebuildable(rest.end).unwrap().is_empty());
    maintenance.rebuild(rest.end - 1..rest.end).unwrap();
    let count = |path: &Path| {
        let count = "SELECT count FROM bucket WHERE scope = 0 ORDER BY quarter DESC LIMIT 1";
        let file = Connection::open(path).unwrap();
        file.query_row(count, (), |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(count(&path), 1);
    let mut reader = SqliteStore::new(&path).unwrap().reader().unwrap();
    let check = reader.check(&mut |_| ()).unwrap();
    // The one from which the activity was taken away.
    assert_eq!(check.differing_quarters.len(), 1);
}
