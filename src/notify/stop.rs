//! How the threads that deliver are stopped.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Tells threads to stop, and lets them wait until then.
#[derive(Debug, Default)]
pub(super) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Waits so long, or until it is time to stop: then it is true.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut stopped = self.stopped.lock();
        while !*stopped && !self.changed.wait_until(&mut stopped, deadline).timed_out() {}
        *stopped
    }

    pub(super) fn stop(&self) {
        *self.stopped.lock() = true;
        self.changed.notify_all();
    }
}
