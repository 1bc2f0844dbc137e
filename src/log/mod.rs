//! The log: [`ActivityLog`] is the handle that an application opens once, clones, and shuts down at its end.
//!
//! [`ActivityLog::open`] is enough for most programs. [`ActivityLog::builder`] returns a [`Builder`] for everything else:
//!
//! | to set | see |
//! |---|---|
//! | what a call may wait for: nothing, memory, or its commit | [`Mode`] |
//! | memory, flush interval, timeouts | [`Builder`] |
//! | retention: how long each kind of record is kept | [`Builder::keep_activities`] and the methods after it |
//! | what counts as a secret | [`Builder::redactor`] |
//! | a central store that the log is forwarded to | `Builder::forward_to` |
//! | size and flushing of recordings | [`RecordingOptions`], [`FlushMode`] |
//!
//! [`ActivityLog::flush`] and [`ActivityLog::shutdown`] return [`Flush`] and [`Shutdown`]: await them, or call `wait` where
//! there is no runtime.
//!
//! ```
//! use std::time::Duration;
//! use tower_activity::{ActivityLog, Describe, Mode, Outcome};
//!
//! # fn main() -> tower_activity::Result<()> {
//! let log = ActivityLog::builder()
//!     .environment("production")
//!     .mode(Mode::Durable)
//!     .open(":memory:")?;
//! log.start(Describe::job("import")).end(Outcome::success());
//!
//! let accounting = log.shutdown().timeout(Duration::from_secs(10)).wait()?;
//! assert_eq!(accounting.activities.committed, 1);
//! # Ok(())
//! # }
//! ```

mod builder;
#[cfg(any(feature = "http", feature = "rmcp", feature = "mcp"))]
mod extensions;

use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    path::Path,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

pub use builder::Builder;
use chrono::DateTime;

pub use crate::pipeline::{Flush, FlushMode, Mode, RecordingOptions, Shutdown};
use crate::{
    error::{Error, Result},
    pipeline::{Admission, DEFAULT_TIMEOUT, Pipeline},
    store::{Accounting, Store, WallClock},
};
#[cfg(feature = "sqlite")]
use crate::{
    forward::{Forwarder, Forwarding},
    store::CentralStore,
};

/// A handle of an open log. Clones are cheap and share the log.
///
/// Opening a log opens its store and starts one writer thread; both end with [`shutdown`](Self::shutdown), or with the last
/// handle. Opening is synchronous and needs no runtime.
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
/// A call never waits for the log, unless the log's [`Mode`] says so. Records that do not fit into the memory
/// limit are rejected; a killed process loses the records of the last flush interval, 50 ms by default. Both are counted:
/// see [`accounting`](Self::accounting).
#[derive(Clone)]
pub struct ActivityLog {
    inner: Option<Arc<Inner>>,
}

struct Inner {
    pipeline: Pipeline,
    #[cfg(feature = "sqlite")]
    forwarding: Arc<[Forwarding]>,
    store: Arc<dyn Store>,
    #[cfg(any(feature = "http", feature = "rmcp", feature = "mcp"))]
    extensions: extensions::Extensions,
}

impl ActivityLog {
    /// Opens the log in this file, and creates the file if there is none. `:memory:` is a log in memory.
    ///
    /// # Errors
    ///
    /// If the file cannot be created or opened, is on a network file system, is not a log, or was written by a newer
    /// version; in the child of a fork whose parent has a log open.
    #[cfg(feature = "sqlite")]
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        ActivityLog::builder().open(path)
    }

    /// Opens the log that the environment variable `ACTIVITY_STORE` names, or `activity.db` in the working directory: the
    /// same one that the command `activity` reads by default.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    #[cfg(feature = "sqlite")]
    pub fn from_env() -> Result<Self> {
        let path = std::env::var_os("ACTIVITY_STORE").filter(|path| !path.is_empty());
        ActivityLog::open(path.unwrap_or_else(|| "activity.db".into()))
    }

    /// Returns a builder, to change settings before the log is opened.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Returns a log that records nothing, at no cost: every activity it starts is inert.
    pub fn disabled() -> Self {
        ActivityLog { inner: None }
    }

    /// Commits everything that has ended by now: await it, or call [`wait`](Flush::wait).
    pub fn flush(&self) -> Flush {
        match &self.inner {
            Some(inner) => inner.pipeline.flush(DEFAULT_TIMEOUT),
            None => Flush::nothing(),
        }
    }

    /// Rejects new records, commits everything that has ended, and closes the store: await it, or call
    /// [`wait`](Shutdown::wait). Activities that are still running are recorded as `abandoned`.
    pub fn shutdown(&self) -> Shutdown {
        match &self.inner {
            Some(inner) => inner.shutdown(DEFAULT_TIMEOUT),
            None => Shutdown::nothing(),
        }
    }

    /// Copies the log into a new file and verifies the copy, while the log records. Returns the copy's size in bytes.
    ///
    /// The copy contains everything that was committed when it started: [`flush`](Self::flush) first, to include everything
    /// that has ended. This blocks: in async code, call it with `spawn_blocking`.
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
    /// If a file of this name exists or cannot be written, the log cannot be read, or it is disabled. After an error no file
    /// of this name is left.
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<u64> {
        match self.store() {
            Some(store) => store.backup(to.as_ref(), &mut |_| ()),
            None => Err(Error::invalid("cannot write a backup: the log is disabled")),
        }
    }

    /// Returns the accounting of this handle's log: how many records were committed, rejected or lost, by reason.
    pub fn accounting(&self) -> Accounting {
        self.pipeline()
            .map(Pipeline::accounting)
            .unwrap_or_default()
    }

    pub(crate) fn pipeline(&self) -> Option<&Pipeline> {
        self.inner.as_ref().map(|inner| &inner.pipeline)
    }

    /// Returns the wall clock of its records; `None` for a disabled log.
    pub(crate) fn wall_clock(&self) -> Option<WallClock> {
        let shared = self.pipeline()?.shared().clone();
        Some(Arc::new(move || {
            DateTime::from_timestamp_micros(shared.clock.stamp().wall_us).unwrap_or_default()
        }))
    }

    /// Waits until memory is available for one more activity, if the mode says so.
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

    /// Returns the extension of this type, shared by all handles of the log. Modules above keep their state in it.
    #[cfg(any(feature = "http", feature = "rmcp", feature = "mcp"))]
    pub(crate) fn extension<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        match &self.inner {
            Some(inner) => inner.extensions.get(),
            None => Arc::default(),
        }
    }

    /// Returns the store; `None` for a disabled log.
    pub fn store(&self) -> Option<&Arc<dyn Store>> {
        self.inner.as_ref().map(|inner| &inner.store)
    }

    fn with_store(
        store: Arc<dyn Store>,
        config: crate::pipeline::Config,
        #[cfg(feature = "sqlite")] targets: &[Arc<dyn CentralStore>],
        #[cfg(feature = "sqlite")] keep_forwarded: Option<Duration>,
    ) -> Result<Self> {
        config.redactor.prepare();
        #[cfg(feature = "sqlite")]
        let file = match store.file() {
            None if !targets.is_empty() => {
                return Err(Error::invalid(format!(
                    "cannot forward {store:?}: only a log in a file can be forwarded"
                )));
            }
            file => file.unwrap_or(Path::new("")),
        };
        let pipeline = Pipeline::start(&store, config)?;
        #[cfg(feature = "sqlite")]
        let forwarding = targets
            .iter()
            .map(|target| {
                let forwarder = Forwarder::open(file, target.clone())?;
                match keep_forwarded {
                    Some(age) => forwarder.keep_forwarded(age),
                    None => forwarder,
                }
                .follow()
            })
            .collect::<Result<_>>()?;
        Ok(ActivityLog {
            inner: Some(Arc::new(Inner {
                pipeline,
                #[cfg(feature = "sqlite")]
                forwarding,
                store,
                #[cfg(any(feature = "http", feature = "rmcp", feature = "mcp"))]
                extensions: extensions::Extensions::default(),
            })),
        })
    }
}

// A panic cannot leave a log half-changed: its shared state changes in steps that do not panic.
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

impl Inner {
    fn shutdown(&self, timeout: Duration) -> Shutdown {
        let shutdown = self.pipeline.shutdown(timeout);
        #[cfg(feature = "sqlite")]
        let shutdown = shutdown.forwarding(self.forwarding.clone());
        shutdown
    }
}

impl Drop for Inner {
    /// The last handle commits what is pending, with a timeout, so that a forgotten shutdown loses nothing.
    fn drop(&mut self) {
        // The child of a fork has nothing to commit: its copy belongs to the parent.
        if self.pipeline.is_closed() || self.pipeline.shared().is_other_process() {
            return;
        }
        let timeout = self.pipeline.shared().config.drop_timeout;
        let result = self.shutdown(timeout).wait();
        let counts = self.pipeline.accounting();
        let waiting = counts.kinds().map(|of| of.waiting);
        let lost = counts.kinds().map(|of| of.lost());
        match result {
            Ok(_) => tracing::warn!(
                target: "tower_activity::log",
                committed = counts.activities.committed, abandoned = counts.activities.open,
                "the log was dropped without a shutdown; everything that had ended is committed"
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
                "the log was dropped without a shutdown; not everything that had ended is committed"
            ),
        }
    }
}
