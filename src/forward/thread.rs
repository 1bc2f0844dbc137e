//! The thread that follows a file.

use std::{
    process,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::session::{Session, Step};
use crate::{
    error::{Error, Result},
    store::{CentralStore, OutageListener, OutageWatch, sqlite::SqliteStore},
};

/// The pause between two looks at the file, if nothing is to be forwarded.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const LONGEST_BACKOFF: Duration = Duration::from_secs(15);

/// A running forwarder, until it is dropped.
///
/// Dropping it does not block: a batch in flight is finished. What was not forwarded stays in the file for the next forwarder.
#[derive(Debug)]
#[must_use = "dropping it stops the forwarder"]
pub struct Forwarding {
    shared: Arc<Shared>,
    store: SqliteStore,
    central: Arc<dyn CentralStore>,
    /// The process that it runs in: the child of a fork has no such thread, and its lock may be taken for ever.
    process: u32,
    _thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Set to stop: once everything is forwarded, at the latest at this time.
    stop_at: Option<Instant>,
    ended: bool,
}

impl Forwarding {
    pub(super) fn start(
        session: Session,
        store: SqliteStore,
        central: Arc<dyn CentralStore>,
        outages: OutageListener,
    ) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        let thread = thread::Builder::new()
            .name("activity-forward".into())
            .spawn(move || {
                run(session, OutageWatch::new(outages), &of_thread);
                of_thread.state.lock().ended = true;
                of_thread.changed.notify_all();
            });
        Ok(Forwarding {
            shared,
            store,
            central,
            process: process::id(),
            _thread: thread.map_err(|cause| {
                Error::store("cannot start the forwarding thread").with_source(cause)
            })?,
        })
    }

    /// Forwards what is committed by now, and stops: at the latest at this time, and at the first error. Returns the number of
    /// records that were not forwarded; they stay in the file.
    ///
    /// In the child of a fork it does nothing, and returns 0.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn finish(&self, deadline: Instant) -> Result<u64> {
        if process::id() != self.process {
            return Ok(0);
        }
        let mut state = self.shared.state.lock();
        state.stop_at = Some(deadline);
        self.shared.changed.notify_all();
        while !state.ended
            && !self
                .shared
                .changed
                .wait_until(&mut state, deadline)
                .timed_out()
        {}
        drop(state);
        // The thread may wait for its target: the file has what was acknowledged.
        Session::new(self.store.clone(), self.central.clone()).waiting()
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        if process::id() != self.process {
            return;
        }
        self.shared
            .state
            .lock()
            .stop_at
            .get_or_insert(Instant::now());
        self.shared.changed.notify_all();
    }
}

impl Shared {
    /// Waits, and returns at once when stopped.
    fn wait(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let mut state = self.state.lock();
        while state.stop_at.is_none() && !self.changed.wait_until(&mut state, deadline).timed_out()
        {
        }
    }
}

fn run(mut session: Session, mut outages: OutageWatch, shared: &Shared) {
    let mut backoff = Backoff::default();
    loop {
        let stop_at = shared.state.lock().stop_at;
        let before = session.forwarded();
        let step = session.step();
        if let Some(stop_at) = stop_at
            && (!matches!(step, Ok(Step::Forwarded)) || Instant::now() >= stop_at)
        {
            if let Err(error) = session.disconnect() {
                tracing::warn!(
                    target: "tower_activity::forward", %error, ?session,
                    "could not end the session with the target; its lease ends in seconds"
                );
            }
            return;
        }
        match step {
            Ok(Step::Forwarded) => backoff = Backoff::default(),
            Ok(Step::Drained | Step::Locked) => {
                backoff = Backoff::default();
                shared.wait(POLL_INTERVAL);
            }
            Err(error) => {
                let pause = backoff.next();
                if outages.failed(&error, pause) {
                    tracing::warn!(
                        target: "tower_activity::forward", %error, ?session,
                        "cannot forward the log; will retry"
                    );
                }
                shared.wait(pause);
                continue;
            }
        }
        // With those that this step has forwarded.
        let sent = session.forwarded() - before;
        if outages.succeeded(|| Some(session.waiting().ok()? + sent)) {
            tracing::info!(target: "tower_activity::forward", ?session, "the log is being forwarded again");
        }
    }
}

/// Pauses between attempts: each twice as long as the one before, less a random part of up to a half.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Backoff(FIRST_BACKOFF)
    }
}

impl Backoff {
    pub(super) fn next(&mut self) -> Duration {
        let longest = self.0;
        self.0 = (longest * 2).min(LONGEST_BACKOFF);
        longest.mul_f64(1.0 - fastrand::f64() / 2.0)
    }
}
