//! The handle of one host: its name, and its markers wherever they are.

use std::{
    fmt,
    fs::{File, TryLockError},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::{task, time};

use crate::{
    error::{Error, ErrorKind, Result},
    host::{ActivitySource, HostActivity, Markers, failure::told},
    log::ActivityLog,
    record::{Status, Text},
};

/// How long a start waits for a watcher that is just stopping the host. Stopping one takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it looks whether the watcher is done.
const LOOK: Duration = Duration::from_millis(10);

/// A host: its name, and its markers wherever they are. Cloning it is cheap; clones are the same host.
///
/// Providers make it, see [`HostProvider`](crate::host::HostProvider).
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    name: Text,
    activity: HostActivity,
    busy: AtomicUsize,
    unmarked: AtomicU64,
}

impl Host {
    /// A host whose directory can be reached as files.
    pub fn in_directory(name: impl Into<Text>, activity: HostActivity) -> Self {
        Host {
            inner: Arc::new(Inner {
                name: name.into(),
                activity,
                busy: AtomicUsize::new(0),
                unmarked: AtomicU64::new(0),
            }),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Says that this source was active just now.
    ///
    /// # Errors
    ///
    /// When the marker could not be written; it is then as it was.
    ///
    /// # Cancel safety
    ///
    /// The marker is written or not, never half.
    pub async fn record(&self, source: ActivitySource) -> Result<()> {
        self.record_at(source, Utc::now()).await
    }

    /// All of its markers.
    ///
    /// # Errors
    ///
    /// When they could not be read.
    pub async fn markers(&self) -> Result<Markers> {
        self.blocking(HostActivity::markers).await
    }

    /// Keeps watchers of this process from finding it idle until what this returns is dropped. Counted: the end of
    /// a child's work does not end its parent's.
    pub fn busy(&self) -> Busy {
        self.inner.busy.fetch_add(1, Relaxed);
        Busy(self.clone())
    }

    /// How many markers could not be written after a create or a start, since this handle was made. Each is an event
    /// `host_mark_failed` too.
    pub fn unmarked(&self) -> u64 {
        self.inner.unmarked.load(Relaxed)
    }

    pub(super) async fn record_at(&self, source: ActivitySource, at: DateTime<Utc>) -> Result<()> {
        self.blocking(move |activity| activity.record_at(source, at))
            .await
    }

    pub(super) fn is_busy(&self) -> bool {
        self.inner.busy.load(Relaxed) > 0
    }

    /// Records what a create or a start is known by. That it cannot be written does not fail the host; it is counted,
    /// and told.
    pub(super) async fn mark(&self, log: &ActivityLog, sources: &[ActivitySource]) {
        for source in sources {
            let Err(error) = self.record(*source).await else {
                continue;
            };
            self.inner.unmarked.fetch_add(1, Relaxed);
            let name = self.name();
            let why = told(&error);
            tracing::warn!(target: "tower_activity::host", host = name, %source, why, "a host went unmarked");
            log.event("host_mark_failed")
                .status(Status::Failed)
                .reference(self.inner.name.clone())
                .summary(format!("could not mark {name} with {source}: {why}"))
                .record();
        }
    }

    /// Takes what a start and a watcher's stop exclude each other with, and waits where the other has it.
    ///
    /// Where nothing can be locked, nobody else can lock it either: then the host goes on without.
    pub(super) async fn gate(&self) -> Result<Gate> {
        let deadline = time::Instant::now() + PATIENCE;
        let tried = self.blocking(HostActivity::lock_file).await;
        let without = |error: &dyn fmt::Display| {
            tracing::warn!(target: "tower_activity::host", host = self.name(), %error, "a host cannot be locked");
            Ok(Gate { _file: None })
        };
        let file = match tried {
            Ok(file) => file,
            Err(error) => return without(&error),
        };
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Gate { _file: Some(file) }),
                Err(TryLockError::Error(error)) => return without(&error),
                Err(TryLockError::WouldBlock) if time::Instant::now() < deadline => {
                    time::sleep(LOOK).await;
                }
                Err(TryLockError::WouldBlock) => {
                    let name = self.name();
                    let s = PATIENCE.as_secs();
                    return Err(Error::new(
                        ErrorKind::Busy,
                        format!(
                            "cannot lock the host {name:?}: another start or stop of it has taken {s} s"
                        ),
                    ));
                }
            }
        }
    }

    /// Does file operations where blocking is acceptable.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&HostActivity) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let activity = self.inner.activity.clone();
        let done = task::spawn_blocking(move || work(&activity)).await;
        done.unwrap_or_else(|cause| {
            let said = format!("could not look after the markers of {:?}", self.name());
            Err(Error::new(ErrorKind::Panicked, said).with_source(cause))
        })
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("name", &self.inner.name)
            .field("activity", &self.inner.activity)
            .finish_non_exhaustive()
    }
}

/// Keeps a host from being found idle, until it is dropped. Made by [`Host::busy`].
#[derive(Debug)]
#[must_use = "the host is busy until this is dropped"]
pub struct Busy(Host);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.inner.busy.fetch_sub(1, Relaxed);
    }
}

/// What a start and a watcher's stop exclude each other with, while it is held.
#[derive(Debug)]
pub(super) struct Gate {
    _file: Option<File>,
}
