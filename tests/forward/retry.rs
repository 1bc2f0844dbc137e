//! A batch is cut once: after an error, or a restart, the same one is sent.

use std::{path::Path, sync::Arc};

use tower_activity::{
    ActivityLog,
    forward::Forwarder,
    store::{CentralStore, Places, postgres::PostgresStore},
};

use crate::{
    compare::{assert_same, central, file, logs, record},
    lossy::{Lossy, Lost},
    support::postgres,
};

fn write(path: &Path, numbers: std::ops::Range<usize>) {
    let log = ActivityLog::open(path).unwrap();
    record(&log, numbers);
    log.shutdown().wait().unwrap();
}

fn check(lost: Lost) -> Vec<(Places, Places)> {
    let url = postgres::database();
    check_in(&url, Arc::new(PostgresStore::new(&url).unwrap()), lost)
}

/// Forwards to a store while answers are lost. Returns the bounds of all batches that were sent.
pub fn check_in(url: &str, inner: Arc<dyn CentralStore>, lost: Lost) -> Vec<(Places, Places)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let mut store = Lossy {
        inner,
        lost,
        sent: Arc::default(),
    };
    write(&path, 0..10);
    let forward = |store: &Lossy| {
        let mut forwarder = Forwarder::open(&path, store.clone()).unwrap();
        forwarder.forward_all(|_| ())
    };
    // An answer that was lost after the commit is not needed: the target says what it has.
    let is_known = matches!(lost, Lost::AfterCommit);
    assert_eq!(forward(&store).is_ok(), is_known);
    write(&path, 10..20);
    store.lost = Lost::Never;
    forward(&store).unwrap();
    assert_same(&file(&path), &central(url));
    assert_eq!(logs(url), 1);
    let sent = store.sent.lock().unwrap();
    sent.clone()
}

#[test]
fn a_batch_whose_answer_is_lost_before_the_commit_is_sent_again_as_it_was() {
    let first = (Places::default(), Places::new(20, 10, 0));
    let sent = check(Lost::BeforeCommit);
    let (last, retried) = sent.split_last().unwrap();
    assert_eq!(*last, (first.1, Places::new(40, 20, 0)));
    assert!(
        retried.len() > 1 && retried.iter().all(|one| *one == first),
        "{sent:?}"
    );
}

#[test]
fn a_batch_whose_answer_is_lost_after_the_commit_is_not_sent_again() {
    let sent = check(Lost::AfterCommit);
    let (first, second) = (Places::new(20, 10, 0), Places::new(40, 20, 0));
    assert_eq!(sent, [(Places::default(), first), (first, second)]);
}
