//! Forwarders apply the limits of the centre.

use std::thread;

use chrono::{DateTime, Duration, Utc};
use tower_activity::{
    forward::Forwarder,
    store::{
        CentralStore, ClockReading, Limit, Prune, Reader, Retention, Store,
        postgres::PostgresStore, sqlite::SqliteStore,
    },
    testing::conformance::{self, Records},
};

use super::{Log, activity, all, event, number};
use crate::support::postgres;

/// What a forwarder does from time to time, by this clock.
fn apply(url: &str, clock: DateTime<Utc>) -> i64 {
    let clock = clock.timestamp_micros();
    number(
        url,
        &format!("SELECT tower_activity.apply_retention({clock})"),
    )
}

/// Days of 40 days, with a record each, oldest first.
fn fill(url: &str) -> Log {
    let mut log = Log::connect(url, 1);
    let times = (0..40).rev().map(|days| Utc::now() - Duration::days(days));
    let both = times
        .zip(1..)
        .map(|(at, number)| (activity(at, number), event(at, number)));
    let (activities, events): (Vec<_>, Vec<_>) = both.unzip();
    log.send(activities, events);
    log.fold();
    log
}

fn limits(days: u32) -> Retention {
    let mut limits = Retention::default();
    limits.activities = Some(Limit::days(days));
    limits.events = Some(Limit::days(days));
    limits.sums = Some(Limit::days(days));
    limits.recordings = Some(Limit::days(days));
    limits
}

#[test]
fn forwarders_apply_the_limits() {
    let url = postgres::database();
    let store = PostgresStore::new(&url).unwrap();
    let mut log = fill(&url);
    let mut maintenance = store.maintenance().unwrap();
    assert_eq!(
        maintenance.set_retention(&limits(10)).unwrap(),
        Retention::default()
    );
    assert_eq!(store.reader().unwrap().retention().unwrap(), limits(10));
    assert_eq!(
        store
            .reader()
            .unwrap()
            .health()
            .unwrap()
            .retention
            .activities,
        Some(Limit::days(10))
    );
    let now = ClockReading::new(Utc::now(), std::time::Duration::ZERO);
    let prunable = maintenance.prunable(Prune::Retention(now)).unwrap();
    assert_eq!((prunable.activities, prunable.events), (29, 29));
    assert!(prunable.sums > 0);
    // A new connection does so at once, a day at a time.
    let mut other = Log::connect(&url, 2);
    while all(&mut *store.reader().unwrap()).len() > 11 {
        other.fold();
    }
    while number(&url, "SELECT count(*) FROM tower_activity.event") > 11 {
        other.fold();
    }
    while maintenance.prunable(Prune::Retention(now)).unwrap().total() > 0 {
        other.fold();
    }
    // Late records of a day that is gone are acknowledged, counted, and do not bring it back.
    let late = Utc::now() - Duration::days(20);
    log.send(vec![activity(late, 77)], vec![event(late, 77)]);
    assert_eq!(
        number(
            &url,
            "SELECT outdated FROM tower_activity.log WHERE outdated > 0"
        ),
        2
    );
    assert_eq!(all(&mut *store.reader().unwrap()).len(), 11);
    // What is known of batches goes with their days.
    let batches = "SELECT count(*) FROM tower_activity.batch";
    assert_eq!(number(&url, batches), 2);
    assert!(
        store
            .reader()
            .unwrap()
            .check(&mut |_| {})
            .unwrap()
            .is_complete()
    );
}

#[test]
fn a_reader_with_an_open_transaction_delays_no_limit() {
    let url = postgres::database();
    let store = PostgresStore::new(&url).unwrap();
    drop(fill(&url));
    store
        .maintenance()
        .unwrap()
        .set_retention(&limits(10))
        .unwrap();
    let mut reader = postgres::session(&url);
    reader.send("BEGIN; SELECT count(*) FROM tower_activity.activity;");
    let days =
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'tower_activity.activity'::regclass";
    let before = number(&url, days);
    // Rows are deleted where the day cannot be dropped, of one day at a time.
    let oldest = "SELECT count(*) FROM tower_activity.activity WHERE id < tower_activity.first_id(floor(extract(epoch FROM now()) / 86400)::bigint - 38)";
    while number(&url, oldest) > 0 {
        assert!(apply(&url, Utc::now()) > 0);
    }
    assert_eq!(number(&url, days), before);
    reader.send("COMMIT;");
    while apply(&url, Utc::now()) > 0 {}
    assert_eq!(number(&url, days), before - 29);
    assert_eq!(all(&mut *store.reader().unwrap()).len(), 11);
}

#[test]
fn nothing_is_deleted_on_the_word_of_one_clock() {
    let url = postgres::database();
    let store = PostgresStore::new(&url).unwrap();
    drop(fill(&url));
    store
        .maintenance()
        .unwrap()
        .set_retention(&limits(60))
        .unwrap();
    while apply(&url, Utc::now() + Duration::days(365)) > 0 {}
    assert_eq!(all(&mut *store.reader().unwrap()).len(), 40);
    // A forwarder whose clock is behind deletes less.
    store
        .maintenance()
        .unwrap()
        .set_retention(&limits(10))
        .unwrap();
    while apply(&url, Utc::now() - Duration::days(20)) > 0 {}
    assert_eq!(all(&mut *store.reader().unwrap()).len(), 31);
}

#[test]
fn one_applies_the_limits_at_a_time() {
    let url = postgres::database();
    drop(fill(&url));
    let store = PostgresStore::new(&url).unwrap();
    store
        .maintenance()
        .unwrap()
        .set_retention(&limits(10))
        .unwrap();
    let mut other = postgres::session(&url);
    other.send("BEGIN; SELECT 1 FROM tower_activity.mark WHERE name = 'retained_at' FOR UPDATE;");
    assert_eq!(apply(&url, Utc::now()), 0);
    other.send("COMMIT;");
    let threads = (0..4).map(|_| {
        let url = url.clone();
        thread::spawn(move || while apply(&url, Utc::now()) > 0 {})
    });
    let threads: Vec<_> = threads.collect();
    for thread in threads {
        thread.join().unwrap();
    }
    while apply(&url, Utc::now()) > 0 {}
    assert_eq!(all(&mut *store.reader().unwrap()).len(), 11);
}

#[test]
fn a_size_limit_drops_the_oldest_days() {
    let url = postgres::database();
    let store = PostgresStore::new(&url).unwrap();
    drop(fill(&url));
    let size = "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relnamespace = 'tower_activity'::regnamespace \
         AND relkind = 'r' AND relname ~ '^activity_'";
    let mut maintenance = store.maintenance().unwrap();
    let mut limits = Retention::default();
    let half = number(&url, size) / 2;
    limits.activities = Some(Limit::bytes(half as u64));
    maintenance.set_retention(&limits).unwrap();
    while apply(&url, Utc::now()) > 0 {}
    let rest = number(&url, size);
    let day = half / 25;
    assert!(rest <= half && rest > half - 2 * day, "{rest} of {half}");
    assert_eq!(
        number(&url, "SELECT count(*) FROM tower_activity.event"),
        40
    );
    // Today is kept.
    limits.activities = Some(Limit::bytes(1));
    maintenance.set_retention(&limits).unwrap();
    while apply(&url, Utc::now()) > 0 {}
    assert_eq!(all(&mut *store.reader().unwrap()).len(), 1);
}

#[test]
fn recordings_expire_as_in_a_file_and_their_activities_stay() {
    let url = postgres::database();
    let store = PostgresStore::new(&url).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let file = SqliteStore::new(&path).unwrap();
    // Dated a while ago.
    let records = Records::from_seed(7);
    drop(conformance::commit(&file, &records).unwrap());
    let mut forwarder = Forwarder::open(&path, &*url).unwrap();
    forwarder.forward_all(|_| ()).unwrap();
    let ids: Vec<_> = records.recordings.iter().map(|(one, _)| one.id).collect();
    let linked = || records.recordings.iter().flat_map(|(one, _)| &one.links);
    // Whether it is there, its chunks, and the recordings of activities.
    let seen = |reader: &mut dyn Reader| {
        let each = ids.iter().map(|id| {
            let is_there = reader.recording(*id).unwrap().is_some();
            (is_there, reader.chunks(*id, 0, 100).unwrap().len())
        });
        let each: Vec<_> = each.collect();
        let of = linked().map(|link| reader.recordings_of(link.activity).unwrap().len());
        (each, of.collect::<Vec<_>>())
    };
    let both = || {
        let central = seen(&mut *store.reader().unwrap());
        assert_eq!(central, seen(&mut *file.reader().unwrap()));
        central
    };
    let before = both();
    assert!(
        before.0.iter().filter(|one| one.0).count() > 2 && before.0.iter().any(|one| one.1 > 0)
    );
    let activities = number(&url, "SELECT count(*) FROM tower_activity.activity");

    let mut limits = Retention::default();
    limits.recordings = Some(Limit::days(1));
    store.maintenance().unwrap().set_retention(&limits).unwrap();
    while apply(&url, Utc::now()) > 0 {}
    let mut maintenance = file.maintenance().unwrap();
    let what = Prune::ByDate(limits, Utc::now());
    while maintenance.prune(what).unwrap().total() > 0 {}
    let after = both();
    assert!(after != before);
    // Those that have not ended stay.
    let running = "SELECT count(*) FROM tower_activity.recording";
    let ended = "SELECT count(*) FROM tower_activity.recording WHERE status <> 0";
    assert_eq!(
        number(&url, running) as usize,
        after.0.iter().filter(|one| one.0).count()
    );
    assert_eq!(number(&url, ended), 0);
    let orphans = "SELECT (SELECT count(*) FROM tower_activity.chunk WHERE recording NOT IN (SELECT id FROM tower_activity.recording)) \
         + (SELECT count(*) FROM tower_activity.link WHERE recording NOT IN (SELECT id FROM tower_activity.recording))";
    assert_eq!(number(&url, orphans), 0);
    assert_eq!(
        number(&url, "SELECT count(*) FROM tower_activity.activity"),
        activities
    );
}

#[test]
fn limits_that_are_not_applied_are_refused() {
    let store = PostgresStore::new(&postgres::database()).unwrap();
    // Creates the schema.
    drop(store.intake().unwrap());
    let mut maintenance = store.maintenance().unwrap();
    let mut limits = Retention::default();
    limits.activities = Some(Limit::days(90).or_bytes(1_000_000));
    maintenance.set_retention(&limits).unwrap();
    assert_eq!(maintenance.retention().unwrap(), limits);
    for refused in [
        |limits: &mut Retention| limits.sums = Some(Limit::bytes(1)),
        |limits: &mut Retention| limits.recordings = Some(Limit::days(1).or_bytes(1)),
        |limits: &mut Retention| limits.previews = Some(Limit::days(1)),
    ] {
        let mut limits = limits;
        refused(&mut limits);
        assert!(maintenance.set_retention(&limits).unwrap_err().is_invalid());
    }
}
