//! The handle of one host: its name, and its markers wherever they are.

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
    id: Text,
    place: Place,
    is_up: Option<Ask>,
    busy: AtomicUsize,
    unmarked: AtomicU64,
}

/// Asks whether the host is up.
type Ask = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<bool>> + Send>> + Send + Sync>;

/// Where its markers are.
#[derive(Debug, Clone)]
enum Place {
    Directory(HostActivity),
    Shell {
        activity: ShellActivity,
        gate: Arc<Mutex<()>>,
    },
}

impl Host {
    /// A host whose directory can be reached as files.
    pub fn in_directory(name: impl Into<Text>, activity: HostActivity) -> Self {
        let name = name.into();
        Host::new(name.clone(), name, Place::Directory(activity), None)
    }

    /// A host on which scripts can be run. The id is what its provider knows it by, where that is not the name.
    ///
    /// A watcher's stop and a start exclude each other where they use the same host: this one and its clones.
    pub fn over_shell(name: impl Into<Text>, id: impl Into<Text>, activity: ShellActivity) -> Self {
        Host::behind(Arc::default(), name, id, activity)
    }

    pub(super) fn behind(
        gate: Arc<Mutex<()>>,
        name: impl Into<Text>,
        id: impl Into<Text>,
        activity: ShellActivity,
    ) -> Self {
        let place = Place::Shell { activity, gate };
        Host::new(name.into(), id.into(), place, None)
    }

    /// Sets how it is asked whether the host is up. Done once, by the provider that makes it: what is made of a clone
    /// is another handle.
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
            name, id, place, ..
        } = &*self.inner;
        let is_up: Ask = Box::new(move || Box::pin(is_up()));
        Host::new(name.clone(), id.clone(), place.clone(), Some(is_up))
    }

    fn new(name: Text, id: Text, place: Place, is_up: Option<Ask>) -> Self {
        Host {
            inner: Arc::new(Inner {
                name,
                id,
                place,
                is_up,
                busy: AtomicUsize::new(0),
                unmarked: AtomicU64::new(0),
            }),
        }
    }

    /// What its provider knows it by; its name where that has no other.
    pub fn id(&self) -> &str {
        &self.inner.id
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
        match &self.inner.place {
            Place::Directory(activity) => {
                let activity = activity.clone();
                blocking(move || activity.markers()).await
            }
            Place::Shell { activity, .. } => activity.markers().await,
        }
    }

    /// True while the host is up; `None` where its provider has no way to ask.
    ///
    /// # Errors
    ///
    /// When it could not be asked.
    pub async fn is_up(&self) -> Result<Option<bool>> {
        match &self.inner.is_up {
            Some(is_up) => is_up().await.map(Some),
            None => Ok(None),
        }
    }

    /// Keeps watchers of this process from finding it idle until what this returns is dropped. Counted: the end of
    /// a child's work does not end its parent's.
    pub fn busy(&self) -> BusyGuard {
        self.inner.busy.fetch_add(1, Relaxed);
        BusyGuard(self.clone())
    }

    /// How many markers could not be written after a create or a start, since this handle was made. Each is an event
    /// `host_mark_failed` too.
    pub fn mark_failures(&self) -> u64 {
        self.inner.unmarked.load(Relaxed)
    }

    pub(super) async fn record_at(&self, source: ActivitySource, at: DateTime<Utc>) -> Result<()> {
        match &self.inner.place {
            Place::Directory(activity) => {
                let activity = activity.clone();
                blocking(move || activity.record_at(source, at)).await
            }
            // Its own clock says when.
            Place::Shell { activity, .. } => activity.record(source).await,
        }
    }

    /// Records them, where each costs a command all by one. Gives back those that could not be written, and why.
    async fn record_all<'a>(
        &self,
        sources: &'a [ActivitySource],
    ) -> Vec<(&'a [ActivitySource], Error)> {
        let mut failed = Vec::new();
        match &self.inner.place {
            Place::Directory(_) => {
                for source in sources {
                    if let Err(error) = self.record(*source).await {
                        failed.push((slice::from_ref(source), error));
                    }
                }
            }
            Place::Shell { activity, .. } => {
                let recorded = activity.record_all(sources).await;
                failed.extend(recorded.err().map(|error| (sources, error)));
            }
        }
        failed
    }

    pub(super) fn is_busy(&self) -> bool {
        self.inner.busy.load(Relaxed) > 0
    }

    /// Records what a create or a start is known by, in a task of its own, so that nobody who goes away breaks it off.
    /// That a marker cannot be written does not fail the host; it is counted, and told. The gate is held until the end.
    pub(super) fn mark(
        &self,
        log: &ActivityLog,
        sources: &'static [ActivitySource],
        gate: Gate,
    ) -> JoinHandle<()> {
        let (host, log) = (self.clone(), log.clone());
        let marking = async move {
            for (sources, error) in host.record_all(sources).await {
                for source in sources {
                    host.went_unmarked(&log, *source, &error);
                }
            }
            drop(gate);
        };
        tokio::spawn(marking.in_current())
    }

    fn went_unmarked(&self, log: &ActivityLog, source: ActivitySource, error: &Error) {
        self.inner.unmarked.fetch_add(1, Relaxed);
        let name = self.name();
        let why = format!("{error:#}");
        tracing::warn!(target: "tower_activity::host", host = name, %source, why, "a host went unmarked");
        log.event("host_mark_failed")
            .status(Status::Failed)
            .reference(self.inner.name.clone())
            .summary(format!("could not mark {name} with {source}: {why}"))
            .record();
    }

    /// Takes what a start and a watcher's stop exclude each other with, and waits where the other has it.
    pub(super) async fn gate(&self) -> Result<Gate> {
        let locked = async {
            match &self.inner.place {
                Place::Directory(activity) => self.lock(activity).await,
                Place::Shell { gate, .. } => Gate::Held(gate.clone().lock_owned().await),
            }
        };
        time::timeout(PATIENCE, locked).await.map_err(|_| {
            let name = self.name();
            let s = PATIENCE.as_secs();
            Error::new(
                ErrorKind::Busy,
                format!(
                    "cannot lock the host {name:?}: another start or stop of it has taken {s} s"
                ),
            )
        })
    }

    /// Locks a file in the host's directory. Where nothing can be locked, nobody else can lock it either: then the
    /// host goes on without.
    async fn lock(&self, activity: &HostActivity) -> Gate {
        let without = |error: &dyn fmt::Display| {
            tracing::warn!(target: "tower_activity::host", host = self.name(), %error, "a host cannot be locked");
            Gate::None
        };
        let activity = activity.clone();
        let file = match blocking(move || activity.lock_file()).await {
            Ok(file) => file,
            Err(error) => return without(&error),
        };
        loop {
            match file.try_lock() {
                Ok(()) => return Gate::Locked(file),
                Err(TryLockError::WouldBlock) => time::sleep(LOOK).await,
                Err(TryLockError::Error(error)) => return without(&error),
            }
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("name", &self.inner.name)
            .field("place", &self.inner.place)
            .finish_non_exhaustive()
    }
}

/// Keeps a host from being found idle, until it is dropped. Made by [`Host::busy`].
#[derive(Debug)]
#[must_use = "the host is busy until this is dropped"]
pub struct BusyGuard(Host);

impl Drop for BusyGuard {
    fn drop(&mut self) {
        self.0.inner.busy.fetch_sub(1, Relaxed);
    }
}

/// What a start and a watcher's stop exclude each other with, while it is held.
#[derive(Debug)]
#[expect(dead_code, reason = "what it holds is held until it is dropped")]
pub(super) enum Gate {
    Locked(File),
    Held(OwnedMutexGuard<()>),
    None,
}

/// The gates of a provider's hosts, by name, so that all handles of one host have the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Gates(Arc<parking_lot::Mutex<HashMap<String, Arc<Mutex<()>>>>>);

impl Gates {
    pub(super) fn of(&self, name: &str) -> Arc<Mutex<()>> {
        self.0.lock().entry(name.to_owned()).or_default().clone()
    }
}
