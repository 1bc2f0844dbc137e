//! The handle that applications hold: it opens a store, owns the pipeline, and gives everything else.

mod builder;
#[cfg(feature = "rmcp")]
mod kept;

use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    path::Path,
    sync::Arc,
    task::{Context, Poll},
};

pub use builder::Builder;
use chrono::DateTime;

use crate::{
    error::{Error, Result},
    pipeline::{Admission, DEFAULT_TIMEOUT, Flush, Pipeline, Shutdown},
    store::{Accounting, Store, WallClock},
};

/// A log of activities: the handle that applications hold. Cloning it is cheap.
///
/// It opens a store and starts one writer thread; both end with the last handle, or with
/// [`shutdown`](Self::shutdown). Opening is synchronous and needs no runtime.
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityLog, Describe, Outcome};
///
/// # fn main() -> tower_activity::Result<()> {
/// let log = ActivityLog::open(":memory:")?;
/// let import = log.start(Describe::job("import").project("acme"));
/// import.set("rows", 42);
/// import.end(Outcome::success());
/// log.shutdown().wait()?;
/// # Ok(())
/// # }
/// ```
///
/// # Loss
///
/// A call never waits for the log, unless its [`Mode`](crate::Mode) says so. What does not fit into its memory is
/// not recorded; a killed process loses what it had not committed, 50 ms by default. Both are counted: see
/// [`accounting`](Self::accounting).
#[derive(Clone)]
pub struct ActivityLog {
    inner: Option<Arc<Inner>>,
}

struct Inner {
    pipeline: Pipeline,
    store: Arc<dyn Store>,
    #[cfg(feature = "rmcp")]
    kept: kept::Kept,
}

impl ActivityLog {
    /// Opens the log kept in this file, and makes it where there is none. `:memory:` keeps it in memory.
    ///
    /// # Errors
    ///
    /// When the file cannot be made or opened, is on a network file system, is not a log, or was written by a
    /// newer version; in the child of a fork whose parent has a log open.
    #[cfg(feature = "sqlite")]
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        ActivityLog::builder().open(path)
    }

    /// Starts a log with settings of its own.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A log that records nothing, at no cost: every activity it starts is inert.
    pub fn disabled() -> Self {
        ActivityLog { inner: None }
    }

    /// Commits everything that has ended by now: await it, or [`wait`](Flush::wait).
    pub fn flush(&self) -> Flush {
        match &self.inner {
            Some(inner) => inner.pipeline.flush(DEFAULT_TIMEOUT),
            None => Flush::nothing(),
        }
    }

    /// Admits nothing more, commits what has ended and closes the store: await it, or
    /// [`wait`](Shutdown::wait). Activities that are still open are written as abandoned.
    pub fn shutdown(&self) -> Shutdown {
        match &self.inner {
            Some(inner) => inner.pipeline.shutdown(DEFAULT_TIMEOUT),
            None => Shutdown::nothing(),
        }
    }

    /// Copies the log into a new file, complete and verified, while it records. Returns the copy's size in bytes.
    ///
    /// It holds what was committed when it began: [`flush`](Self::flush) before it, to have all that has ended until
    /// then. This blocks: in async code call it on a thread where that is allowed.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::{ActivityLog, Describe, Outcome};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let log = ActivityLog::open(folder.path().join("activity.db"))?;
    /// log.start(Describe::job("import")).end(Outcome::success());
    /// log.flush().wait()?;
    /// log.backup(folder.path().join("monday.db"))?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When a file of this name exists or cannot be written, and when the log cannot be read; for a disabled log. Then
    /// nothing is left under that name.
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<u64> {
        match self.store() {
            Some(store) => store.backup(to.as_ref(), &mut |_| ()),
            None => Err(Error::invalid("cannot write a backup: the log is disabled")),
        }
    }

    /// Where every activity of this log went, up to now.
    pub fn accounting(&self) -> Accounting {
        self.pipeline()
            .map(Pipeline::accounting)
            .unwrap_or_default()
    }

    pub(crate) fn pipeline(&self) -> Option<&Pipeline> {
        self.inner.as_ref().map(|inner| &inner.pipeline)
    }

    /// The wall clock that it dates records by; `None` for a disabled log.
    pub(crate) fn wall_clock(&self) -> Option<WallClock> {
        let shared = self.pipeline()?.shared().clone();
        Some(Arc::new(move || {
            DateTime::from_timestamp_micros(shared.clock.stamp().wall_us).unwrap_or_default()
        }))
    }

    /// Waits until there is room for one more activity, where the mode says so.
    #[inline]
    pub(crate) fn poll_admission(
        &self,
        admission: &mut Admission,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        match self.pipeline() {
            Some(pipeline) => admission.poll(pipeline, cx),
            None => Poll::Ready(()),
        }
    }

    /// What a folder above keeps with the log, one value of each type: all handles of a log share it.
    #[cfg(feature = "rmcp")]
    pub(crate) fn kept<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        match &self.inner {
            Some(inner) => inner.kept.get(),
            None => Arc::default(),
        }
    }

    /// Where it is kept; `None` for a disabled log.
    pub fn store(&self) -> Option<&Arc<dyn Store>> {
        self.inner.as_ref().map(|inner| &inner.store)
    }

    fn with_store(store: Arc<dyn Store>, config: crate::pipeline::Config) -> Result<Self> {
        let pipeline = Pipeline::start(&store, config)?;
        Ok(ActivityLog {
            inner: Some(Arc::new(Inner {
                pipeline,
                store,
                #[cfg(feature = "rmcp")]
                kept: kept::Kept::default(),
            })),
        })
    }
}

// Nothing that unwinds can leave a log half-changed: what calls touch changes in steps that do not panic.
impl UnwindSafe for ActivityLog {}
impl RefUnwindSafe for ActivityLog {}

impl fmt::Debug for ActivityLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner {
            Some(inner) => f
                .debug_struct("ActivityLog")
                .field("store", &inner.store)
                .finish_non_exhaustive(),
            None => f.write_str("ActivityLog(disabled)"),
        }
    }
}

impl Drop for Inner {
    /// The last handle commits what waits, up to a deadline, so that a forgotten shutdown loses nothing.
    fn drop(&mut self) {
        // The child of a fork has nothing to commit: what it has a copy of is its parent's.
        if self.pipeline.is_closed() || self.pipeline.shared().is_other_process() {
            return;
        }
        let timeout = self.pipeline.shared().config.drop_timeout;
        let result = self.pipeline.shutdown(timeout).wait();
        let counts = self.pipeline.accounting();
        let waiting = counts.kinds().map(|of| of.waiting);
        let lost = counts.kinds().map(|of| of.lost());
        match result {
            Ok(_) => tracing::warn!(
                target: "tower_activity::log",
                committed = counts.activities.committed, abandoned = counts.activities.open,
                "the log was dropped without a shutdown, what had ended is committed"
            ),
            Err(error) if self.pipeline.shared().is_writer() => tracing::warn!(
                target: "tower_activity::log", %error, waiting = waiting.activities, waiting_events = waiting.events,
                waiting_steps = waiting.recordings,
                "the log was dropped without a shutdown"
            ),
            Err(error) => tracing::error!(
                target: "tower_activity::log", %error, waiting = waiting.activities, waiting_events = waiting.events,
                waiting_steps = waiting.recordings, lost = lost.activities, lost_events = lost.events,
                lost_steps = lost.recordings,
                "the log was dropped without a shutdown, not all that had ended is committed"
            ),
        }
    }
}
