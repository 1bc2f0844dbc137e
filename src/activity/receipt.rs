//! The receipt of an event: whether it was admitted, and a way to wait for its commit.

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

/// The default timeout of [`Committed::wait`].
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Tells whether an event was admitted, and waits for its commit on request. Returned by
/// [`Event::record`](crate::Event::record).
///
/// # Examples
///
/// ```
/// use tower_activity::ActivityLog;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> tower_activity::Result<()> {
/// # let log = ActivityLog::open(":memory:")?;
/// let receipt = log.event("deployment").summary("v3 is live").record();
/// let admitted = receipt.id();
/// assert_eq!(receipt.committed().await?, admitted);
/// # Ok(())
/// # }
/// ```
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

/// A future that waits until an event is committed. Returned by [`Receipt::committed`].
///
/// Await it, or call [`wait`](Self::wait) without a runtime. It resolves to the id of the committed event: for a
/// duplicate, the id of the first event with its key, type, project and actor. `None` for a disabled log or an inert
/// activity.
///
/// # Errors
///
/// If the event was rejected, the store refused it, or the log was shut down before it was committed.
///
/// # Cancel safety
///
/// Dropping the future only stops the waiting; the event is committed all the same. The future has no timeout: it waits
/// for as long as the store accepts nothing.
#[derive(Debug)]
#[must_use = "call `.await` or `.wait()` to wait for the commit"]
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

    /// Returns the event's id; `None` if it was rejected (rejections are counted), or the log is disabled.
    pub fn id(&self) -> Option<EventId> {
        match &self.0 {
            State::Admitted { id, shared, .. } if !shared.is_forked() => Some(*id),
            State::Admitted { .. } | State::Nothing | State::Rejected(..) => None,
        }
    }

    /// Waits until the event is committed, and has it committed at once: await it, or call
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
    /// Sets the timeout of [`wait`](Self::wait); 5 seconds by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Blocks the thread until the event is committed.
    ///
    /// # Errors
    ///
    /// Those of the future; also if the timeout passes first, with the store's last error as the cause.
    pub fn wait(self) -> Result<Option<EventId>> {
        let deadline = Instant::now() + self.timeout.min(FOREVER);
        let timeout = self.timeout;
        let waiting = match &self.state {
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
            match &waiting {
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
        Rejection::Memory => (ErrorKind::Full, "the log's memory limit was reached"),
        Rejection::Closed => (ErrorKind::Closed, "the log was shut down"),
        Rejection::Forked => (
            ErrorKind::Forked,
            "this process was forked from the one that opened the log: open the log after the fork",
        ),
        Rejection::Type if event_type.is_empty() => {
            (ErrorKind::Invalid, "a type needs a letter or a digit")
        }
        Rejection::Type => (
            ErrorKind::Invalid,
            "its type is not one of the log's event types",
        ),
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
