//! The right to deliver, which one process at a time has.

use std::{
    fs::File,
    time::{Duration, Instant, SystemTime},
};

use parking_lot::Mutex;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    notify::state::{State, StatePlace},
};

/// How much longer than a request a lease lasts: for as long the holder may fail to renew it before it stops sending.
const SLACK: Duration = Duration::from_secs(10);
/// Interval of the renewals.
const RENEWAL: Duration = Duration::from_secs(2);

/// The right to deliver: a lock of a file, or a lease of a central store.
#[derive(Debug)]
pub(super) struct Lease {
    /// A random name.
    holder: String,
    length: Duration,
    term: Mutex<Term>,
}

#[derive(Debug)]
enum Term {
    NotHeld,
    /// The kernel releases the lock when the process dies.
    Locked {
        _file: File,
    },
    /// Since it was last renewed, by the monotonic clock and the wall clock.
    Since(Instant, SystemTime),
}

impl Lease {
    /// Returns a lease that is not held, for requests with this timeout.
    ///
    /// # Errors
    ///
    /// If the operating system provides no random numbers.
    pub(super) fn new(timeout: Duration) -> Result<Self> {
        let mut holder = [0; 16];
        getrandom::fill(&mut holder).map_err(|cause| {
            Error::store("the system provides no random numbers").with_source(cause)
        })?;
        Ok(Lease {
            holder: Uuid::from_bytes(holder).to_string(),
            length: timeout.saturating_add(SLACK),
            term: Mutex::new(Term::NotHeld),
        })
    }

    /// Returns true if no other process delivers for the time that a request may take.
    pub(super) fn covers(&self, timeout: Duration) -> bool {
        match &*self.term.lock() {
            Term::NotHeld => false,
            Term::Locked { .. } => true,
            Term::Since(at, wall) => {
                // The first may stand still while the machine sleeps, the second may be set.
                let elapsed = at.elapsed().max(wall.elapsed().unwrap_or_default());
                elapsed.saturating_add(timeout) <= self.length
            }
        }
    }

    /// Takes the lease if it is free, or renews it if that is due. Returns whether it is held.
    pub(super) fn take(&self, place: &StatePlace, state: &mut State) -> Result<bool> {
        let mut term = self.term.lock();
        match (&*term, place) {
            (Term::Locked { .. }, _) => return Ok(true),
            (Term::Since(at, _), _) if at.elapsed() < RENEWAL => return Ok(true),
            (_, StatePlace::File(file)) => {
                let lock = file.try_lock()?;
                *term = lock.map_or(Term::NotHeld, |file| Term::Locked { _file: file });
                return Ok(matches!(*term, Term::Locked { .. }));
            }
            (_, StatePlace::Central(_)) => {}
        }
        // Followers ask meanwhile whether they may send.
        drop(term);
        // Before the request: the server counts from later on.
        let since = Term::Since(Instant::now(), SystemTime::now());
        let ms = i64::try_from(self.length.as_millis()).unwrap_or(i64::MAX);
        let is_held = state.take_lease(&self.holder, ms)?;
        *self.term.lock() = if is_held { since } else { Term::NotHeld };
        Ok(is_held)
    }

    /// Gives the lease back.
    pub(super) fn release(&self, place: &StatePlace) {
        let term = std::mem::replace(&mut *self.term.lock(), Term::NotHeld);
        if matches!(term, Term::Since(..)) {
            let released = place
                .open()
                .and_then(|mut state| state.release_lease(&self.holder));
            if let Err(error) = released {
                tracing::warn!(
                    target: "tower_activity::notify", %error,
                    "could not release the lease of the webhooks; it ends in seconds"
                );
            }
        }
    }
}
