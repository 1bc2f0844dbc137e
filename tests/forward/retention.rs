//! Retention of a file that is forwarded.

use std::{path::Path, time::Duration};

use chrono::{TimeDelta, Utc};
use tower_activity::{
    ActivityLog,
    forward::Forwarder,
    store::{ClockReading, Limit, Prune, PruneCounts, Retention, Store, sqlite::SqliteStore},
};

use crate::{
    compare::{central, record},
    support::postgres,
};

const DAY: u64 = 24 * 60 * 60;

/// Prunes by the retention of the store, when a month has passed.
fn prune_in_a_month(path: &Path) -> PruneCounts {
    let mut maintenance = SqliteStore::new(path).unwrap().maintenance().unwrap();
    let mut pruned = PruneCounts::default();
    let now = Utc::now();
    maintenance
        .now(ClockReading::new(now, Duration::ZERO))
        .unwrap();
    let later = now + TimeDelta::days(31);
    let reading = ClockReading::new(later, Duration::from_secs(31 * DAY));
    loop {
        let step = maintenance.prune(Prune::Retention(reading)).unwrap();
        if step == PruneCounts::default() {
            return pruned;
        }
        pruned.activities += step.activities;
        pruned.events += step.events;
    }
}

fn write(path: &Path, numbers: std::ops::Range<usize>) {
    let log = ActivityLog::open(path).unwrap();
    record(&log, numbers);
    log.shutdown().wait().unwrap();
}

fn keep(path: &Path, limit: Limit) {
    let mut maintenance = SqliteStore::new(path).unwrap().maintenance().unwrap();
    let mut keep = Retention::default();
    (keep.activities, keep.events) = (Some(limit), Some(limit));
    maintenance.set_retention(&keep).unwrap();
}

#[test]
fn an_age_limit_takes_only_what_was_forwarded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let url = postgres::database();
    write(&path, 0..10);
    let forward = || {
        let mut forwarder = Forwarder::open(&path, &*url).unwrap();
        forwarder.forward_all(|_| ()).unwrap()
    };
    forward();
    write(&path, 10..30);
    keep(&path, Limit::days(1));
    let pruned = prune_in_a_month(&path);
    assert_eq!((pruned.activities, pruned.events), (20, 10));
    let health = || {
        SqliteStore::new(&path)
            .unwrap()
            .reader()
            .unwrap()
            .health()
            .unwrap()
    };
    assert_eq!(health().targets[0].behind, 60);
    forward();
    assert_eq!(central(&url).len(), 90);
    let health = health();
    assert_eq!(
        (
            health.targets[0].behind,
            health.targets[0].lost_not_forwarded
        ),
        (0, 0)
    );
    // All but the newest.
    let pruned = prune_in_a_month(&path);
    assert_eq!((pruned.activities, pruned.events), (39, 19));
}

#[test]
fn a_size_limit_takes_what_was_not_forwarded_and_counts_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let url = postgres::database();
    write(&path, 0..10);
    Forwarder::open(&path, &*url)
        .unwrap()
        .forward_all(|_| ())
        .unwrap();
    write(&path, 10..30);
    let store = SqliteStore::new(&path).unwrap();
    while store.maintenance().unwrap().index().unwrap() > 0 {}
    keep(&path, Limit::bytes(1_000));
    let pruned = prune_in_a_month(&path);
    assert!(pruned.activities > 20 && pruned.events > 10, "{pruned:?}");
    let health = store.reader().unwrap().health().unwrap();
    let lost = pruned.activities - 20 + pruned.events - 10;
    assert_eq!(health.targets[0].lost_not_forwarded, lost);
}

#[test]
fn a_limit_by_date_takes_only_what_was_forwarded_and_counts_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let url = postgres::database();
    let mut maintenance = {
        write(&path, 0..10);
        SqliteStore::new(&path).unwrap().maintenance().unwrap()
    };
    let forward = || {
        let mut forwarder = Forwarder::open(&path, &*url).unwrap();
        forwarder.forward_all(|_| ()).unwrap()
    };
    forward();
    write(&path, 10..30);
    let mut keep = Retention::default();
    (keep.activities, keep.events) = (
        Some(Limit::age(Duration::ZERO)),
        Some(Limit::age(Duration::ZERO)),
    );
    let all = Prune::ByDate(keep, Utc::now() + TimeDelta::hours(1));
    let prunable = maintenance.prunable(all).unwrap();
    // The newest of each kind stay.
    assert_eq!((prunable.total(), prunable.not_forwarded), (30, 58));
    let mut prune = || {
        let mut count = 0;
        loop {
            match maintenance.prune(all).unwrap().total() {
                0 => return count,
                step => count += step,
            }
        }
    };
    assert_eq!(prune(), 30);
    forward();
    assert_eq!(central(&url).len(), 90);
    assert_eq!(prune(), 58);
    assert_eq!(maintenance.prunable(all).unwrap().not_forwarded, 0);
}

#[test]
fn what_was_forwarded_can_be_kept_for_a_shorter_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let url = postgres::database();
    let log = ActivityLog::builder()
        .forward_to(&*url)
        .keep_forwarded(Duration::from_secs(DAY))
        .open(&path)
        .unwrap();
    record(&log, 0..10);
    let report = log.shutdown().wait().unwrap();
    assert_eq!(report.not_forwarded, 0);
    write(&path, 10..30);
    let pruned = prune_in_a_month(&path);
    assert_eq!((pruned.activities, pruned.events), (20, 10));
    assert_eq!(central(&url).len(), 30);
}
