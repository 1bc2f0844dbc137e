//! A log's settings.

use std::{path::Path, sync::Arc, time::Duration};

#[cfg(feature = "testing")]
use crate::pipeline::ManualClock;
use crate::{
    error::{Error, Result},
    log::ActivityLog,
    pipeline::{Config, Mode, Recordings},
    record::{Text, snake_case},
    redact::Redactor,
    store::{Limit, Store},
};

/// Settings of a log that is about to be opened.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tower_activity::ActivityLog;
///
/// # fn main() -> tower_activity::Result<()> {
/// let log = ActivityLog::builder()
///     .environment("production")
///     .memory_limit(16 << 20)
///     .flush_interval(Duration::from_millis(20))
///     .open(":memory:")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Builder {
    config: Config,
}

impl Builder {
    /// Sets the environment of activities and events that name none; `development` by default.
    pub fn environment(mut self, environment: impl Into<Text>) -> Self {
        self.config.environment = Some(environment.into());
        self
    }

    /// Sets the types that events may have; any by default. An event of another type is not recorded, and
    /// counted. Types have one spelling: `GithubPush` is `github_push`.
    pub fn event_types<T: Into<Text>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        let mut types: Vec<Text> = types
            .into_iter()
            .map(|one| snake_case(&one.into()))
            .collect();
        types.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        self.config.event_types = Some(types);
        self
    }

    /// Sets how many bytes the log may keep in memory; 64 MiB by default, at least 64 KiB. What does not
    /// fit is not recorded, and counted.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.config.memory_limit = bytes.max(64 << 10);
        self
    }

    /// Sets how long an ended activity may wait before it is committed; 50 ms by default.
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.config.flush_interval = interval;
        self
    }

    /// Sets what a call may wait for; nothing by default.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.config.mode = mode;
        self
    }

    /// Sets how long a call waits for room in the modes [`Wait`](Mode::Wait) and [`Durable`](Mode::Durable); 5
    /// seconds by default.
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.config.wait_timeout = timeout;
        self
    }

    /// Sets how long an answer waits for its commit in the mode [`Durable`](Mode::Durable); 5 seconds by default.
    pub fn durable_timeout(mut self, timeout: Duration) -> Self {
        self.config.durable_timeout = timeout;
        self
    }

    /// Sets how long the last handle waits for what is not yet committed; 5 seconds by default.
    pub fn drop_timeout(mut self, timeout: Duration) -> Self {
        self.config.drop_timeout = timeout;
        self
    }

    /// Sets what takes secrets out before anything is kept; the standard rules by default.
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.config.redactor = redactor;
        self
    }

    /// Sets what applies to recordings: when they are handed over, and how large one may be.
    pub fn recordings(mut self, recordings: Recordings) -> Self {
        self.config.recordings = recordings;
        self
    }

    /// Sets how long ended activities are kept in this store, with their previews: an age (a [`Duration`]), a number of
    /// bytes, or both (a [`Limit`]).
    ///
    /// The limit belongs to the store: it is written there when the log is opened, and every process that records there
    /// follows it until another one is set, here or with `activity retention`. Kinds that no builder names keep the limit
    /// that the store has; by default activities, events and previews are kept forever, sums for 30 days, recordings for
    /// 30 days and up to 10 GB.
    ///
    /// Records beyond the limit are deleted in small steps, the oldest first, whoever recorded them; what was counted stays
    /// counted. The newest activity always stays.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::{ActivityLog, store::Limit};
    ///
    /// let log = ActivityLog::builder()
    ///     .keep_activities(Limit::days(90))
    ///     .keep_previews(Limit::days(7).or_bytes(1_000_000_000))
    ///     .open(":memory:")?;
    /// # Ok::<_, tower_activity::Error>(())
    /// ```
    pub fn keep_activities(mut self, limit: impl Into<Limit>) -> Self {
        self.config.retention.activities = Some(limit.into());
        self
    }

    /// Sets how long events are kept in this store. The newest event always stays. See
    /// [`keep_activities`](Self::keep_activities).
    pub fn keep_events(mut self, limit: impl Into<Limit>) -> Self {
        self.config.retention.events = Some(limit.into());
        self
    }

    /// Sets how long previews are kept in this store when their activities stay. See
    /// [`keep_activities`](Self::keep_activities).
    pub fn keep_previews(mut self, limit: impl Into<Limit>) -> Self {
        self.config.retention.previews = Some(limit.into());
        self
    }

    /// Sets how long the sums are kept in this store that metrics are counted with. See
    /// [`keep_activities`](Self::keep_activities).
    pub fn keep_sums(mut self, limit: impl Into<Limit>) -> Self {
        self.config.retention.sums = Some(limit.into());
        self
    }

    /// Sets how long recordings are kept in this store, from their begin on. One that goes on is kept anyway. See
    /// [`keep_activities`](Self::keep_activities).
    pub fn keep_recordings(mut self, limit: impl Into<Limit>) -> Self {
        self.config.retention.recordings = Some(limit.into());
        self
    }

    /// Sets the clock that the log reads; the system's by default.
    #[cfg(feature = "testing")]
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.config.clock = Some(clock);
        self
    }

    /// Opens the log kept in this file, and makes it where there is none. `:memory:` keeps it in memory.
    ///
    /// # Errors
    ///
    /// When the file cannot be made or opened, is on a network file system, is not a log, or was written by a
    /// newer version; in the child of a fork whose parent has a log open; when the linked SQLite is older than 3.43 or has
    /// no FTS5, which the feature `bundled` rules out.
    #[cfg(feature = "sqlite")]
    pub fn open(self, path: impl AsRef<Path>) -> Result<ActivityLog> {
        let path = path.as_ref();
        if let Some((scheme, _)) = path.to_str().and_then(|path| path.split_once("://")) {
            return Err(Error::invalid(format!(
                "cannot open a log at a {scheme:?} address: only a path to a file, or \":memory:\", is supported"
            )));
        }
        self.open_store(Arc::new(crate::store::sqlite::SqliteStore::new(path)?))
    }

    /// Opens a log kept in a store of another kind.
    ///
    /// # Errors
    ///
    /// When the store's write side cannot be opened.
    pub fn open_store(self, store: Arc<dyn Store>) -> Result<ActivityLog> {
        ActivityLog::with_store(store, self.config)
    }
}
