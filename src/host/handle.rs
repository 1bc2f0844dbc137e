//! The handle of a host: its name, its markers and its lock.

use std::{
    collections::HashMap,
    fmt,
    fs::{File, TryLockError},
    pin::Pin,
    slice,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    task::JoinHandle,
    time,
};

use crate::{
    activity::InActivity,
    error::{Error, ErrorKind, Result},
    host::{ActivitySource, HostActivity, Markers, ShellActivity, blocking::blocking},
    log::ActivityLog,
    record::{Status, Text},
};

/// Timeout for acquiring the lock of a host, held by a watcher that is stopping it. A stop takes seconds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// Interval between attempts to lock the lock file.
const LOCK_POLL: Duration = Duration::from_millis(10);

/// A handle of a host: its name, and access to its markers. Cloning is cheap; clones refer to the same host.
///
/// Created by a [`HostProvider`](crate::host::HostProvider).
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    name: Text,
    id: Text,
    access: Access,
    is_up: Option<StatusCheck>,
    /// Number of live [`BusyGuard`]s.
    busy: AtomicUsize,
    mark_failures: AtomicU64,
}

/// Checks whether the host is up.
type StatusCheck =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<bool>> + Send>> + Send + Sync>;

/// How its markers are accessed.
#[derive(Debug, Clone)]
enum Access {
    Directory(HostActivity),
    Shell {
        activity: ShellActivity,
        lock: Arc<Mutex<()>>,
    },
}

impl Host {
    /// Creates a handle of a host whose directory is accessible through the file system.
    pub fn in_directory(name: impl Into<Text>, activity: HostActivity) -> Self {
        let name = name.into();
        Host::new(name.clone(), name, Access::Directory(activity), None)
    }

    /// Creates a handle of a host that runs scripts. `id` is the provider's id of the host, or its name.
    ///
    /// A start and a watcher's stop exclude each other only if both use this handle or its clones.
    pub fn over_shell(name: impl Into<Text>, id: impl Into<Text>, activity: ShellActivity) -> Self {
        Host::with_lock(Arc::default(), name, id, activity)
    }

    /// As [`over_shell`](Self::over_shell), with a lock shared by several handles of the host.
    pub(super) fn with_lock(
        lock: Arc<Mutex<()>>,
        name: impl Into<Text>,
        id: impl Into<Text>,
        activity: ShellActivity,
    ) -> Self {
        let access = Access::Shell { activity, lock };
        Host::new(name.into(), id.into(), access, None)
    }

    /// Sets the check that [`is_up`](Self::is_up) runs.
    ///
    /// Called once, by the provider that creates the handle: the result is a new handle, which clones made before do
    /// not share.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::host::{Host, HostActivity};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> tower_activity::Result<()> {
    /// let host = Host::in_directory("web", HostActivity::new("/srv/hosts/web"));
    /// assert_eq!(host.is_up().await?, None);
    /// let host = host.up_when(async || Ok(true));
    /// assert_eq!(host.is_up().await?, Some(true));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn up_when<F, Fut>(self, is_up: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<bool>> + Send + 'static,
    {
        let Inner {
            name, id, access, ..
        } = &*self.inner;
        let is_up: StatusCheck = Box::new(move || Box::pin(is_up()));
        Host::new(name.clone(), id.clone(), access.clone(), Some(is_up))
    }

    fn new(name: Text, id: Text, access: Access, is_up: Option<StatusCheck>) -> Self {
        Host {
            inner: Arc::new(Inner {
                name,
                id,
                access,
                is_up,
                busy: AtomicUsize::new(0),
                mark_failures: AtomicU64::new(0),
            }),
        }
    }

    /// Returns the provider's id of the host, or its name if there is none.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// Returns the name of the host.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Writes the marker of `source` with the current time.
    ///
    /// # Errors
    ///
    /// If the marker could not be written; it is then unchanged.
    ///
    /// # Cancel safety
    ///
    /// The marker is either written completely or unchanged.
    pub async fn record(&self, source: ActivitySource) -> Result<()> {
        self.record_at(source, Utc::now()).await
    }

    /// Reads all markers.
    ///
    /// # Errors
    ///
    /// If they could not be read.
    pub async fn markers(&self) -> Result<Markers> {
        match &self.inner.access {
            Access::Directory(activity) => {
                let activity = activity.clone();
                blocking(move || activity.markers()).await
            }
            Access::Shell { activity, .. } => activity.markers().await,
        }
    }

    /// Returns whether the host is up; `None` if its provider has no check for it.
    ///
    /// # Errors
    ///
    /// If the check failed.
    pub async fn is_up(&self) -> Result<Option<bool>> {
        match &self.inner.is_up {
            Some(is_up) => is_up().await.map(Some),
            None => Ok(None),
        }
    }

    /// Marks the host as busy for the watchers of this process until the guard is dropped.
    ///
    /// Guards are counted: the host stays busy until the last one is dropped, so that the end of a child's work does not
    /// end its parent's.
    pub fn busy(&self) -> BusyGuard {
        self.inner.busy.fetch_add(1, Relaxed);
        BusyGuard(self.clone())
    }

    /// Returns the number of markers that could not be written after a create or a start, since this handle was
    /// created. Each is also recorded as an event `host_mark_failed`.
    pub fn mark_failures(&self) -> u64 {
        self.inner.mark_failures.load(Relaxed)
    }

    pub(super) async fn record_at(&self, source: ActivitySource, at: DateTime<Utc>) -> Result<()> {
        match &self.inner.access {
            Access::Directory(activity) => {
                let activity = activity.clone();
                blocking(move || activity.record_at(source, at)).await
            }
            // The remote clock sets the time; `at` is ignored.
            Access::Shell { activity, .. } => activity.record(source).await,
        }
    }

    /// Writes several markers, with one remote command if the host is accessed through a shell. Returns the markers
    /// that could not be written, and the error.
    async fn record_all<'a>(
        &self,
        sources: &'a [ActivitySource],
    ) -> Vec<(&'a [ActivitySource], Error)> {
        let mut failed = Vec::new();
        match &self.inner.access {
            Access::Directory(_) => {
                for source in sources {
                    if let Err(error) = self.record(*source).await {
                        failed.push((slice::from_ref(source), error));
                    }
                }
            }
            Access::Shell { activity, .. } => {
                let recorded = activity.record_all(sources).await;
                failed.extend(recorded.err().map(|error| (sources, error)));
            }
        }
        failed
    }

    pub(super) fn is_busy(&self) -> bool {
        self.inner.busy.load(Relaxed) > 0
    }

    /// Writes the markers of a create or a start in a task of its own, so that a cancelled caller does not interrupt it.
    /// A failure does not fail the operation: it is counted and recorded as an event. Holds `lock` until the end.
    pub(super) fn mark(
        &self,
        log: &ActivityLog,
        sources: &'static [ActivitySource],
        lock: HostLock,
    ) -> JoinHandle<()> {
        let (host, log) = (self.clone(), log.clone());
        let marking = async move {
            for (sources, error) in host.record_all(sources).await {
                for source in sources {
                    host.report_mark_failure(&log, *source, &error);
                }
            }
            drop(lock);
        };
        tokio::spawn(marking.in_current())
    }

    fn report_mark_failure(&self, log: &ActivityLog, source: ActivitySource, error: &Error) {
        self.inner.mark_failures.fetch_add(1, Relaxed);
        let name = self.name();
        let why = format!("{error:#}");
        tracing::warn!(target: "tower_activity::host", host = name, %source, why, "cannot write a host's marker");
        log.event("host_mark_failed")
            .status(Status::Failed)
            .reference(self.inner.name.clone())
            .summary(format!("cannot write the marker {source} of {name}: {why}"))
            .record();
    }

    /// Acquires the lock that makes a start and a watcher's stop exclude each other.
    ///
    /// # Errors
    ///
    /// If another start or stop holds it for longer than [`LOCK_TIMEOUT`].
    pub(super) async fn lock(&self) -> Result<HostLock> {
        let locked = async {
            match &self.inner.access {
                Access::Directory(activity) => self.lock_file(activity).await,
                Access::Shell { lock, .. } => HostLock::Mutex(lock.clone().lock_owned().await),
            }
        };
        time::timeout(LOCK_TIMEOUT, locked).await.map_err(|_| {
            let name = self.name();
            let s = LOCK_TIMEOUT.as_secs();
            Error::new(
                ErrorKind::Busy,
                format!(
                    "cannot lock the host {name:?}: another start or stop has held the lock for {s} s"
                ),
            )
        })
    }

    /// Locks the lock file in the host's directory. If that fails, it fails for every other process too, so the host
    /// continues without a lock.
    async fn lock_file(&self, activity: &HostActivity) -> HostLock {
        let unlocked = |error: &dyn fmt::Display| {
            tracing::warn!(target: "tower_activity::host", host = self.name(), %error, "cannot lock a host");
            HostLock::None
        };
        let activity = activity.clone();
        let file = match blocking(move || activity.lock_file()).await {
            Ok(file) => file,
            Err(error) => return unlocked(&error),
        };
        loop {
            match file.try_lock() {
                Ok(()) => return HostLock::File(file),
                Err(TryLockError::WouldBlock) => time::sleep(LOCK_POLL).await,
                Err(TryLockError::Error(error)) => return unlocked(&error),
            }
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("name", &self.inner.name)
            .field("access", &self.inner.access)
            .finish_non_exhaustive()
    }
}

/// Keeps a host busy until it is dropped. Created by [`Host::busy`].
#[derive(Debug)]
#[must_use = "the host is busy until this is dropped"]
pub struct BusyGuard(Host);

impl Drop for BusyGuard {
    fn drop(&mut self) {
        self.0.inner.busy.fetch_sub(1, Relaxed);
    }
}

/// The held lock of a host: a start and a watcher's stop exclude each other. Released on drop.
#[derive(Debug)]
#[expect(dead_code, reason = "the fields are held until they are dropped")]
pub(super) enum HostLock {
    File(File),
    Mutex(OwnedMutexGuard<()>),
    None,
}

/// The locks of a provider's hosts by name, shared by all handles of a host.
#[derive(Debug, Clone, Default)]
pub(super) struct HostLocks(Arc<parking_lot::Mutex<HashMap<String, Arc<Mutex<()>>>>>);

impl HostLocks {
    pub(super) fn get(&self, name: &str) -> Arc<Mutex<()>> {
        self.0.lock().entry(name.to_owned()).or_default().clone()
    }
}
