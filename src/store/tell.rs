//! Answering whoever waits, whose waker is foreign code.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

/// Answers whoever waits. Gives the answer back where nobody waits any more.
///
/// A waker that panics is its own runtime's trouble, and stops neither the writer nor the timer.
pub(crate) fn tell<T>(answer: oneshot::Sender<T>, what: T) -> Result<(), T> {
    catch_unwind(AssertUnwindSafe(|| answer.send(what))).unwrap_or(Ok(()))
}

/// Sends whoever waits away without an answer, as [`tell`] does with one.
pub(crate) fn send_away<T>(answer: oneshot::Sender<T>) {
    // What it said when it panicked is nobody's here.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(answer)));
}
