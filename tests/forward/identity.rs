//! Copies of a file, and backups that are put back, become logs of their own: every row is at the target once.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;
use tower_activity::{
    ActivityLog,
    forward::Forwarder,
    store::{Store, sqlite::SqliteStore},
};

use crate::{
    compare::{assert_same, central, file, record},
    support::{poll_until, postgres},
};

fn forward(path: &Path, url: &str) {
    let done = Forwarder::open(path, url).unwrap().forward_all(|_| ());
    let done = done.unwrap();
    assert_eq!(done.forwarded, done.records);
}

fn write(path: &Path, numbers: std::ops::Range<usize>) {
    let log = ActivityLog::open(path).unwrap();
    record(&log, numbers);
    log.shutdown().wait().unwrap();
}

fn copy(from: &Path, to: &Path) {
    let store = SqliteStore::new(from).unwrap();
    store.backup(to, &mut |_| ()).unwrap();
}

/// What several files have together.
fn together(paths: &[&Path]) -> BTreeMap<String, Value> {
    paths.iter().flat_map(|path| file(path)).collect()
}

fn logs(url: &str) -> String {
    let count = postgres::query(url, "SELECT count(*) FROM tower_activity.log");
    count.trim().to_owned()
}

#[test]
fn two_clones_of_a_forwarded_file_are_two_logs() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one.db"), folder.path().join("two.db"));
    let url = postgres::database();
    write(&one, 0..100);
    forward(&one, &url);
    copy(&one, &two);
    // The same numbers of records, so that both have the same places.
    write(&one, 100..150);
    write(&two, 200..250);
    forward(&one, &url);
    forward(&two, &url);
    write(&one, 300..310);
    forward(&one, &url);
    assert_same(&together(&[&one, &two]), &central(&url));
    assert_eq!(logs(&url), "2");
}

#[test]
fn a_clone_that_is_forwarded_at_the_same_time_becomes_another_log() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one.db"), folder.path().join("two.db"));
    let url = postgres::database();
    write(&one, 0..50);
    forward(&one, &url);
    copy(&one, &two);
    let log = ActivityLog::builder().forward_to(&*url).open(&one).unwrap();
    record(&log, 100..150);
    log.flush().wait().unwrap();
    crate::compare::until_count(&url, 200);
    // It waits until it knows that the other one is alive.
    write(&two, 200..250);
    forward(&two, &url);
    record(&log, 300..310);
    log.shutdown().wait().unwrap();
    assert_same(&together(&[&one, &two]), &central(&url));
    assert_eq!(logs(&url), "2");
}

#[test]
fn an_older_backup_that_is_put_back_is_another_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let (backup, before) = (
        folder.path().join("backup.db"),
        folder.path().join("before.db"),
    );
    let url = postgres::database();
    write(&path, 0..100);
    forward(&path, &url);
    copy(&path, &backup);
    write(&path, 100..150);
    forward(&path, &url);
    copy(&path, &before);
    fs::copy(&backup, &path).unwrap();
    write(&path, 200..250);
    forward(&path, &url);
    assert_same(&together(&[&before, &path]), &central(&url));
    assert_eq!(logs(&url), "2");
}

#[test]
fn of_two_logs_with_one_deduplication_key_one_event_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let url = postgres::database();
    for name in ["one.db", "two.db"] {
        let path = folder.path().join(name);
        let log = ActivityLog::open(&path).unwrap();
        let event = log.event("deployment").project("acme");
        event.dedup_key("v3").record();
        log.event("deployment").project("acme").record();
        log.shutdown().wait().unwrap();
        forward(&path, &url);
    }
    let events = central(&url);
    let keyed = events.values().filter(|one| one["dedup_key"] == "v3");
    assert_eq!((keyed.count(), events.len()), (1, 3));
}

fn targets(path: &Path) -> Vec<String> {
    let health = SqliteStore::new(path).unwrap().reader().unwrap().health();
    let targets = health.unwrap().targets.into_iter();
    targets.map(|target| target.name).collect()
}

#[test]
fn a_database_at_another_address_is_the_same_target() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let url = postgres::database();
    let addresses = [url.clone(), url.replace("127.0.0.1", "localhost")];
    write(&path, 0..50);
    forward(&path, &url);
    for (round, address) in (1..).zip(addresses.iter().rev().chain(&addresses)) {
        write(&path, round * 100..round * 100 + 10);
        let mut forwarder = Forwarder::open(&path, &**address).unwrap();
        // Only what is new.
        assert_eq!(forwarder.forward_all(|_| ()).unwrap().forwarded, 30);
        let names = targets(&path);
        assert_eq!(names.len(), 1, "{names:?}");
        assert!(address.ends_with(names[0].trim_start_matches("postgres://")));
    }
    assert_same(&file(&path), &central(&url));
    assert_eq!(logs(&url), "1");
}

#[test]
fn a_copy_of_a_database_is_another_target() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let url = postgres::database();
    let copy = format!("{url}_copy");
    write(&path, 0..50);
    forward(&path, &url);
    let name = url.rsplit('/').next().unwrap();
    let create = format!("CREATE DATABASE {name}_copy TEMPLATE {name}");
    let postgres = url.replace(name, "postgres");
    // The connection of the forwarder ends a moment after it.
    poll_until(|| {
        postgres::output(&postgres, &create)
            .status
            .success()
            .then_some(())
    });
    for (round, address) in (1..).zip([&copy, &url, &copy, &url]) {
        write(&path, round * 100..round * 100 + 10);
        forward(&path, address);
    }
    forward(&path, &copy);
    for address in [&url, &copy] {
        assert_same(&file(&path), &central(address));
    }
    // It became another log there once.
    assert_eq!((logs(&url), logs(&copy)), ("1".into(), "2".into()));
    assert_eq!(targets(&path).len(), 2);
}

#[test]
fn a_forwarder_forgets_the_target_that_it_has_forwarded_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let url = postgres::database();
    write(&path, 0..10);
    let mut forwarder = Forwarder::open(&path, &*url).unwrap();
    forwarder.forward_all(|_| ()).unwrap();
    assert!(forwarder.forget().unwrap());
    let store = SqliteStore::new(&path).unwrap();
    assert_eq!(store.reader().unwrap().health().unwrap().targets, []);
}
