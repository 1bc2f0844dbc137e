//! The stop signal of the delivery threads.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Tells threads to stop, and wakes those that wait.
#[derive(Debug, Default)]
pub(super) struct StopSignal {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl StopSignal {
    /// Waits for `timeout`, and returns true at once when stopped.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut stopped = self.stopped.lock();
        while !*stopped && !self.changed.wait_until(&mut stopped, deadline).timed_out() {}
        *stopped
    }

    pub(super) fn stop(&self) {
        *self.stopped.lock() = true;
        self.changed.notify_all();
    }
}
