//! Waiting for room before a call starts, in the modes that do so.

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

/// What one caller has of room: nothing yet, a place in the queue, a permit.
#[derive(Debug, Default)]
pub(crate) struct Admission(State);

#[derive(Debug, Default)]
enum State {
    #[default]
    Nothing,
    Waiting(oneshot::Receiver<Reservation>),
    /// `None` when the time was up: the call goes on, and is recorded where there is room by then.
    Ready(Option<Reservation>),
}

impl Admission {
    /// Waits until there is room for one more activity, where the log's mode says so.
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
                    // In the child of a fork nobody makes room.
                    None if shared.is_forked() => self.0 = State::Ready(None),
                    None => {
                        self.0 = State::Waiting(shared.admissions.wait());
                        shared.budget.wait();
                        // What was given back before that.
                        shared.serve_admissions();
                        shared.flush_soon();
                    }
                },
            }
        }
    }

    /// The permit for the call that starts now.
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

// A place in a queue and a number of bytes: nothing that unwinds leaves them half-changed.
impl UnwindSafe for Admission {}
impl RefUnwindSafe for Admission {}

/// Room is one caller's: a clone begins without.
impl Clone for Admission {
    fn clone(&self) -> Self {
        Admission::default()
    }
}
