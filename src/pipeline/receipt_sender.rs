//! Answering whoever waits, whose waker is foreign code.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::{
    error::{Error, Result},
    record::EventId,
};

/// Where a receipt hears which event is on record, or why none is.
#[derive(Debug)]
pub(crate) struct ReceiptSender(oneshot::Sender<Result<EventId>>);

impl ReceiptSender {
    /// An answer, and where it is received.
    pub(crate) fn channel() -> (Self, oneshot::Receiver<Result<EventId>>) {
        let (sender, receiver) = oneshot::channel();
        (ReceiptSender(sender), receiver)
    }

    /// Names the event that is on record: the one that was given, or the first with its key, type, project and actor.
    pub(super) fn committed(self, on_record: EventId) {
        // Whoever asked may have given up.
        let _ = send_guarded(self.0, Ok(on_record));
    }

    /// Says that the store does not take the event.
    pub(super) fn refused(self, id: EventId, error: &Error) {
        let what = format!("the store refuses the event {id}");
        let error = Error::new(error.kind(), what).with_source(error.to_string());
        // Whoever asked may have given up.
        let _ = send_guarded(self.0, Err(error));
    }
}

/// Answers whoever waits. Gives the answer back where nobody waits any more.
///
/// A waker that panics is its own runtime's trouble, and stops neither the writer nor the timer.
pub(super) fn tell<T>(answer: oneshot::Sender<T>, what: T) -> Result<(), T> {
    catch_unwind(AssertUnwindSafe(|| answer.send(what))).unwrap_or(Ok(()))
}

/// Sends whoever waits away without an answer, as [`tell`] does with one.
pub(super) fn cancel_guarded<T>(answer: oneshot::Sender<T>) {
    // What it said when it panicked is nobody's here.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(answer)));
}
