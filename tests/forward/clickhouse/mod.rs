//! A central store in ClickHouse has what the files have.

mod exact;

use std::{sync::Arc, thread, time::Duration};

use tower_activity::store::{Places, clickhouse::ClickHouseStore};

use crate::{
    log,
    lossy::Lost,
    network, retry,
    support::{
        clickhouse,
        proxy::{At, Network},
    },
};

/// Requests of each kind. Statements with rows are in the address, others in the body.
const LEASE: &[&str] = &["INSERT%20INTO%20lease"];
const BATCH: &[&str] = &["INSERT%20INTO%20activity"];
const BOUNDS: &[&str] = &["INSERT%20INTO%20batch"];
const ACCEPTED: &[&str] = &["INSERT%20INTO%20batch", "INSERT INTO log"];
const HEARTBEAT: &[&str] = &["INSERT%20INTO%20open"];
const ORDER: &[&str] = &["INSERT INTO place"];

#[test]
fn a_forwarded_log_is_the_same_in_clickhouse() {
    log::check_log(&clickhouse::database(), Duration::from_secs(60));
}

#[test]
fn a_file_with_every_kind_of_record_is_the_same_in_clickhouse() {
    log::check_file(&clickhouse::database());
}

#[test]
fn a_batch_is_in_clickhouse_once_whichever_request_the_network_cuts() {
    thread::scope(|scope| {
        for request in [LEASE, BATCH, BOUNDS, ACCEPTED, HEARTBEAT, ORDER] {
            for at in [At::Before(request), At::After(request)] {
                let check = move || network::check(&clickhouse::database(), "", at, Network::Cut);
                let named = thread::Builder::new().name(format!("{at:?}"));
                named.spawn_scoped(scope, check).unwrap();
            }
        }
    });
}

#[test]
fn a_batch_whose_answer_is_lost_is_sent_to_clickhouse_as_it_was() {
    let check = |lost: Lost| {
        let url = clickhouse::database();
        let store = ClickHouseStore::new(&url).unwrap();
        retry::check_in(&url, Arc::new(store), lost)
    };
    let (first, second) = (Places::new(20, 10, 0), Places::new(40, 20, 0));
    let sent = check(Lost::BeforeCommit);
    let (last, retried) = sent.split_last().unwrap();
    assert_eq!(*last, (first, second));
    assert!(
        retried.len() > 1 && retried.iter().all(|one| *one == (Places::default(), first)),
        "{sent:?}"
    );
    let sent = check(Lost::AfterCommit);
    assert_eq!(sent, [(Places::default(), first), (first, second)]);
}
