//! The service with an INSERT per call. It needs a runtime, so the bare one runs in it, too.

use std::{
    convert::Infallible,
    hint::black_box,
    path::Path,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use http::{Request, Response};
use sqlx::{
    Executor, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::runtime::{Builder, Runtime};
use tower::{Service, ServiceExt};

use crate::{Failure, drive::Burst, service};

const TABLE: &str = "
CREATE TABLE call (id INTEGER PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, started_at INTEGER NOT NULL,
                   duration_ns INTEGER NOT NULL, project TEXT);
CREATE INDEX call_started_at ON call (started_at);";
pub(crate) const INSERT: &str = "
INSERT INTO call (name, status, started_at, duration_ns, project) VALUES (?1, ?2, ?3, ?4, ?5)";

/// The variant, ready to run in this process.
pub(crate) struct Rig {
    pub(crate) wrapped: Vec<Burst>,
    pub(crate) bare: Vec<Burst>,
    pub(crate) record: Record,
}

/// The pool, and the runtime that it was opened in.
pub(crate) struct Record {
    pool: SqlitePool,
    runtime: Runtime,
}

impl Record {
    /// Every call waits for its own row.
    pub(crate) fn drain(&self, _calls: u64) -> Result<(), Failure> {
        Ok(())
    }

    /// Fails unless every call has a row.
    pub(crate) fn check(self, calls: u64, _path: &Path) -> Result<(), Failure> {
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM call");
        let rows = self.runtime.block_on(count.fetch_one(&self.pool))?;
        if rows as u64 == calls {
            Ok(())
        } else {
            Err(format!("{rows} of {calls} calls are on record").into())
        }
    }
}

/// Builds the variant around one of the services.
pub(crate) fn build(_: &str, shape: &str, threads: usize, path: &Path) -> Result<Rig, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let pool = runtime.block_on(open(path))?;
    let (mut bare, mut wrapped) = (Vec::new(), Vec::new());
    for _ in 0..threads {
        match shape {
            "ready" => {
                bare.push(bursts(service::Prompt, None)?);
                wrapped.push(bursts(service::Prompt, Some(pool.clone()))?);
            }
            "yield" => {
                bare.push(bursts(service::PendingOnce, None)?);
                wrapped.push(bursts(service::PendingOnce, Some(pool.clone()))?);
            }
            other => return Err(format!("there is no shape {other:?}").into()),
        }
    }
    Ok(Rig {
        wrapped,
        bare,
        record: Record { pool, runtime },
    })
}

/// Opens a pool, and creates the table.
pub(crate) async fn open(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal);
    let pool = SqlitePoolOptions::new()
        .max_connections(4)
        .connect_with(options)
        .await?;
    pool.execute(TABLE).await?;
    Ok(pool)
}

fn bursts<S>(mut service: S, pool: Option<SqlitePool>) -> Result<Burst, Failure>
where
    S: Service<Request<service::Body>, Response = Response<service::Body>, Error = Infallible>
        + Send
        + 'static,
    S::Future: Send,
{
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(Box::new(move |calls| {
        let start = Instant::now();
        runtime.block_on(async {
            for _ in 0..calls {
                black_box(call(&mut service, pool.as_ref()).await);
            }
        });
        start.elapsed().as_nanos() as f64 / calls as f64
    }))
}

async fn call<S>(service: &mut S, pool: Option<&SqlitePool>) -> Option<Response<service::Body>>
where
    S: Service<Request<service::Body>, Response = Response<service::Body>, Error = Infallible>,
{
    let started_at = SystemTime::now();
    let start = Instant::now();
    let response = service
        .ready()
        .await
        .ok()?
        .call(service::request())
        .await
        .ok();
    if let Some(pool) = pool {
        let started_at = started_at
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_micros() as i64);
        let insert = sqlx::query(INSERT)
            .bind("search")
            .bind("success")
            .bind(started_at)
            .bind(start.elapsed().as_nanos() as i64)
            .bind("acme");
        // A missing row fails the run when the rows are counted.
        let _ = insert.execute(pool).await;
    }
    response
}
