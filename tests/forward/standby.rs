//! The primary is lost, and its standby takes over.

use std::time::Duration;

use tower_activity::{
    ActivityLog,
    forward::Forwarder,
    store::{Store, sqlite::SqliteStore},
};

use crate::{
    compare::{Follower, assert_same, central, file, record, until_count},
    network::error,
    support::{poll_until, postgres},
};

/// The standby is asked once the primary does not answer.
const EITHER: &str = "target_session_attrs=read-write&connect_timeout=1&tcp_user_timeout=1";

#[test]
fn what_a_standby_has_not_received_is_sent_again_once_it_takes_over() {
    take_over(false);
}

#[test]
fn a_standby_that_took_over_at_its_own_address_is_the_same_target() {
    take_over(true);
}

/// A standby takes over without the last batches that its primary has acknowledged. The target has both addresses, or is renamed.
fn take_over(is_renamed: bool) {
    let primary = postgres::server();
    let url = primary.database();
    let standby = primary.standby();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let target = match is_renamed {
        true => url.clone(),
        false => {
            let hosts = format!("{},{}", primary.host(), standby.host());
            url.replace(&primary.host(), &hosts) + "?" + EITHER
        }
    };
    let open = |target: &str| {
        ActivityLog::builder()
            .forward_to(target)
            .open(&path)
            .unwrap()
    };
    let mut log = open(&target);
    let mut count = 0;
    let mut write = |log: &ActivityLog, batches: usize, url: Option<&str>| {
        for _ in 0..batches {
            record(log, count..count + 20);
            count += 20;
            log.flush().wait().unwrap();
            if let Some(url) = url {
                until_count(url, 2 * count);
            }
        }
    };
    let url_of_standby = standby.url("test_0");
    write(&log, 3, Some(&url_of_standby));
    // An address of the standby alone.
    let other = folder.path().join("other.db");
    let refused = ActivityLog::builder()
        .forward_to(&*url_of_standby)
        .open(&other)
        .unwrap();
    poll_until(|| error(&other).filter(|error| error.contains("is a standby")));
    drop(refused);
    standby.cut_off();
    let receivers = "SELECT count(*) FROM pg_stat_wal_receiver";
    poll_until(|| (standby.psql("postgres", receivers).stdout == b"0\n").then_some(()));
    // Acknowledged, and lost with the primary.
    write(&log, 3, Some(&url));
    let mut follower = Follower::default();
    poll_until(|| {
        follower.read(&url);
        (follower.count() == 2 * 120).then_some(())
    });
    primary.stop("immediate");
    write(&log, 1, None);
    if is_renamed {
        let stopped = log.shutdown().timeout(Duration::from_secs(2)).wait();
        assert!(stopped.unwrap().not_forwarded > 0);
    } else {
        // In the meantime the standby refuses.
        let refused = |error: &String| error.contains("does not allow writes");
        poll_until(|| error(&path).filter(refused));
    }
    standby.promote();
    if is_renamed {
        log = open(&url_of_standby);
    }
    write(&log, 3, Some(&url_of_standby));
    let report = log.shutdown().timeout(Duration::from_secs(30)).wait();
    assert_eq!(report.unwrap().not_forwarded, 0);
    assert_same(&file(&path), &central(&url_of_standby));
    // The same log: what the standby had was not sent again.
    let logs = standby.psql("test_0", "SELECT count(*) FROM tower_activity.log");
    assert_eq!(logs.stdout, b"1\n");
    // As many batches as the standby lacked have other records.
    follower.read(&url_of_standby);
    follower.assert_has_seen(&file(&path));
}

/// Snapshots that are started elsewhere have the same id, too.
#[test]
fn a_copy_of_the_disk_is_another_target_while_the_original_is_forwarded_to() {
    let original = postgres::server();
    let url = original.database();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::builder()
        .forward_to(&*url)
        .open(&path)
        .unwrap();
    record(&log, 0..20);
    log.flush().wait().unwrap();
    until_count(&url, 40);
    let copy = original.standby();
    let url_of_copy = copy.url("test_0");
    until_count(&url_of_copy, 40);
    copy.cut_off();
    copy.promote();
    record(&log, 20..40);
    log.flush().wait().unwrap();
    until_count(&url, 80);
    let mut forwarder = Forwarder::open(&path, &*url_of_copy).unwrap();
    forwarder.forward_all(|_| ()).unwrap();
    assert_same(&file(&path), &central(&url_of_copy));
    // Each keeps its own places in the file.
    let store = SqliteStore::new(&path).unwrap();
    let targets = store.reader().unwrap().health().unwrap().targets;
    let names: Vec<_> = targets.iter().map(|one| &*one.name).collect();
    for server in [&original, &copy] {
        let name = format!("postgres://{}/test_0", server.host());
        assert!(names.contains(&&*name), "{name}: {names:?}");
    }
    record(&log, 40..60);
    let report = log.shutdown().timeout(Duration::from_secs(30)).wait();
    assert_eq!(report.unwrap().not_forwarded, 0);
    assert_same(&file(&path), &central(&url));
    let logs = original.psql("test_0", "SELECT count(*) FROM tower_activity.log");
    assert_eq!(logs.stdout, b"1\n");
}
