//! One INSERT per request through a pool, as a peer of the bench `peers`. It counts failed inserts, of which the program gets the errors.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use http::Request;
use sqlx::SqlitePool;
use tokio::runtime::Runtime;
use tower::Service;

use crate::{
    Failure,
    peer_child::{Body, Call, Ended, Inner, Peer, Place},
    variant::{INSERT, open},
};

/// Builds the peer, with the default timeout of sqlx for a locked database, 5 s.
pub(crate) fn peer(place: Arc<Place>, runtime: &Runtime) -> Result<Box<dyn Peer>, Failure> {
    let pool = runtime.block_on(open(&place.sink))?;
    Ok(Box::new(Inserting {
        inner: place.service(),
        failed: Arc::default(),
        place,
        pool,
    }))
}

struct Inserting {
    inner: Inner,
    place: Arc<Place>,
    pool: SqlitePool,
    failed: Arc<AtomicU64>,
}

impl Peer for Inserting {
    fn call(&mut self) -> Call {
        let (pool, failed, slow) = (self.pool.clone(), self.failed.clone(), self.place.slow());
        let future = self.inner.call(Request::new(Body::new()));
        Box::pin(async move {
            let started_at = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_micros() as i64);
            let start = Instant::now();
            let result = future.await;
            let insert = sqlx::query(INSERT)
                .bind("search")
                .bind(if result.is_ok() { "success" } else { "failed" })
                .bind(started_at)
                .bind(start.elapsed().as_nanos() as i64)
                .bind("acme");
            let inserted = insert.execute(&pool).await;
            failed.fetch_add(u64::from(inserted.is_err()), Relaxed);
            if let Some(slow) = slow {
                std::thread::sleep(slow);
            }
            result.is_ok()
        })
    }

    fn end(self: Box<Self>, runtime: &Runtime) -> Ended {
        runtime.block_on(self.pool.close());
        Ended::new(Some(self.failed.load(Relaxed)), Ok::<_, Failure>(()))
    }
}
