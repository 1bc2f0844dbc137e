//! What `record` gives back: whether an event was admitted, and a way to wait for its commit.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    error::{Error, ErrorKind, Result},
    pipeline::{FOREVER, Rejection, Shared},
    record::{EventId, Text},
};

/// How long [`Committed::wait`] waits where nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Says whether an event was admitted, and waits for its commit if asked to.
#[derive(Debug)]
pub struct Receipt(State);

#[derive(Debug)]
enum State {
    /// The log is disabled, or the activity inert.
    Nothing,
    Rejected(Rejection, Text),
    Admitted {
        id: EventId,
        answered: oneshot::Receiver<Result<EventId>>,
        shared: Arc<Shared>,
    },
}

/// Waits until an event is on record. Returned by [`Receipt::committed`].
///
/// Await it, or call [`wait`](Self::wait) where there is no runtime. It gives the id of the event on record:
/// for a re-fired event that of the first with its key, type, project and actor. `None` for a log that records nothing.
///
/// # Errors
///
/// When the event was not admitted, when the store refuses it, and when the log was shut down before it was
/// committed.
///
/// # Cancel safety
///
/// Dropping the future stops the waiting; the event goes its way. It has no deadline of its own: while the
/// store takes nothing, the event waits.
#[derive(Debug)]
#[must_use = "nothing waits until this is awaited or waited for"]
pub struct Committed {
    state: State,
    timeout: Duration,
}

impl Receipt {
    pub(super) fn nothing() -> Self {
        Receipt(State::Nothing)
    }

    pub(super) fn rejected(reason: Rejection, event_type: Text) -> Self {
        Receipt(State::Rejected(reason, event_type))
    }

    pub(super) fn admitted(
        id: EventId,
        answered: oneshot::Receiver<Result<EventId>>,
        shared: Arc<Shared>,
    ) -> Self {
        Receipt(State::Admitted {
            id,
            answered,
            shared,
        })
    }

    /// The event's id; `None` when it was not admitted, which is counted, and for a log that records nothing.
    pub fn id(&self) -> Option<EventId> {
        match &self.0 {
            State::Admitted { id, shared, .. } if !shared.is_forked() => Some(*id),
            State::Admitted { .. } | State::Nothing | State::Rejected(..) => None,
        }
    }

    /// Waits until the event is on record, and has it committed at once: await it, or
    /// [`wait`](Committed::wait).
    pub fn committed(self) -> Committed {
        let state = match self.0 {
            State::Admitted { id, shared, .. } if shared.is_forked() => {
                State::Rejected(Rejection::Forked, id.to_string().into())
            }
            state => state,
        };
        if let State::Admitted { shared, .. } = &state {
            shared.flush_soon();
        }
        Committed {
            state,
            timeout: DEFAULT_TIMEOUT,
        }
    }
}

impl Committed {
    /// Sets how long [`wait`](Self::wait) waits; 5 seconds by default.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Blocks the thread until the event is on record.
    ///
    /// # Errors
    ///
    /// As for the future, and when it was not committed in time, with what the store said.
    pub fn wait(self) -> Result<Option<EventId>> {
        let deadline = Instant::now() + self.timeout.min(FOREVER);
        let timeout = self.timeout;
        let late = match &self.state {
            State::Admitted { id, shared, .. } => Some((*id, shared.clone())),
            State::Nothing | State::Rejected(..) => None,
        };
        let mut future = pin!(self);
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(result) = future.as_mut().poll(&mut cx) {
                return result;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match &late {
                Some((id, shared)) if left.is_zero() => {
                    return Err(not_in_time(*id, timeout, shared));
                }
                _ => thread::park_timeout(left),
            }
        }
    }
}

impl Future for Committed {
    type Output = Result<Option<EventId>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Nothing => Poll::Ready(Ok(None)),
            State::Rejected(reason, event_type) => {
                Poll::Ready(Err(not_admitted(*reason, event_type)))
            }
            State::Admitted { id, answered, .. } => {
                Pin::new(answered).poll(cx).map(|answer| match answer {
                    Ok(result) => result.map(Some),
                    Err(_) => Err(Error::new(
                        ErrorKind::Closed,
                        format!("the log was shut down before it committed the event {id}"),
                    )),
                })
            }
        }
    }
}

fn not_admitted(reason: Rejection, event_type: &str) -> Error {
    let (kind, why) = match reason {
        Rejection::Memory => (ErrorKind::Full, "the log's memory bound was reached"),
        Rejection::Closed => (ErrorKind::Closed, "the log was shut down"),
        Rejection::Forked => (
            ErrorKind::Forked,
            "this process was forked from the one that opened the log: open the log after the fork",
        ),
        Rejection::Type if event_type.is_empty() => {
            (ErrorKind::Invalid, "a type needs a letter or a digit")
        }
        Rejection::Type => (ErrorKind::Invalid, "its type is not on the log's list"),
    };
    Error::new(
        kind,
        format!("the event {event_type:?} was not recorded: {why}"),
    )
}

fn not_in_time(id: EventId, timeout: Duration, shared: &Shared) -> Error {
    let error = Error::new(
        ErrorKind::Timeout,
        format!("the event {id} was not committed within {timeout:?}"),
    );
    match shared.ledger.lock().failure.clone() {
        Some(failure) => error.with_source(failure),
        None => error,
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
