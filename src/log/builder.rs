//! The settings of a log.

use std::{path::Path, sync::Arc, time::Duration};

#[cfg(feature = "testing")]
use crate::pipeline::ManualClock;
use crate::{
    error::{Error, Result},
    log::ActivityLog,
    pipeline::{Config, Mode, RecordingOptions},
    record::{Text, snake_case},
    redact::Redactor,
    store::{Limit, Store},
};
#[cfg(feature = "sqlite")]
use crate::{forward::ForwardTarget, store::CentralStore};

/// A builder for a log with custom settings. Returned by
/// [`ActivityLog::builder`](crate::ActivityLog::builder).
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
    #[cfg(feature = "sqlite")]
    targets: Vec<Result<Arc<dyn CentralStore>, Arc<Error>>>,
    #[cfg(feature = "sqlite")]
    keep_forwarded: Option<Duration>,
}

impl Builder {
    /// Sets the default environment of activities and events; `development` by default.
    pub fn environment(mut self, environment: impl Into<Text>) -> Self {
        self.config.environment = Some(environment.into());
        self
    }

    /// Sets the list of allowed event types; any by default. Events of other types are rejected and counted. Types are
    /// normalized to snake case: `GithubPush` is `github_push`.
    pub fn event_types<T: Into<Text>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        let mut types: Vec<Text> = types
            .into_iter()
            .map(|one| snake_case(&one.into()))
            .collect();
        types.sort();
        self.config.event_types = Some(types);
        self
    }

    /// Sets the log's memory limit in bytes; 64 MiB by default, at least 64 KiB. Records that do not fit are rejected and
    /// counted.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.config.memory_limit = bytes.max(64 << 10);
        self
    }

    /// Sets the maximum delay between the end of an activity and its commit; 50 ms by default.
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.config.flush_interval = interval;
        self
    }

    /// Sets what a recorded call may wait for; nothing by default.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.config.mode = mode;
        self
    }

    /// Sets the timeout of a call that waits for memory in the modes [`Wait`](Mode::Wait) and [`Durable`](Mode::Durable); 5
    /// seconds by default.
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.config.wait_timeout = timeout;
        self
    }

    /// Sets the timeout of a response that waits for its commit in the mode [`Durable`](Mode::Durable); 5 seconds by default.
    pub fn durable_timeout(mut self, timeout: Duration) -> Self {
        self.config.durable_timeout = timeout;
        self
    }

    /// Sets the timeout of the flush when the last handle is dropped without a shutdown; 5 seconds by default.
    pub fn drop_timeout(mut self, timeout: Duration) -> Self {
        self.config.drop_timeout = timeout;
        self
    }

    /// Sets the redactor, which removes secrets before anything is stored; the standard rules by default.
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.config.redactor = redactor;
        self
    }

    /// Sets the options for recordings: flushing, timeouts and size.
    pub fn recordings(mut self, recordings: RecordingOptions) -> Self {
        self.config.recordings = recordings;
        self
    }

    /// Sets the retention of ended activities and their previews: an age (a [`Duration`]), a number of bytes, or both (a
    /// [`Limit`]).
    ///
    /// Retention belongs to the store: it is written there when the log is opened, and every process that records there
    /// follows it until it is changed, here or with `activity retention`. Kinds that the builder does not set keep the
    /// store's limit. By default activities, events and previews are kept forever, sums for 30 days, recordings for 30 days
    /// and up to 10 GB.
    ///
    /// Records beyond the limit are deleted in small steps, oldest first, whichever process recorded them; sums are not
    /// changed. The newest activity is never deleted.
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

    /// Sets the retention of events. The newest event is never deleted. See [`keep_activities`](Self::keep_activities).
    pub fn keep_events(mut self, limit: impl Into<Limit>) -> Self {
        self.config.retention.events = Some(limit.into());
        self
    }

    /// Sets the retention of previews whose activities stay. See [`keep_activities`](Self::keep_activities).
    pub fn keep_previews(mut self, limit: impl Into<Limit>) -> Self {
        self.config.retention.previews = Some(limit.into());
        self
    }

    /// Sets the retention of sums, from which metrics are computed. See [`keep_activities`](Self::keep_activities).
    pub fn keep_sums(mut self, limit: impl Into<Limit>) -> Self {
        self.config.retention.sums = Some(limit.into());
        self
    }

    /// Sets the retention of recordings, counted from their start. A recording in progress is not deleted. See
    /// [`keep_activities`](Self::keep_activities).
    pub fn keep_recordings(mut self, limit: impl Into<Limit>) -> Self {
        self.config.retention.recordings = Some(limit.into());
        self
    }

    /// Forwards the log to a central store: an address such as `postgres://user@host/database` (feature `postgres`), or any
    /// [`CentralStore`](crate::store::CentralStore). Can be called several times.
    ///
    /// A thread follows the file, and copies what is committed. Calls never wait for it, and the log opens, records and can be
    /// read while the store is away: it is forwarded once the store is back. Retention by age deletes nothing that was not
    /// forwarded, also while the store was never reached: [`Forwarder::forget`](crate::forward::Forwarder::forget) gives up a mistyped
    /// address. [`forward`](crate::forward) has the details.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use tower_activity::ActivityLog;
    ///
    /// let log = ActivityLog::builder()
    ///     .forward_to("postgres://activity@db/ops")
    ///     .open("activity.db")?;
    /// # Ok::<_, tower_activity::Error>(())
    /// ```
    #[cfg(feature = "sqlite")]
    pub fn forward_to(mut self, target: impl ForwardTarget) -> Self {
        self.targets.push(target.into_store().map_err(Arc::new));
        self
    }

    /// Deletes activities, events and recordings from the file once they are older and every target has them; by default
    /// forwarding deletes nothing. Like retention, this is kept in the file until it is changed.
    #[cfg(feature = "sqlite")]
    pub fn keep_forwarded(mut self, age: Duration) -> Self {
        self.keep_forwarded = Some(age);
        self
    }

    /// Sets the log's clock; the system's by default.
    #[cfg(feature = "testing")]
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.config.clock = Some(clock);
        self
    }

    /// Opens the log in this file, and creates the file if there is none. `:memory:` is a log in memory.
    ///
    /// # Errors
    ///
    /// If the file cannot be created or opened, is on a network file system, is not a log, or was written by a newer
    /// version; in the child of a fork whose parent has a log open; if the linked SQLite is older than 3.43 or lacks FTS5,
    /// which the feature `bundled` rules out; if the address of a target is malformed. A target that is away is no error.
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

    /// Opens a log in a store of another type.
    ///
    /// # Errors
    ///
    /// If the store cannot be opened for writing, or is to be forwarded and has no file.
    pub fn open_store(self, store: Arc<dyn Store>) -> Result<ActivityLog> {
        #[cfg(feature = "sqlite")]
        return ActivityLog::with_store(
            store,
            self.config,
            &targets(self.targets)?,
            self.keep_forwarded,
        );
        #[cfg(not(feature = "sqlite"))]
        ActivityLog::with_store(store, self.config)
    }
}

#[cfg(feature = "sqlite")]
fn targets(
    targets: Vec<Result<Arc<dyn CentralStore>, Arc<Error>>>,
) -> Result<Vec<Arc<dyn CentralStore>>> {
    let opened = |target: Result<_, Arc<Error>>| {
        target.map_err(|error| Error::new(error.kind(), error.to_string()))
    };
    targets.into_iter().map(opened).collect()
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use crate::{log::ActivityLog, redact::Redactor};

    #[test]
    fn no_call_waits_until_the_redactor_is_built() {
        let redactor = Redactor::default().key("badge");
        assert!(!redactor.is_prepared());
        let builder = ActivityLog::builder().redactor(redactor.clone());
        let _log = builder.open(":memory:").unwrap();
        assert!(redactor.is_prepared());
    }
}
