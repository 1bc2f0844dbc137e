//! The server is stopped and started again while a log is recorded.

use std::time::Duration;

use tower_activity::{ActivityLog, forward::Forwarder};

use crate::{
    compare::{assert_same, central, file, record, until_count},
    network::error,
    support::{poll_until, postgres},
};

#[test]
fn nothing_is_missing_or_twice_after_the_server_was_stopped() {
    let server = postgres::server();
    let url = server.database();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::builder()
        .forward_to(&*url)
        .open(&path)
        .unwrap();
    record(&log, 0..200);
    until_count(&url, 100);
    for (round, mode) in (1..).zip(["fast", "immediate"]) {
        record(&log, round * 1_000..round * 1_000 + 500);
        server.stop(mode);
        record(&log, round * 1_000 + 500..round * 1_000 + 600);
        log.flush().wait().unwrap();
        server.start_again();
        record(&log, round * 1_000 + 600..round * 1_000 + 700);
        log.flush().wait().unwrap();
    }
    until_count(&url, 2 * (200 + 2 * 700));
    let report = log
        .shutdown()
        .timeout(Duration::from_secs(20))
        .wait()
        .unwrap();
    assert_eq!(report.not_forwarded, 0);
    assert_same(&file(&path), &central(&url));
}

#[test]
fn a_listener_that_panics_does_not_end_forwarding() {
    let server = postgres::server();
    let url = server.database();
    server.stop("fast");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    record(&log, 0..20);
    log.shutdown().wait().unwrap();
    let forwarder = Forwarder::open(&path, &*url).unwrap();
    let forwarder = forwarder.on_outage(|outage| panic!("{outage:?}"));
    let forwarding = forwarder.follow().unwrap();
    poll_until(|| error(&path));
    server.start_again();
    until_count(&url, 40);
    drop(forwarding);
}
