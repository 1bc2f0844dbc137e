//! Waiting for what a writer thread, another thread or another process does.
// The tests of the command share this file, and their package does not have the feature.
#![allow(unexpected_cfgs)]

use std::{
    thread,
    time::{Duration, Instant},
};

/// The bound of each wait, so that a failing test ends.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How often a condition is checked beside the writer's passes: it may depend on a task that continues after one.
const RECHECK: Duration = Duration::from_millis(100);
/// How often a condition is polled that nothing notifies about.
const POLL: Duration = Duration::from_millis(2);

/// Waits until `condition` returns a value. Checks it after each pass of a writer thread of this process: after a commit, an
/// index step, a checkpoint, a deletion.
///
/// # Panics
///
/// After a minute.
#[track_caller]
pub fn after_commit<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    let mut passes = Passes::new();
    loop {
        passes.note();
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not in time");
        passes.wait();
    }
}

/// Waits like [`after_commit`], and lets other tasks of the runtime run meanwhile.
///
/// # Panics
///
/// After a minute.
pub async fn after_commit_async<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    let mut passes = Passes::new();
    loop {
        passes.note();
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not in time");
        passes.changed().await;
    }
}

/// Waits until `condition` returns a value. Polls it, because nothing notifies this thread: it depends on another process, a
/// file or a thread without listeners. Use [`after_commit`] for what a writer thread does.
///
/// # Panics
///
/// After a minute.
#[track_caller]
pub fn poll_until<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not in time");
        thread::park_timeout(POLL);
    }
}

#[cfg(feature = "testing")]
struct Passes(tokio::sync::watch::Receiver<u64>);

#[cfg(feature = "testing")]
impl Passes {
    fn new() -> Self {
        Passes(tower_activity::testing::writer_passes())
    }

    /// Notes the passes so far: a later one ends the wait, also if it comes before it.
    fn note(&mut self) {
        self.0.borrow_and_update();
    }

    fn wait(&mut self) {
        let mut changed = std::pin::pin!(self.0.changed());
        let waker = super::unpark_current();
        let mut cx = std::task::Context::from_waker(&waker);
        if changed.as_mut().poll(&mut cx).is_pending() {
            thread::park_timeout(RECHECK);
        }
    }

    async fn changed(&mut self) {
        // An error is the timeout: then the condition is checked as well.
        let _ = tokio::time::timeout(RECHECK, self.0.changed()).await;
    }
}

/// Without the library's feature `testing` nothing announces passes.
#[cfg(not(feature = "testing"))]
struct Passes;

#[cfg(not(feature = "testing"))]
impl Passes {
    fn new() -> Self {
        Passes
    }

    fn note(&mut self) {}

    fn wait(&mut self) {
        thread::park_timeout(POLL);
    }

    async fn changed(&mut self) {
        tokio::time::sleep(POLL).await;
    }
}
