//! A central store in ClickHouse has what the files have.

use std::time::Duration;

use tower_activity::{
    ActivityLog,
    forward::Forwarder,
    store::sqlite::SqliteStore,
    testing::conformance::{self, Records},
};

use crate::{
    compare::{all, assert_same, central, file, record},
    support::clickhouse,
};

#[test]
fn a_forwarded_log_is_the_same_in_clickhouse() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let url = clickhouse::database();
    let log = ActivityLog::builder()
        .forward_to(&*url)
        .open(&path)
        .unwrap();
    record(&log, 0..1_500);
    let shutdown = log.shutdown().timeout(Duration::from_secs(60));
    assert_eq!(shutdown.wait().unwrap().not_forwarded, 0);
    let expected = file(&path);
    assert_eq!(expected.len(), 4_500);
    assert_same(&expected, &central(&url));
}

/// Records of every kind and form, with recordings, duplicates, running and abandoned activities.
#[test]
fn a_file_with_every_kind_of_record_is_the_same_in_clickhouse() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let store = SqliteStore::new(&path).unwrap();
    let writer = conformance::commit(&store, &Records::from_seed(7)).unwrap();
    let url = clickhouse::database();
    let mut forwarder = Forwarder::open(&path, &*url).unwrap();
    let done = forwarder.forward_all(|_| ()).unwrap();
    assert!(
        done.records > 0 && done.forwarded == done.records,
        "{done:?}"
    );
    assert_eq!(forwarder.verify(|_| ()).unwrap().missing, 0);
    let expected = all(&store);
    assert!(expected.keys().any(|key| key.starts_with("chunk")));
    assert_same(&expected, &central(&url));
    // Nothing is left, and nothing is sent twice.
    assert_eq!(forwarder.forward_all(|_| ()).unwrap().records, 0);
    drop(writer);
}
