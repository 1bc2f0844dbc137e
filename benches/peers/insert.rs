//! One INSERT per request on a connection behind a mutex. It counts failed inserts, of which the program gets the errors.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rusqlite::{Connection, params};
use tokio::runtime::Runtime;
use tower::Service;

use crate::{
    Failure,
    child::{self, Call, Ended, Inner, Peer, Place},
};

const TABLE: &str = "
PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
CREATE TABLE call (id INTEGER PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, started_at INTEGER NOT NULL,
                   duration_ns INTEGER NOT NULL, project TEXT);
CREATE INDEX call_started_at ON call (started_at);";
const INSERT: &str = "
INSERT INTO call (name, status, started_at, duration_ns, project) VALUES (?1, ?2, ?3, ?4, ?5)";

/// A service that inserts a row per call.
struct Inserting {
    inner: Inner,
    connection: Arc<Mutex<Connection>>,
    failed: Arc<AtomicU64>,
    slow: Option<Duration>,
}

/// Builds the peer, with the default timeout of rusqlite for a locked database, 5 s.
pub(crate) fn rusqlite(place: &Place) -> Result<Box<dyn Peer>, Failure> {
    let connection = Connection::open(&place.sink)?;
    connection.execute_batch(TABLE)?;
    Ok(Box::new(Inserting {
        inner: place.service(),
        connection: Arc::new(Mutex::new(connection)),
        failed: Arc::default(),
        slow: place.slow(),
    }))
}

impl Peer for Inserting {
    fn call(&mut self) -> Call {
        child::call(self)
    }

    fn end(self: Box<Self>, _: &Runtime) -> Ended {
        Ended::new(Some(self.failed.load(Relaxed)), Ok::<_, Failure>(()))
    }
}

impl<Req> Service<Req> for Inserting
where
    Inner: Service<Req, Future: 'static>,
{
    type Response = <Inner as Service<Req>>::Response;
    type Error = <Inner as Service<Req>>::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let (connection, failed, slow) = (self.connection.clone(), self.failed.clone(), self.slow);
        let started_at = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_micros() as i64);
        let start = Instant::now();
        let future = self.inner.call(request);
        Box::pin(async move {
            let result = future.await;
            let status = if result.is_ok() { "success" } else { "failed" };
            let elapsed = start.elapsed().as_nanos() as i64;
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let inserted = connection.prepare_cached(INSERT).and_then(|mut insert| {
                insert.execute(params!["search", status, started_at, elapsed, "acme"])
            });
            failed.fetch_add(u64::from(inserted.is_err()), Relaxed);
            if let Some(slow) = slow {
                std::thread::sleep(slow);
            }
            result
        })
    }
}
