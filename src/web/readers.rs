//! A pool of readers of the store, used on the blocking thread pool.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use http::StatusCode;
use parking_lot::Mutex;
use tokio::{task, time};

use super::{access::Grant, fair::FairSemaphore, problem::Problem};
use crate::{
    query::ActivityReader,
    store::{Cancellation, Store},
};

/// Readers that are in use at once, at most half of them by one client: further reads are queued, and clients take turns.
const READERS: usize = 4;
/// How long a read may be queued.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum age of a reader: reopening notices that the store was replaced.
const MAX_AGE: Duration = Duration::from_secs(10);

/// The default timeout of a query.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// A pool of readers of one store. Clones share it.
#[derive(Clone)]
pub(super) struct ReaderPool {
    /// `None` for a disabled log.
    store: Option<Arc<dyn Store>>,
    permits: FairSemaphore,
    idle: Arc<Mutex<Vec<PooledReader>>>,
    timeout: Duration,
}

/// Cancels a query when it is dropped, with the request's future.
#[derive(Default)]
struct CancelOnDrop(Cancellation);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

struct PooledReader {
    reader: ActivityReader,
    opened: Instant,
}

impl ReaderPool {
    pub(super) fn new(store: Option<Arc<dyn Store>>, timeout: Duration) -> Self {
        ReaderPool {
            store,
            permits: FairSemaphore::new(READERS),
            idle: Arc::default(),
            timeout,
        }
    }

    /// Runs the `query` of a client with a reader on the blocking thread pool, under the pool's timeout.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the queue, or cancels the running query.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        grant: &Grant,
        query: impl FnOnce(&mut ActivityReader) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let Some(store) = self.store.clone() else {
            return Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "disabled",
                "this log is disabled: it has no store",
            ));
        };
        let permit = time::timeout(QUEUE_TIMEOUT, self.permits.acquire(&grant.client)).await;
        let Ok(permit) = permit else {
            return Err(Problem::busy("too many queries at once"));
        };
        let cancel_on_drop = CancelOnDrop::default();
        let cancelled = cancel_on_drop.0.clone();
        let idle = self.idle.clone();
        let (timeout, grant) = (self.timeout, grant.clone());
        let task = task::spawn_blocking(move || {
            let _permit = permit;
            let mut pooled = match take_idle(&idle) {
                Some(pooled) => pooled,
                None => PooledReader {
                    reader: ActivityReader::from_store(&*store)?,
                    opened: Instant::now(),
                },
            };
            let options = pooled.reader.options();
            options.deadline = Some(Instant::now() + timeout);
            options.cancelled = Some(cancelled);
            let checked = grant.check_token(&mut pooled.reader);
            let answer = checked.and_then(|()| query(&mut pooled.reader));
            // A reader that failed may keep failing: drop it.
            if !answer.as_ref().is_err_and(Problem::is_server_error) {
                idle.lock().push(pooled);
            }
            answer
        });
        let answer = task.await;
        drop(cancel_on_drop);
        answer.unwrap_or_else(|_| {
            let what = "the query panicked";
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "panic", what).logged(what))
        })
    }
}

/// Takes an idle reader, and closes those older than [`MAX_AGE`].
fn take_idle(idle: &Mutex<Vec<PooledReader>>) -> Option<PooledReader> {
    let now = Instant::now();
    let mut idle = idle.lock();
    idle.retain(|pooled| now.duration_since(pooled.opened) < MAX_AGE);
    idle.pop()
}

impl fmt::Debug for ReaderPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReaderPool")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::{ActivityLog, Describe, Outcome, record::Filter};

    /// Returns the readers of a store large enough that a search without a match takes some steps.
    async fn readers(timeout: Duration) -> ReaderPool {
        let log = ActivityLog::open(":memory:").unwrap();
        for _ in 0..2_000 {
            log.start(Describe::tool("call")).end(Outcome::success());
        }
        log.flush().await.unwrap();
        ReaderPool::new(log.store().cloned(), timeout)
    }

    /// Queries in a loop until one is cancelled.
    fn query_forever(reader: &mut ActivityReader) -> Problem {
        let nothing = Filter::parse("name:*nothing*", chrono::Utc::now()).unwrap();
        loop {
            if let Err(error) = reader.page(&nothing, None, 1) {
                return error.into();
            }
        }
    }

    #[tokio::test]
    async fn a_query_that_exceeds_the_timeout_is_cancelled() {
        let readers = readers(Duration::from_millis(1)).await;
        let problem = readers
            .read(&Grant::server(), |reader| {
                Err::<(), _>(query_forever(reader))
            })
            .await
            .unwrap_err();
        assert!(
            problem.to_string().contains("query timed out"),
            "{problem:?}"
        );
        assert!(problem.is_server_error());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_query_of_a_client_that_disconnects_is_cancelled() {
        let readers = readers(Duration::from_secs(3_600)).await;
        let (began, begun) = mpsc::channel();
        let (ended, end) = tokio::sync::oneshot::channel();
        let server = Grant::server();
        let query = readers.read(&server, move |reader| {
            began.send(()).unwrap();
            // The result itself is discarded.
            ended.send(query_forever(reader)).unwrap();
            Ok(())
        });
        let begun = task::spawn_blocking(move || begun.recv().unwrap());
        tokio::select! {
            answer = query => panic!("answered: {answer:?}"),
            begun = begun => begun.unwrap(),
        }
        let problem = end.await.unwrap();
        assert!(
            problem.to_string().contains("query timed out"),
            "{problem:?}"
        );
    }
}
