//! Options of a reader: deadline, cancellation and clock.

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

/// The largest page: the most records that one query returns.
pub const LARGEST_PAGE: usize = 1000;

/// The most records that a reader scans for one answer; see [`ReadOptions::scan_limit`].
pub const LARGEST_SCAN: usize = 1_000_000;

/// A wall clock for a reader.
pub type WallClock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Options for the following queries of a reader. By default there is no deadline, and the clock is the system's.
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
    /// A query that is not answered by this instant fails ([`is_timeout`](Error::is_timeout)).
    pub deadline: Option<Instant>,
    /// Queries fail in the same way once this is cancelled.
    pub cancelled: Option<Cancellation>,
    /// The wall clock [default: the system's].
    pub clock: Option<WallClock>,
    /// The most records that a [`Reader`](crate::store::Reader) scans for sums that its store does not keep [default:
    /// [`LARGEST_SCAN`](crate::store::LARGEST_SCAN)].
    pub scan_limit: Option<usize>,
}

impl ReadOptions {
    /// Fails once the deadline has passed or the query was cancelled. A store calls this repeatedly during a query. `attempt`
    /// completes "could not …" in the message, for example "read the activities".
    ///
    /// # Errors
    ///
    /// If the query has expired (`is_timeout`).
    pub fn check(&self, attempt: &str) -> Result<()> {
        match self.is_expired() {
            true => Err(timed_out(attempt)),
            false => Ok(()),
        }
    }

    /// Returns true once the deadline has passed or the query was cancelled.
    pub fn is_expired(&self) -> bool {
        self.cancelled
            .as_ref()
            .is_some_and(Cancellation::is_cancelled)
            || self
                .deadline
                .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Returns true if there is a deadline or a cancellation.
    pub(crate) fn can_expire(&self) -> bool {
        self.deadline.is_some() || self.cancelled.is_some()
    }

    /// Returns the most records to scan.
    pub(crate) fn largest_scan(&self) -> usize {
        self.scan_limit.unwrap_or(LARGEST_SCAN)
    }

    /// Returns the time of the wall clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.as_ref().map_or_else(Utc::now, |clock| clock())
    }
}

/// Returns the error of an expired query.
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
            .field("scan_limit", &self.scan_limit)
            .finish()
    }
}

/// Cancels queries from another thread. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// Returns a cancellation that is not triggered yet.
    pub fn new() -> Self {
        Cancellation::default()
    }

    /// Cancels the current and all later queries of the readers that have it in their options.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns true once it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
