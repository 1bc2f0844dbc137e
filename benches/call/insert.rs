//! The manual alternative: one INSERT per request, on a connection behind a mutex.

use std::{
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use rusqlite::{Connection, params};
use tower::Service;

use crate::Failure;

const TABLE: &str = "
PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
CREATE TABLE call (id INTEGER PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, started_at INTEGER NOT NULL,
                   duration_ns INTEGER NOT NULL, project TEXT);
CREATE INDEX call_started_at ON call (started_at);";
const INSERT: &str = "
INSERT INTO call (name, status, started_at, duration_ns, project) VALUES (?1, ?2, ?3, ?4, ?5)";

/// A connection that services share.
pub(crate) type Shared = Arc<Mutex<Connection>>;

/// Opens the table.
pub(crate) fn open(path: &Path) -> Result<Shared, Failure> {
    let connection = Connection::open(path)?;
    connection.execute_batch(TABLE)?;
    Ok(Arc::new(Mutex::new(connection)))
}

/// Returns the number of rows.
pub(crate) fn rows(shared: &Shared) -> Result<u64, Failure> {
    let connection = shared.lock().map_err(|_| "the connection is poisoned")?;
    Ok(connection.query_row("SELECT count(*) FROM call", [], |row| row.get::<_, i64>(0))? as u64)
}

/// A service that inserts a row per call.
#[derive(Debug, Clone)]
pub(crate) struct Inserting<S> {
    pub(crate) inner: S,
    pub(crate) shared: Shared,
}

impl<S, Req> Service<Req> for Inserting<S>
where
    S: Service<Req>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let shared = self.shared.clone();
        let started_at = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_micros() as i64);
        let start = Instant::now();
        let future = self.inner.call(request);
        Box::pin(async move {
            let result = future.await;
            let status = if result.is_ok() { "success" } else { "failed" };
            if let Ok(connection) = shared.lock() {
                // A missing row fails the run when the rows are counted.
                let _ = connection.prepare_cached(INSERT).and_then(|mut insert| {
                    insert.execute(params![
                        "search",
                        status,
                        started_at,
                        start.elapsed().as_nanos() as i64,
                        "acme"
                    ])
                });
            }
            result
        })
    }
}
