//! The public handle.

use std::{path::Path, sync::Arc, thread, time::Duration};

use chrono::{DateTime, Utc};

use super::{
    ForwardTarget, Forwarding,
    session::{Session, Step, locked},
    state::waiting,
    thread::Backoff,
    verify::{self, Verified},
};
use crate::{
    error::Result,
    store::{CentralStore, Outage, OutageListener, Store, sqlite::SqliteStore},
};

/// Consecutive failures after which [`Forwarder::forward_all`] gives up a target that was reached before; beside those of a log
/// that another forwarder holds.
const MOST_FAILURES: u32 = 5;

/// Forwards the log in a file to a central store.
///
/// # Examples
///
/// ```no_run
/// use tower_activity::forward::Forwarder;
///
/// let mut forwarder = Forwarder::open("activity.db", "postgres://activity@db/ops")?;
/// forwarder.forward_all(|progress| println!("{} of {}", progress.forwarded, progress.records))?;
/// # Ok::<_, tower_activity::Error>(())
/// ```
#[derive(Debug)]
pub struct Forwarder {
    store: SqliteStore,
    central: Arc<dyn CentralStore>,
    session: Session,
    outages: OutageListener,
}

/// The progress of [`Forwarder::forward_all`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForwardProgress {
    /// Places in the commit order of the file that were or are to be forwarded; each may be that of a pruned record.
    pub records: u64,
    /// Those that were acknowledged.
    pub forwarded: u64,
}

impl Forwarder {
    /// Opens the file, which must exist. A file that cannot be written is forwarded from where the target is, and keeps
    /// nothing.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or the address of the target is malformed. A target that is away is not an error.
    pub fn open(path: impl AsRef<Path>, target: impl ForwardTarget) -> Result<Self> {
        let (store, central) = (SqliteStore::new(path)?, target.into_store()?);
        // Reports what is wrong with the file.
        drop(store.reader()?);
        Ok(Forwarder {
            session: Session::new(store.clone(), central.clone()),
            store,
            central,
            outages: OutageListener::default(),
        })
    }

    /// Forwards again what is dated from this time on: the target was restored from an older backup.
    pub fn again_since(mut self, time: DateTime<Utc>) -> Self {
        self.session.again_since(time.timestamp_micros());
        self
    }

    /// Deletes activities, events and recordings from the file that every target has acknowledged, once they are older. This is
    /// kept in the file.
    pub fn keep_forwarded(mut self, age: Duration) -> Self {
        self.session.keep_forwarded(age);
        self
    }

    /// Calls a function when [`follow`](Self::follow) begins to fail, and when it forwards again. It is called on the thread that
    /// follows.
    pub fn on_outage(mut self, listener: impl Fn(Outage<'_>) + Send + Sync + 'static) -> Self {
        self.outages = OutageListener::new(listener);
        self
    }

    /// Forgets the target: nothing waits for it any more, and retention is no longer held back by it. Returns false if the file does
    /// not know it.
    ///
    /// A later forwarder of this file to this target makes it known again, and sends the whole file.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, or a process forwards it to the target (`is_busy`).
    pub fn forget(mut self) -> Result<bool> {
        self.session.forget()
    }

    /// Forwards everything that is committed by now. Can be repeated, and continued after an error.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, the target cannot be reached (in five attempts, if it was reached before), or another process
    /// forwards the file (`is_busy`). A target that was never reached is not kept in the file.
    pub fn forward_all(
        &mut self,
        mut progress: impl FnMut(ForwardProgress),
    ) -> Result<ForwardProgress> {
        let (_, goal) = self.session.places()?;
        let before = self.session.forwarded();
        let mut backoff = Backoff::default();
        let mut failures = 0;
        loop {
            let step = match self.session.step() {
                Ok(step) => step,
                Err(error) => {
                    failures += u32::from(!error.is_busy());
                    let most = match self.session.was_reached() {
                        Ok(true) => MOST_FAILURES,
                        _ => 1,
                    };
                    if failures >= most {
                        return Err(error);
                    }
                    thread::sleep(backoff.next());
                    continue;
                }
            };
            if step == Step::Locked {
                return Err(locked(&self.central.name()));
            }
            (failures, backoff) = (0, Backoff::default());
            let (acknowledged, _) = self.session.places()?;
            let left = waiting(acknowledged, goal);
            let forwarded = self.session.forwarded() - before;
            let done = ForwardProgress {
                records: forwarded + left,
                forwarded,
            };
            progress(done);
            if left == 0 || step == Step::Drained {
                self.session.disconnect()?;
                return Ok(done);
            }
        }
    }

    /// Compares the activities of the file with those of the target by id.
    ///
    /// # Errors
    ///
    /// If either cannot be read.
    pub fn verify(&self, progress: impl FnMut(f64)) -> Result<Verified> {
        verify::verify(
            &mut *self.store.reader()?,
            &mut *self.central.reader()?,
            progress,
        )
    }

    /// Follows the file on a thread of its own, until the returned handle is dropped. Errors are retried, and shown in the
    /// health of the file. Retention by age keeps what waits for the target, even if that was never reached, until it is
    /// forwarded or [forgotten](Self::forget).
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn follow(mut self) -> Result<Forwarding> {
        self.session.hold();
        Forwarding::start(self.session, self.store, self.central, self.outages)
    }
}
