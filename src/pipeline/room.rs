//! Waiting for room before a call starts, in the modes that do so.

use std::{
    fmt,
    future::Future,
    mem,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::oneshot;

use crate::pipeline::{Mode, Pipeline, Shared, shard::BASE_CHARGE};

/// What a permit holds beside an activity's base charge: its name and scope always fit. What else it brings is
/// charged when it is there.
const HEADROOM: usize = 4096;

/// Room in the log's memory for one activity that has not started yet.
pub(crate) struct Permit {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Permit {
    /// Uses up to this many of its bytes. Returns how many are missing. What is left goes back with the permit,
    /// and may wake whoever waits for it: not under a lock.
    pub(crate) fn spend(&mut self, bytes: usize) -> usize {
        let missing = bytes.saturating_sub(self.bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
        missing
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.shared.give_back(self.bytes);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(&self.bytes).finish()
    }
}

impl Shared {
    /// Gives bytes back, and to whoever waits for room.
    pub(crate) fn give_back(self: &Arc<Self>, bytes: usize) {
        // In the child of a fork those who wait are its parent's, and so may be the lock that they stand under.
        if self.budget.give_back(bytes) && !self.is_forked() {
            self.serve_room();
        }
    }

    /// Gives room to those who wait for it, as far as there is some.
    pub(crate) fn serve_room(self: &Arc<Self>) {
        self.room.serve(|| self.permit(), || self.budget.end_wait());
    }

    /// `None` where there is no room, and in the child of a fork as far as that is known: asking the system is for
    /// those who would have to wait.
    fn permit(self: &Arc<Self>) -> Option<Permit> {
        let bytes = BASE_CHARGE + HEADROOM;
        let taken = !self.is_known_to_be_forked() && self.budget.take_exactly(bytes);
        taken.then(|| Permit {
            shared: self.clone(),
            bytes,
        })
    }
}

/// What one caller has of room: nothing yet, a place in the queue, a permit.
#[derive(Debug, Default)]
pub(crate) struct Room(State);

#[derive(Debug, Default)]
enum State {
    #[default]
    Nothing,
    Waiting(oneshot::Receiver<Permit>),
    /// `None` when the time was up: the call goes on, and is recorded where there is room by then.
    Ready(Option<Permit>),
}

impl Room {
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
                    Poll::Ready(permit) => self.0 = State::Ready(permit.ok()),
                    Poll::Pending => return Poll::Pending,
                },
                State::Nothing => match shared.permit() {
                    Some(permit) => self.0 = State::Ready(Some(permit)),
                    // In the child of a fork nobody makes room.
                    None if shared.is_forked() => self.0 = State::Ready(None),
                    None => {
                        self.0 = State::Waiting(shared.room.wait());
                        shared.budget.wait();
                        // What was given back before that.
                        shared.serve_room();
                        shared.hurry();
                    }
                },
            }
        }
    }

    /// The permit for the call that starts now.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Permit> {
        match self.0 {
            State::Nothing => None,
            State::Waiting(_) | State::Ready(_) => match mem::take(&mut self.0) {
                State::Ready(permit) => permit,
                State::Nothing | State::Waiting(_) => None,
            },
        }
    }
}

// A place in a queue and a number of bytes: nothing that unwinds leaves them half-changed.
impl UnwindSafe for Room {}
impl RefUnwindSafe for Room {}

/// Room is one caller's: a clone begins without.
impl Clone for Room {
    fn clone(&self) -> Self {
        Room::default()
    }
}
