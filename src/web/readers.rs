//! Who reads the store for all requests: a few readers, each on a thread where it may block.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use http::StatusCode;
use parking_lot::Mutex;
use tokio::{sync::Semaphore, task, time};

use super::problem::Problem;
use crate::{
    query::ActivityReader,
    store::{Cancellation, Store},
};

/// So many questions are asked of the store at once: more take turns.
const READERS: usize = 4;
/// How long a question waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// A reader is used no longer than this, so that a store that was replaced is noticed.
const FRESH: Duration = Duration::from_secs(10);

/// How long the store may take for an answer, where nothing else is said.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// A few readers of one store. Clones share them.
#[derive(Clone)]
pub(super) struct Readers {
    /// None for a log that is disabled.
    store: Option<Arc<dyn Store>>,
    turns: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Idle>>>,
    timeout: Duration,
}

/// Whoever asked; gone with the client that did.
#[derive(Default)]
struct Asker(Cancellation);

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

struct Idle {
    reader: ActivityReader,
    opened: Instant,
}

impl Readers {
    pub(super) fn of(store: Option<Arc<dyn Store>>, timeout: Duration) -> Self {
        Readers {
            store,
            turns: Arc::new(Semaphore::new(READERS)),
            idle: Arc::default(),
            timeout,
        }
    }

    /// Asks a question on a thread where it may block. One that the store answers too slowly is stopped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting for a turn, and the question too: nobody is there to answer.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut ActivityReader) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let Some(store) = self.store.clone() else {
            return Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "disabled",
                "this log is disabled: it has nothing to read",
            ));
        };
        let turn = time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Problem::busy("too many questions are asked at once"));
        };
        let asker = Asker::default();
        let left = asker.0.clone();
        let idle = self.idle.clone();
        let timeout = self.timeout;
        let answered = task::spawn_blocking(move || {
            let _turn = turn;
            let mut one = match fresh(&idle) {
                Some(one) => one,
                None => Idle {
                    reader: ActivityReader::of(&*store)?,
                    opened: Instant::now(),
                },
            };
            let options = one.reader.options();
            options.deadline = Some(Instant::now() + timeout);
            options.cancelled = Some(left);
            let answer = question(&mut one.reader);
            // What failed to read may go on failing: the next one is opened anew.
            if !answer.as_ref().is_err_and(Problem::is_ours) {
                idle.lock().push(one);
            }
            answer
        });
        let answered = answered.await;
        drop(asker);
        answered.unwrap_or_else(|_| {
            let what = "the question made its reader panic";
            tracing::error!(target: "tower_activity::web", what);
            Err(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "panic",
                what,
            ))
        })
    }
}

/// An idle reader that is not too old; those that are, are closed.
fn fresh(idle: &Mutex<Vec<Idle>>) -> Option<Idle> {
    let now = Instant::now();
    let mut idle = idle.lock();
    idle.retain(|one| now.duration_since(one.opened) < FRESH);
    idle.pop()
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::{ActivityLog, Describe, Outcome, record::Filter};

    /// Readers of a store in which looking for what is not there takes some steps.
    async fn readers(timeout: Duration) -> Readers {
        let log = ActivityLog::open(":memory:").unwrap();
        for _ in 0..2_000 {
            log.start(Describe::tool("call")).end(Outcome::success());
        }
        log.flush().await.unwrap();
        Readers::of(log.store().cloned(), timeout)
    }

    /// Asks without end, so that only being stopped ends it.
    fn for_ever(reader: &mut ActivityReader) -> Problem {
        let nothing = Filter::parse("name:*nothing*", chrono::Utc::now()).unwrap();
        loop {
            if let Err(error) = reader.page(&nothing, None, 1) {
                return error.into();
            }
        }
    }

    #[tokio::test]
    async fn a_question_that_takes_too_long_is_stopped_and_says_so() {
        let readers = readers(Duration::from_millis(1)).await;
        let problem = readers
            .ask(|reader| Err::<(), _>(for_ever(reader)))
            .await
            .unwrap_err();
        assert!(problem.to_string().contains("in the time"), "{problem:?}");
        assert!(problem.is_ours());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_question_whose_client_has_left_is_stopped() {
        let readers = readers(Duration::from_secs(3_600)).await;
        let (began, begun) = mpsc::channel();
        let (ended, end) = tokio::sync::oneshot::channel();
        let asked = readers.ask(move |reader| {
            began.send(()).unwrap();
            // Nobody waits any more for what is returned.
            ended.send(for_ever(reader)).unwrap();
            Ok(())
        });
        let begun = task::spawn_blocking(move || begun.recv().unwrap());
        tokio::select! {
            answer = asked => panic!("answered: {answer:?}"),
            begun = begun => begun.unwrap(),
        }
        let problem = end.await.unwrap();
        assert!(problem.to_string().contains("in the time"), "{problem:?}");
    }
}
