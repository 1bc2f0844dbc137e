//! The network between a forwarder and its server fails: the batch in flight is sent again, once it is back.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use tower_activity::{
    ActivityLog,
    record::{ActivityRecord, Filter},
    store::{Source, Store, postgres::PostgresStore, sqlite::SqliteStore},
};

use crate::{
    compare::{assert_same, central, file, logs, record, until_count},
    support::{
        poll_until, postgres,
        proxy::{At, Network, Proxy},
    },
};

/// A request that is not answered for 6 seconds fails.
const TIMEOUTS: &str = "tcp_user_timeout=1&connect_timeout=1";

/// Requests of each kind.
const CONNECT: &[&str] = &["user"];
const LEASE: &[&str] = &["tower_activity.lease_log"];
const BATCH: &[&str] = &["INSERT INTO tower_activity.new_activity"];
const COMMIT: &[&str] = &["tower_activity.accept_batch", "COMMIT"];
const HEARTBEAT: &[&str] = &["tower_activity.renew_log"];
const FOLD: &[&str] = &["'ordinal' FOR UPDATE"];

#[test]
fn a_batch_is_there_once_whichever_request_the_network_loses() {
    let requests = [CONNECT, LEASE, BATCH, COMMIT, HEARTBEAT, FOLD];
    thread::scope(|scope| {
        for request in requests {
            for at in [At::Before(request), At::After(request)] {
                for network in [Network::Silent, Network::Cut] {
                    let name = format!("{at:?} {network:?}");
                    let check = move || check(&postgres::database(), TIMEOUTS, at, network);
                    (thread::Builder::new().name(name).spawn_scoped(scope, check)).unwrap();
                }
            }
        }
    });
}

/// Forwards to this database while its network fails at a request.
#[track_caller]
pub fn check(url: &str, parameters: &str, at: At, network: Network) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let proxy = Proxy::start(url);
    proxy.set_at(at, network);
    let target = proxy.address(url, parameters);
    let log = ActivityLog::builder()
        .forward_to(&*target)
        .open(&path)
        .unwrap();
    record(&log, 0..50);
    log.flush().wait().unwrap();
    poll_until(|| (proxy.network() == network).then_some(()));
    // The forwarder has noticed.
    poll_until(|| error(&path));
    proxy.set(Network::Open);
    until_count(url, 100);
    record(&log, 50..60);
    let report = log.shutdown().timeout(Duration::from_secs(30)).wait();
    assert_eq!(report.unwrap().not_forwarded, 0, "{at:?} {network:?}");
    assert_same(&file(&path), &central(url));
    assert_eq!(logs(url), 1, "{at:?} {network:?}");
}

/// Returns what a forwarder has kept in its file.
pub fn error(path: &Path) -> Option<String> {
    let store = SqliteStore::new(path).unwrap();
    let health = store.reader().unwrap().health().unwrap();
    health.targets.first()?.error.clone()
}

#[test]
fn a_slow_or_stalled_network_only_takes_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let url = postgres::database();
    let proxy = Proxy::start(&url);
    proxy.set(Network::Slow(60_000, Duration::from_millis(20)));
    // In half a minute 2 MB arrive.
    let target = proxy.address(&url, "tcp_user_timeout=5");
    let log = ActivityLog::builder()
        .forward_to(&*target)
        .open(&path)
        .unwrap();
    record(&log, 0..200);
    until_count(&url, 400);
    assert_eq!(error(&path), None);
    proxy.set(Network::Stalled);
    record(&log, 200..300);
    log.flush().wait().unwrap();
    let logs = "SELECT count(*) FROM tower_activity.log";
    assert_eq!(postgres::query(&url, logs).trim(), "1");
    proxy.set(Network::Open);
    let report = log.shutdown().timeout(Duration::from_secs(30)).wait();
    assert_eq!(report.unwrap().not_forwarded, 0);
    assert_same(&file(&path), &central(&url));
}

#[test]
fn a_reader_gives_up_at_its_deadline_while_the_network_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let url = postgres::database();
    let log = ActivityLog::builder()
        .forward_to(&*url)
        .open(&path)
        .unwrap();
    record(&log, 0..10);
    let report = log.shutdown().timeout(Duration::from_secs(30)).wait();
    assert_eq!(report.unwrap().not_forwarded, 0);
    let proxy = Proxy::start(&url);
    let store = PostgresStore::new(&proxy.address(&url, TIMEOUTS)).unwrap();
    let mut reader = store.reader().unwrap();
    let mut count = || {
        reader.options().deadline = Some(Instant::now() + Duration::from_secs(1));
        let list = Source::<ActivityRecord>::list(&mut *reader, &Filter::default(), None, 100);
        list.map(|list| list.records.len())
    };
    assert_eq!(count().unwrap(), 20);
    proxy.set(Network::Silent);
    let start = Instant::now();
    assert!(count().unwrap_err().is_timeout());
    assert!(count().is_err());
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    proxy.set(Network::Open);
    assert_eq!(poll_until(|| count().ok()), 20);
}
