//! A batch is cut once: after an error, or a restart, the same one is sent.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use tower_activity::{
    ActivityLog, Error, ErrorKind, Result,
    forward::Forwarder,
    store::{
        Accepted, CentralStore, ForwardBatch, ForwardedLog, Intake, LogState, Places, Reader,
        Store, postgres::PostgresStore, sealed::WriteSide,
    },
};

use crate::{
    compare::{assert_same, central, file, record},
    support::postgres,
};

/// When the answer to a batch is lost.
#[derive(Debug, Clone, Copy)]
enum Lost {
    Never,
    BeforeCommit,
    AfterCommit,
}

/// A PostgreSQL store whose answers may be lost.
#[derive(Debug, Clone)]
struct Lossy {
    inner: PostgresStore,
    lost: Lost,
    /// The bounds of all batches that were sent.
    sent: Arc<Mutex<Vec<(Places, Places)>>>,
}

struct LossyIntake {
    inner: Box<dyn Intake>,
    of: Lossy,
}

impl Store for Lossy {
    fn reader(&self) -> Result<Box<dyn Reader>> {
        self.inner.reader()
    }
}

impl CentralStore for Lossy {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn intake(&self) -> Result<Box<dyn Intake>> {
        Ok(Box::new(LossyIntake {
            inner: self.inner.intake()?,
            of: self.clone(),
        }))
    }
}

impl WriteSide for LossyIntake {}

impl Intake for LossyIntake {
    fn connect(&mut self, log: &ForwardedLog) -> Result<Accepted> {
        self.inner.connect(log)
    }

    fn accept(&mut self, batch: &ForwardBatch) -> Result<()> {
        self.of
            .sent
            .lock()
            .unwrap()
            .push((batch.after, batch.up_to));
        let lost = || Err(Error::new(ErrorKind::Store, "the connection was lost"));
        match self.of.lost {
            Lost::Never => self.inner.accept(batch),
            Lost::BeforeCommit => lost(),
            Lost::AfterCommit => self.inner.accept(batch).and_then(|()| lost()),
        }
    }

    fn update(&mut self, state: &LogState) -> Result<()> {
        self.inner.update(state)
    }

    fn fold(&mut self) -> Result<u64> {
        self.inner.fold()
    }

    fn disconnect(&mut self) -> Result<()> {
        self.inner.disconnect()
    }
}

fn write(path: &Path, numbers: std::ops::Range<usize>) {
    let log = ActivityLog::open(path).unwrap();
    record(&log, numbers);
    log.shutdown().wait().unwrap();
}

fn check(lost: Lost) -> Vec<(Places, Places)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let url = postgres::database();
    let mut store = Lossy {
        inner: PostgresStore::new(&url).unwrap(),
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
    assert_same(&file(&path), &central(&url));
    let logs = postgres::query(&url, "SELECT count(*) FROM tower_activity.log");
    assert_eq!(logs.trim(), "1");
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
