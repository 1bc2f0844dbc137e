//! A log compares its ledger with the rows once a day, a little at a time.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Connection;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    query::ActivityReader,
    store::{LastCheck, Maintenance, Prune, Retention, Store, sqlite::SqliteStore},
    testing::ManualClock,
};

use crate::support::after_commit;

/// The result of the last check, from health.
fn last_check(reader: &mut ActivityReader) -> Option<LastCheck> {
    reader.health().unwrap().last_check
}

#[test]
fn a_log_checks_its_rows_once_a_day_and_reports_since_when_some_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let clock = ManualClock::new();
    let log = ActivityLog::builder()
        .clock(clock.clone())
        .open(&path)
        .unwrap();
    let call = || {
        log.start(Describe::job("j")).end(Outcome::success());
        log.flush().wait().unwrap();
    };
    let mut reader = log.reader().unwrap();
    call();
    assert_eq!(last_check(&mut reader), None, "not yet");
    clock.advance(Duration::from_secs(700));
    let first = after_commit(|| {
        call();
        last_check(&mut reader)
    });
    assert_eq!((first.missing, first.surplus), (0, 0));
    assert!(first.found_all() && first.complete_at.is_some());

    let store = Connection::open(&path).unwrap();
    store.busy_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(
        store
            .execute("DELETE FROM activity WHERE seq = 1", ())
            .unwrap(),
        1
    );
    drop(store);
    clock.advance(Duration::from_secs(3_600));
    call();
    assert_eq!(
        last_check(&mut reader),
        Some(first.clone()),
        "not before a day has passed"
    );
    clock.advance(Duration::from_secs(90_000));
    let second = after_commit(|| {
        call();
        last_check(&mut reader).filter(|last| *last != first)
    });
    assert_eq!((second.missing, second.surplus), (1, 0));
    assert_eq!(second.complete_at, first.complete_at);
    assert!(second.finished_at > first.finished_at);
    log.shutdown().wait().unwrap();
}

/// Records this many activities and events.
fn record(log: &ActivityLog, count: usize) {
    for _ in 0..count {
        log.start(Describe::job("j").project("acme"))
            .end(Outcome::success());
        log.event("note").record();
    }
    log.flush().wait().unwrap();
}

#[test]
fn steps_of_two_processes_beside_a_writer_and_pruning_find_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let log = ActivityLog::open(&path).unwrap();
    record(&log, 7_000);
    let maintenance = || SqliteStore::new(&path).unwrap().maintenance().unwrap();
    let (mut one, mut other, mut pruning) = (maintenance(), maintenance(), maintenance());
    let now = Utc::now();
    let mut keep = Retention::default();
    (keep.activities, keep.events) = (Some(Duration::ZERO.into()), Some(Duration::ZERO.into()));
    let mut reader = ActivityReader::open(&path).unwrap();
    let mut steps = 0;
    let step =
        |maintenance: &mut dyn Maintenance, now: DateTime<Utc>| maintenance.check(now).unwrap();
    while step(&mut *one, now) {
        steps += 1;
        record(&log, 100);
        pruning.prune(Prune::ByDate(keep, now)).unwrap();
        if !step(&mut *other, now) {
            break;
        }
    }
    assert!(steps > 1, "{steps}");
    let last = last_check(&mut reader).unwrap();
    assert!(last.found_all(), "{last:?}");
    assert!(!step(&mut *one, now), "not again on the same day");
    let tomorrow = now + TimeDelta::days(1) + TimeDelta::hours(1);
    while step(&mut *other, tomorrow) {}
    let last = last_check(&mut reader).unwrap();
    assert!(last.found_all(), "{last:?}");
    assert!(reader.check(&mut |_| {}).unwrap().is_complete());
    log.shutdown().wait().unwrap();
    assert!(reader.check(&mut |_| {}).unwrap().is_complete());
}

/// The files under a folder that contain one of these texts.
fn files_containing(folder: &Path, texts: &[String]) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files_containing(&path, texts),
            false => {
                let text = fs::read_to_string(&path).unwrap();
                let has = texts.iter().any(|one| text.contains(one));
                has.then_some(path).into_iter().collect()
            }
        })
        .filter(|path| !path.ends_with("tests.rs"))
        .collect()
}

#[test]
fn rows_that_the_ledger_counts_are_deleted_in_one_file() {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let tables = ["activity", "event", "recording", "chunk"];
    let deletes = tables.map(|table| format!("DELETE FROM {table} "));
    let expected = [store.join("sqlite/write/ledger.rs")];
    assert_eq!(
        files_containing(&store, &deletes),
        expected,
        "delete with `ledger::delete`"
    );
}

#[test]
fn meta_keys_are_written_in_one_file_and_read_elsewhere_only_within_larger_queries() {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sqlite");
    let rust = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let mut files = files_containing(&store, &texts);
        files.retain(|path| path.extension().is_some_and(|ext| ext == "rs"));
        files.sort();
        files
    };
    let expected =
        |files: &[&str]| -> Vec<PathBuf> { files.iter().map(|file| store.join(file)).collect() };
    assert_eq!(
        rust(&["INTO mark ", "UPDATE mark ", "DELETE FROM mark"]),
        expected(&["meta.rs"])
    );
    assert_eq!(
        rust(&["FROM mark "]),
        expected(&[
            "meta.rs",
            "open/stale_wal.rs",
            "read/scan.rs",
            "write/ledger.rs"
        ])
    );
}
