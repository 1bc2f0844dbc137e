//! A log with a target.

use std::time::{Duration, Instant};

use tower_activity::{
    ActivityLog, Describe, Outcome,
    forward::Forwarder,
    record::Status,
    store::{Store, postgres::PostgresStore, sqlite::SqliteStore},
    testing::conformance::{self, Records},
};

use crate::{
    compare::{all, assert_same, central, file, record, until_count},
    support::{poll_until, postgres},
};

#[test]
fn a_forwarded_log_is_the_same_at_the_target() {
    check_log(&postgres::database(), Duration::from_secs(30));
}

/// Forwards a log to an empty target, which ends within a time.
pub fn check_log(url: &str, timeout: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::builder().forward_to(url).open(&path).unwrap();
    record(&log, 0..1_500);
    let report = log.shutdown().timeout(timeout).wait().unwrap();
    assert_eq!(report.not_forwarded, 0);
    let expected = file(&path);
    assert_eq!(expected.len(), 4_500);
    assert_same(&expected, &central(url));
}

#[test]
fn a_file_with_every_kind_of_record_is_the_same_at_the_target() {
    check_file(&postgres::database());
}

/// Forwards records of every kind and form to an empty target, with recordings, duplicates, running and abandoned activities.
pub fn check_file(url: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let store = SqliteStore::new(&path).unwrap();
    let writer = conformance::commit(&store, &Records::from_seed(7)).unwrap();
    let mut forwarder = Forwarder::open(&path, url).unwrap();
    let done = forwarder.forward_all(|_| ()).unwrap();
    assert!(
        done.records > 0 && done.forwarded == done.records,
        "{done:?}"
    );
    assert_eq!(forwarder.verify(|_| ()).unwrap().missing, 0);
    let expected = all(&store);
    assert!(expected.keys().any(|key| key.starts_with("chunk")));
    assert_same(&expected, &central(url));
    // Nothing is left, and nothing is sent twice.
    assert_eq!(forwarder.forward_all(|_| ()).unwrap().records, 0);
    drop(writer);
}

#[test]
fn running_activities_are_seen_at_the_target_until_they_end() {
    let folder = tempfile::tempdir().unwrap();
    let url = postgres::database();
    let log = ActivityLog::builder()
        .forward_to(&*url)
        .open(folder.path().join("activity.db"))
        .unwrap();
    let call = log.start(Describe::job("import"));
    let status = || {
        let found = central(&url).into_values().next()?;
        serde_json::from_value::<Status>(found["status"].clone()).ok()
    };
    poll_until(|| status().filter(|status| *status == Status::Running));
    call.end(Outcome::success());
    poll_until(|| status().filter(|status| *status == Status::Success));
    log.shutdown().wait().unwrap();
}

#[test]
fn a_log_opens_and_closes_in_time_while_its_target_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let start = Instant::now();
    let log = ActivityLog::builder()
        .forward_to("postgres://u:hunter2@127.0.0.1:9/nowhere")
        .open(&path)
        .unwrap();
    record(&log, 0..10);
    let report = log.shutdown().wait().unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(report.not_forwarded, 30);
    // They are forwarded by the next one.
    let url = postgres::database();
    let log = ActivityLog::builder()
        .forward_to(&*url)
        .open(&path)
        .unwrap();
    until_count(&url, 20);
    log.shutdown().wait().unwrap();
    assert_same(&file(&path), &central(&url));
}

#[test]
fn a_malformed_address_is_refused_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    for target in [
        "postgres://u:hunter2@h:port/x",
        "mysql://u:hunter2@h",
        "u:hunter2@h",
    ] {
        let builder = ActivityLog::builder().forward_to(target);
        let error = builder.open(folder.path().join("activity.db")).unwrap_err();
        assert!(error.is_invalid(), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let target = PostgresStore::new("postgres://h/x").unwrap();
    let builder = ActivityLog::builder().forward_to(target);
    assert!(builder.open(":memory:").unwrap_err().is_invalid());
}

/// What waits, and why, is in the health of the file.
#[test]
fn the_health_shows_what_waits_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::builder()
        .forward_to("postgres://u:hunter2@127.0.0.1:9/x")
        .open(&path)
        .unwrap();
    record(&log, 0..10);
    log.flush().wait().unwrap();
    let store = SqliteStore::new(&path).unwrap();
    let health = poll_until(|| {
        let health = store.reader().unwrap().health().unwrap();
        let failed = health.targets.first()?.error.is_some();
        failed.then_some(health)
    });
    let target = &health.targets[0];
    assert_eq!(target.name, "postgres://127.0.0.1:9/x");
    assert_eq!(target.behind, 30);
    assert!(target.behind_since.is_some() && target.error_since.is_some());
    assert!(
        target.error.as_ref().unwrap().contains("cannot connect"),
        "{target:?}"
    );
    log.shutdown().wait().unwrap();
}

/// A batch names the instances as they were when the forwarder first read them.
#[test]
fn a_later_batch_does_not_bring_an_earlier_accounting_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let url = postgres::database();
    let log = ActivityLog::open(&path).unwrap();
    let mut forwarder = Forwarder::open(&path, &*url).unwrap();
    let committed = |store: &dyn Store| {
        let health = store.reader().unwrap().health().unwrap();
        health.instances[0].accounting.activities.committed
    };
    for batch in 0..3 {
        record(&log, batch * 10..batch * 10 + 10);
        log.flush().wait().unwrap();
        forwarder.forward_all(|_| ()).unwrap();
        let counts = [
            committed(&**log.store().unwrap()),
            committed(&PostgresStore::new(&url).unwrap()),
        ];
        assert!(counts[0] > 0 && counts[0] == counts[1], "{counts:?}");
    }
}

#[test]
fn an_instance_that_ends_has_ended_at_the_target_with_the_next_heartbeat() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let url = postgres::database();
    let log = ActivityLog::open(&path).unwrap();
    let _forwarding = Forwarder::open(&path, &*url).unwrap().follow().unwrap();
    let living = || {
        let health = PostgresStore::new(&url).unwrap().reader()?.health()?;
        let alive = health.instances.iter().filter(|one| one.alive);
        Ok::<_, tower_activity::Error>((health.instances.len(), alive.count()))
    };
    let until = |expected| {
        let start = Instant::now();
        poll_until(|| (living().ok()? == expected).then_some(()));
        // Sooner than all of them are read again.
        assert!(start.elapsed() < Duration::from_secs(30), "{expected:?}");
    };
    until((1, 1));
    log.shutdown().wait().unwrap();
    until((1, 0));
    let log = ActivityLog::open(&path).unwrap();
    until((2, 1));
    record(&log, 0..10);
    log.shutdown().wait().unwrap();
    until((2, 0));
    until_count(&url, 20);
    assert_same(&file(&path), &central(&url));
}
