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
use crate::{query::ActivityReader, store::Store};

/// So many questions are asked of the store at once: more take turns.
const READERS: usize = 4;
/// How long a question waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// A reader is used no longer than this, so that a store that was replaced is noticed.
const FRESH: Duration = Duration::from_secs(10);

/// A few readers of one store.
pub(super) struct Readers {
    /// None for a log that is disabled.
    store: Option<Arc<dyn Store>>,
    turns: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Idle>>>,
}

struct Idle {
    reader: ActivityReader,
    opened: Instant,
}

impl Readers {
    pub(super) fn of(store: Option<Arc<dyn Store>>) -> Self {
        Readers {
            store,
            turns: Arc::new(Semaphore::new(READERS)),
            idle: Arc::default(),
        }
    }

    /// Asks a question on a thread where it may block.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting for a turn, and for the answer; a question that was asked is answered, and
    /// keeps its turn until then.
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
        let idle = self.idle.clone();
        let answered = task::spawn_blocking(move || {
            let _turn = turn;
            let mut one = match fresh(&idle) {
                Some(one) => one,
                None => Idle {
                    reader: ActivityReader::of(&*store)?,
                    opened: Instant::now(),
                },
            };
            let answer = question(&mut one.reader);
            // What failed to read may go on failing: the next one is opened anew.
            if !answer.as_ref().is_err_and(Problem::is_ours) {
                idle.lock().push(one);
            }
            answer
        });
        answered.await.unwrap_or_else(|_| {
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
