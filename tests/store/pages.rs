//! All pages together have each row once, while others record and old rows are deleted.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::{prelude::*, sample::select};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    query::ActivityReader,
    record::{ActivityId, EventId, Filter},
    store::{Prune, Retention, Store, sqlite::SqliteStore},
};

/// Rows recorded before the first page is read.
const ROWS: usize = 400;

fn filter(text: &str) -> Filter {
    Filter::parse(text, Utc::now()).unwrap()
}

/// Records an activity and an event.
fn record(log: &ActivityLog, number: usize) {
    let name = ["search", "login", "search again"][number % 3];
    let project = ["acme", "zoo"][number % 2];
    let call = log.start(Describe::tool(name).project(project).actor("ann"));
    let event = log.event(["push", "deployment"][number % 2]);
    event.project(project).summary("went live").record();
    call.end(match number % 4 {
        0 => Outcome::failed("denied"),
        _ => Outcome::success(),
    });
}

/// Reads all pages.
fn activities(reader: &mut ActivityReader, filter: &Filter, size: usize) -> Vec<ActivityId> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = reader.page(filter, cursor, size).unwrap();
        ids.extend(page.records.iter().map(|one| one.id));
        cursor = page.next;
        if cursor.is_none() {
            return ids;
        }
    }
}

fn events(reader: &mut ActivityReader, filter: &Filter, size: usize) -> Vec<EventId> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = reader.events(filter, cursor, size).unwrap();
        ids.extend(page.records.iter().map(|one| one.id));
        cursor = page.next;
        if cursor.is_none() {
            return ids;
        }
    }
}

/// Asserts that all of the earlier rows were read in order, and none twice.
fn check<T: Copy + Ord + std::fmt::Debug>(read: &[T], there: &[T]) -> Result<(), TestCaseError> {
    let once: BTreeSet<T> = read.iter().copied().collect();
    prop_assert_eq!(once.len(), read.len());
    let there_too: BTreeSet<T> = there.iter().copied().collect();
    let of_these: Vec<T> = read
        .iter()
        .copied()
        .filter(|one| there_too.contains(one))
        .collect();
    prop_assert_eq!(of_these, there);
    Ok(())
}

/// Deletes records that started before, step by step.
fn prune(path: &Path, before: DateTime<Utc>) {
    let mut maintenance = SqliteStore::new(path).unwrap().maintenance().unwrap();
    let mut keep = Retention::default();
    (keep.activities, keep.events) = (Some(Duration::ZERO.into()), Some(Duration::ZERO.into()));
    while maintenance
        .prune(Prune::ByDate(keep, before))
        .unwrap()
        .total()
        > 0
    {}
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn pages_have_each_row_once_while_others_record_and_old_rows_are_deleted(
        size in 1..90usize,
        of_activities in select(vec!["", "name:search*", "status:failed", "project:acme", "actor:ann", "again", "-name:login project:zoo"]),
        of_events in select(vec!["", "type:push", "project:acme", "live", "-type:push"]),
        prunes in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let log = ActivityLog::open(&path).unwrap();
        // Old enough to be pruned.
        (0..50).for_each(|number| record(&log, number));
        log.flush().wait().unwrap();
        let newest = log.reader().unwrap().page(&Filter::default(), None, 1).unwrap();
        let before = newest.records[0].started_at + TimeDelta::microseconds(1);
        (0..ROWS).for_each(|number| record(&log, number));
        log.flush().wait().unwrap();

        let (of_activities, of_events) = (filter(of_activities), filter(of_events));
        let mut reader = log.reader().unwrap();
        let mut since = Filter::default();
        since.since = Some(before);
        let there = activities(&mut reader, &of_activities.clone().and(&since), 1_000);
        let events_there = events(&mut reader, &of_events.clone().and(&since), 1_000);
        prop_assert!(there.len() >= ROWS / 5 && events_there.len() >= ROWS / 5);

        let stop = AtomicBool::new(false);
        let (read, events_read) = thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..100_000 {
                    record(&log, number);
                    log.flush().wait().unwrap();
                    if stop.load(Relaxed) {
                        break;
                    }
                }
            });
            if prunes {
                scope.spawn(|| prune(&path, before));
            }
            let read = activities(&mut reader, &of_activities, size);
            let events_read = events(&mut reader, &of_events, size);
            stop.store(true, Relaxed);
            (read, events_read)
        });
        check(&read, &there)?;
        check(&events_read, &events_there)?;
    }
}
