//! Ours: the layer with a log in a file, with its defaults.

use std::{sync::Arc, thread, time::Duration};

use http::{Request, Response};
use tokio::runtime::Runtime;
use tower::{Layer, Service};
use tower_activity::{
    ActivityLayer, ActivityLog, Describe, Kind, Result,
    store::{
        Accounting, AppendOutcome, Batch, Instance, Reader, Store, Writer, sqlite::SqliteStore,
    },
};

use crate::{
    Failure,
    child::{self, Body, Call, Ended, Peer, Place},
};

/// Builds the peer.
pub(crate) fn ours(place: &Place) -> std::result::Result<Box<dyn Peer>, Failure> {
    let log = match place.slow() {
        None => ActivityLog::open(&place.sink)?,
        Some(slow) => ActivityLog::builder().open_store(Arc::new(SlowStore {
            inner: SqliteStore::new(&place.sink)?,
            slow,
        }))?,
    };
    let describe = |_: &Request<Body>| Describe::new(Kind::Http, "GET /tools/search");
    let layer = ActivityLayer::new(&log).describe(describe);
    let service = layer.layer(place.service());
    Ok(Box::new(Ours { log, service }))
}

struct Ours<S> {
    log: ActivityLog,
    service: S,
}

impl<S, R> Peer for Ours<S>
where
    S: Service<Request<Body>, Response = Response<R>, Error: 'static, Future: 'static>,
    R: 'static,
{
    fn call(&mut self) -> Call {
        child::call(&mut self.service)
    }

    fn end(self: Box<Self>, _: &Runtime) -> Ended {
        let result = self.log.shutdown().wait().map(|_| ());
        let counts = self.log.accounting();
        if !counts.adds_up() {
            return Ended::new(None, Err(format!("it does not add up: {counts:?}")));
        }
        let of = counts.activities;
        let lost = of.rejected() + of.lost() + of.waiting + of.open;
        Ended::new(Some(lost), result)
    }
}

/// A store that takes a time for each record.
#[derive(Debug)]
struct SlowStore {
    inner: SqliteStore,
    slow: Duration,
}

impl Store for SlowStore {
    fn writer(&self, instance: &Instance) -> Result<Box<dyn Writer>> {
        Ok(Box::new(SlowWriter {
            inner: self.inner.writer(instance)?,
            slow: self.slow,
        }))
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        self.inner.reader()
    }
}

struct SlowWriter {
    inner: Box<dyn Writer>,
    slow: Duration,
}

impl tower_activity::store::sealed::WriteSide for SlowWriter {}

impl Writer for SlowWriter {
    fn append(&mut self, batch: &Batch) -> Result<AppendOutcome> {
        thread::sleep(self.slow * batch.ended.len() as u32);
        self.inner.append(batch)
    }

    fn reap(&mut self) -> Result<u64> {
        self.inner.reap()
    }

    fn close(&mut self, accounting: &Accounting) -> Result<()> {
        self.inner.close(accounting)
    }
}
