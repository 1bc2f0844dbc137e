//! How a reader is to answer: until when, for whom, and by which clock.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use chrono::{DateTime, Utc};

use crate::error::{Error, ErrorKind, Result};

/// A wall clock that a reader is to look at.
pub type WallClock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// How a reader answers the questions that follow. By default it takes as long as it takes, and looks at the system's clock.
///
/// # Examples
///
/// ```no_run
/// use std::time::{Duration, Instant};
/// use tower_activity::{query::ActivityReader, store::Cancellation};
///
/// let mut reader = ActivityReader::open("activity.db")?;
/// let stop = Cancellation::new();
/// reader.options().deadline = Some(Instant::now() + Duration::from_secs(5));
/// reader.options().cancelled = Some(stop.clone());
/// // Elsewhere: `stop.cancel()`.
/// # Ok::<_, tower_activity::Error>(())
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ReadOptions {
    /// When a question that is not answered yet ends with an error ([`is_timeout`](Error::is_timeout)).
    pub deadline: Option<Instant>,
    /// Ends questions in the same way once it is cancelled.
    pub cancelled: Option<Cancellation>,
    /// The wall clock; `None`: the system's.
    pub clock: Option<WallClock>,
}

impl ReadOptions {
    /// Fails once the deadline has passed or the question was cancelled: a store asks this again and again while it looks for
    /// an answer. `attempt` says what could not be done, as in "read the activities".
    ///
    /// # Errors
    ///
    /// When nobody waits any more (`is_timeout`).
    pub fn check(&self, attempt: &str) -> Result<()> {
        match self.is_expired() {
            true => Err(timed_out(attempt)),
            false => Ok(()),
        }
    }

    /// True once the deadline has passed or the question was cancelled.
    pub fn is_expired(&self) -> bool {
        self.cancelled
            .as_ref()
            .is_some_and(Cancellation::is_cancelled)
            || self
                .deadline
                .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// True where a question may be over before it is answered.
    pub(crate) fn can_expire(&self) -> bool {
        self.deadline.is_some() || self.cancelled.is_some()
    }

    /// What the wall clock shows.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.as_ref().map_or_else(Utc::now, |clock| clock())
    }
}

/// The error of a question that nobody waits for any more.
pub(crate) fn timed_out(attempt: &str) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!(
            "query timed out: could not {attempt} before its deadline · narrow the time range or the filter"
        ),
    )
}

impl fmt::Debug for ReadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadOptions")
            .field("deadline", &self.deadline)
            .field("cancelled", &self.cancelled)
            .field("clock", &self.clock.as_ref().map(|clock| clock()))
            .finish()
    }
}

/// Stops reads that nobody waits for any more. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// Makes one that is not cancelled yet.
    pub fn new() -> Self {
        Cancellation::default()
    }

    /// Stops the questions that it was handed to, now and later.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
