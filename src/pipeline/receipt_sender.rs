//! Answers to waiting tasks, whose wakers are foreign code and may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::{
    error::{Error, Result},
    record::EventId,
};

/// The sending half of a receipt: the id of the stored event, or why it was not stored.
#[derive(Debug)]
pub(crate) struct ReceiptSender(oneshot::Sender<Result<EventId>>);

impl ReceiptSender {
    /// Creates a sender and the receiver of its receipt.
    pub(crate) fn channel() -> (Self, oneshot::Receiver<Result<EventId>>) {
        let (sender, receiver) = oneshot::channel();
        (ReceiptSender(sender), receiver)
    }

    /// Sends the id of the stored event: the recorded one, or the first with its key, type, project and actor.
    pub(super) fn committed(self, stored: EventId) {
        // The receipt may have been dropped.
        let _ = send_guarded(self.0, Ok(stored));
    }

    /// Sends the error of an event that the store refused.
    pub(super) fn refused(self, id: EventId, error: &Error) {
        let what = format!("the store refuses the event {id}");
        let error = Error::new(error.kind(), what).with_source(error.to_string());
        // The receipt may have been dropped.
        let _ = send_guarded(self.0, Err(error));
    }
}

/// Sends a value. Returns it if the receiver was dropped.
///
/// A panic of the receiver's waker is caught: it must stop neither the writer nor the timer.
pub(super) fn send_guarded<T>(sender: oneshot::Sender<T>, value: T) -> Result<(), T> {
    catch_unwind(AssertUnwindSafe(|| sender.send(value))).unwrap_or(Ok(()))
}

/// Drops a sender, which wakes the receiver without a value. Catches a panic of the waker as [`send_guarded`] does.
pub(super) fn cancel_guarded<T>(sender: oneshot::Sender<T>) {
    // The panic belongs to the receiver's runtime.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(sender)));
}
