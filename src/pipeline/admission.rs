//! Waiting for memory before a call starts, in the modes `Wait` and `Durable`.

use std::{
    future::Future,
    mem,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::oneshot;

use crate::pipeline::{Mode, Pipeline, Reservation, Shared};

/// The admission of one caller's next call: nothing yet, a place in the queue, or a reservation.
#[derive(Debug, Default)]
pub(crate) struct Admission(State);

#[derive(Debug, Default)]
enum State {
    #[default]
    Nothing,
    Waiting(oneshot::Receiver<Reservation>),
    /// `None` after the timeout: the call proceeds, and is recorded if there is memory by then.
    Ready(Option<Reservation>),
}

impl Admission {
    /// Waits until memory for one more activity is reserved. Ready at once in `Mode::Fast`.
    #[inline]
    pub(crate) fn poll(&mut self, pipeline: &Pipeline, cx: &mut Context<'_>) -> Poll<()> {
        match pipeline.shared().config.mode {
            Mode::Fast => Poll::Ready(()),
            Mode::Wait | Mode::Durable => self.poll_waiting(pipeline.shared(), cx),
        }
    }

    fn poll_waiting(&mut self, shared: &Arc<Shared>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.0 {
                State::Ready(_) => return Poll::Ready(()),
                State::Waiting(queued) => match Pin::new(queued).poll(cx) {
                    Poll::Ready(reservation) => self.0 = State::Ready(reservation.ok()),
                    Poll::Pending => return Poll::Pending,
                },
                State::Nothing => match shared.reserve() {
                    Some(reservation) => self.0 = State::Ready(Some(reservation)),
                    // In the child of a fork no writer frees memory.
                    None if shared.is_forked() => self.0 = State::Ready(None),
                    None => {
                        self.0 = State::Waiting(shared.admissions.wait());
                        shared.budget.wait();
                        // Memory may have been released before the waiter was registered.
                        shared.serve_admissions();
                        shared.flush_soon();
                    }
                },
            }
        }
    }

    /// Takes the reservation for the call that starts now.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Reservation> {
        match self.0 {
            State::Nothing => None,
            State::Waiting(_) | State::Ready(_) => match mem::take(&mut self.0) {
                State::Ready(reservation) => reservation,
                State::Nothing | State::Waiting(_) => None,
            },
        }
    }
}

// A place in a queue and a number of bytes: a panic leaves neither half changed.
impl UnwindSafe for Admission {}
impl RefUnwindSafe for Admission {}

/// An admission belongs to one caller: a clone starts without any.
impl Clone for Admission {
    fn clone(&self) -> Self {
        Admission::default()
    }
}
