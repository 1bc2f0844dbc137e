//! Waiting for the writer with a timeout, from async code or without a runtime.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

#[cfg(feature = "sqlite")]
use crate::forward::Forwarding;
use crate::{
    error::{Error, ErrorKind, Result},
    pipeline::{FOREVER, Message, Pipeline, Shard, Shared, accounting::accounting},
    store::{Accounting, PerKind},
};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A future that commits every record that has ended by now. Returned by
/// [`ActivityLog::flush`](crate::ActivityLog::flush).
///
/// Await it, or call [`wait`](Self::wait) without a runtime. `Ok` means committed.
///
/// # Cancel safety
///
/// Dropping the future stops the wait, not the flush.
#[derive(Debug)]
#[must_use = "nothing is flushed until this is awaited or waited for"]
pub struct Flush(Option<Request>);

/// A future that shuts the log down. Returned by [`ActivityLog::shutdown`](crate::ActivityLog::shutdown).
///
/// Await it, or call [`wait`](Self::wait) without a runtime. `Ok` means that every record that had ended is committed; its
/// value is the log's final accounting. A log that is forwarded is then forwarded to its end, unless a target is away or the
/// timeout passes: [`not_forwarded`](Accounting::not_forwarded) is what is left in the file.
///
/// # Cancel safety
///
/// Dropping the future stops the wait, not the shutdown.
#[derive(Debug)]
#[must_use = "nothing is shut down until this is awaited or waited for"]
pub struct Shutdown {
    request: Option<Request>,
    #[cfg(feature = "sqlite")]
    forwarding: Arc<[Forwarding]>,
}

/// A request to the writer: a message, and a wait for its answer until a deadline.
#[derive(Debug)]
struct Request {
    inbox: Sender<Message>,
    shards: Arc<[Arc<Shard>]>,
    shared: Arc<Shared>,
    timeout: Duration,
}

impl Flush {
    pub(super) fn new(pipeline: &Pipeline, timeout: Duration) -> Self {
        Flush(Some(Request::new(pipeline, timeout)))
    }

    /// Creates the flush of a disabled log.
    pub(crate) fn nothing() -> Self {
        Flush(None)
    }

    /// Sets how long to wait; 5 seconds by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        if let Some(request) = &mut self.0 {
            request.timeout = timeout;
        }
        self
    }

    /// Blocks the thread until every ended record is committed.
    ///
    /// # Errors
    ///
    /// After the timeout, with the number of pending records and the store's last error; if the log was shut down; in the
    /// child of a fork; on the log's own writer thread, which cannot wait for itself.
    pub fn wait(self) -> Result<()> {
        match self.0 {
            Some(request) => request
                .send("flush", |_, answer| Message::Flush(answer))
                .map(drop),
            None => Ok(()),
        }
    }
}

impl Shutdown {
    pub(super) fn new(pipeline: &Pipeline, timeout: Duration) -> Self {
        Shutdown {
            request: Some(Request::new(pipeline, timeout)),
            #[cfg(feature = "sqlite")]
            forwarding: Arc::new([]),
        }
    }

    /// Creates the shutdown of a disabled log.
    pub(crate) fn nothing() -> Self {
        Shutdown {
            request: None,
            #[cfg(feature = "sqlite")]
            forwarding: Arc::new([]),
        }
    }

    /// Also ends these forwarders, after the last commit.
    #[cfg(feature = "sqlite")]
    pub(crate) fn forwarding(mut self, forwarding: Arc<[Forwarding]>) -> Self {
        self.forwarding = forwarding;
        self
    }

    /// Sets how long to wait; 5 seconds by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        if let Some(request) = &mut self.request {
            request.timeout = timeout;
        }
        self
    }

    /// Blocks the thread until every ended record is committed and the store is closed.
    ///
    /// # Errors
    ///
    /// If some records were not committed before the timeout, with their number and the store's last error; if the log had
    /// been shut down before; in the child of a fork; on the log's own writer thread, which cannot wait for itself; if a log that is
    /// forwarded cannot be read.
    pub fn wait(self) -> Result<Accounting> {
        let Some(request) = self.request else {
            return Ok(Accounting::default());
        };
        #[cfg(feature = "sqlite")]
        let forward_until = Instant::now() + request.timeout.min(FOREVER);
        let closed = request.send("shut down", |deadline, answer| Message::Shutdown {
            deadline,
            answer,
        });
        #[cfg(feature = "sqlite")]
        let closed = {
            // Without the last commits there is no reason to wait: this may be the writer's own thread.
            let until = if closed.is_ok() {
                forward_until
            } else {
                Instant::now()
            };
            let waiting = self.forwarding.iter().map(|one| one.finish(until));
            let waiting: Result<Vec<_>> = waiting.collect();
            closed.and_then(|counts| {
                Ok(Accounting {
                    not_forwarded: waiting?.into_iter().max().unwrap_or(0),
                    ..counts
                })
            })
        };
        closed
    }
}

impl IntoFuture for Flush {
    type Output = Result<()>;
    type IntoFuture = BoxFuture<Result<()>>;

    fn into_future(self) -> Self::IntoFuture {
        on_a_thread(move || self.wait())
    }
}

impl IntoFuture for Shutdown {
    type Output = Result<Accounting>;
    type IntoFuture = BoxFuture<Result<Accounting>>;

    fn into_future(self) -> Self::IntoFuture {
        on_a_thread(move || self.wait())
    }
}

impl Request {
    fn new(pipeline: &Pipeline, timeout: Duration) -> Self {
        Request {
            inbox: pipeline.inbox.clone(),
            shards: pipeline.shards.clone(),
            shared: pipeline.shared.clone(),
            timeout,
        }
    }

    fn send(
        self,
        what: &str,
        message: impl FnOnce(Instant, Sender<Result<()>>) -> Message,
    ) -> Result<Accounting> {
        if self.shared.is_forked() {
            return Err(forked(what));
        }
        let (answer, answered) = mpsc::channel();
        let closed = || {
            Error::new(
                ErrorKind::Closed,
                format!("cannot {what}: the log was shut down"),
            )
        };
        let timeout = self.timeout.min(FOREVER);
        let deadline = Instant::now() + timeout;
        self.inbox
            .send(message(deadline, answer))
            .map_err(|_| closed())?;
        self.shared.wake();
        if self.shared.is_writer() {
            // It would deadlock.
            return Err(Error::new(
                ErrorKind::Timeout,
                format!(
                    "cannot wait for the writer to {what} on its own thread · it does so once this returns"
                ),
            ));
        }
        // The writer keeps the deadline of a shutdown itself, and reports more: let it answer first.
        let grace = Duration::from_millis(50);
        match answered.recv_timeout(timeout + grace) {
            Ok(Ok(())) => Ok(self.accounting()),
            Ok(Err(error)) => Err(error),
            Err(RecvTimeoutError::Disconnected) => Err(closed()),
            Err(RecvTimeoutError::Timeout) => Err(timed_out(
                what,
                self.timeout,
                &self.accounting(),
                &self.shared,
            )),
        }
    }

    fn accounting(&self) -> Accounting {
        accounting(&self.shards, &self.shared, PerKind::default())
    }
}

/// Returns the error of a process that was forked from the one that opened the log.
fn forked(what: &str) -> Error {
    Error::new(
        ErrorKind::Forked,
        format!(
            "cannot {what}: this process was forked from the one that opened the log, and records nothing · \
             open the log after the fork"
        ),
    )
}

/// Returns the error of a timeout: the number of uncommitted records, and the store's last error as its source.
pub(super) fn timed_out(
    what: &str,
    timeout: Duration,
    counts: &Accounting,
    shared: &Shared,
) -> Error {
    let mut message = format!(
        "cannot {what} within {timeout:?}: {} of {} ended activities are not committed",
        counts.activities.waiting + counts.activities.lost(),
        counts.activities.ended()
    );
    for (of, what) in [
        (counts.events, "events"),
        (counts.recordings, "steps of recordings"),
    ] {
        let missing = of.waiting + of.lost();
        if missing > 0 {
            message.push_str(&format!(", nor are {missing} {what}"));
        }
    }
    let error = Error::new(ErrorKind::Timeout, message);
    match shared.ledger.lock().failure.clone() {
        Some(failure) => error.with_source(failure),
        None => error,
    }
}

/// Runs a blocking wait on a thread of its own: waits are rare, and this works under any runtime or none.
fn on_a_thread<T: Send + 'static>(
    wait: impl FnOnce() -> Result<T> + Send + 'static,
) -> BoxFuture<Result<T>> {
    let (done, outcome) = tokio::sync::oneshot::channel();
    let spawned = thread::Builder::new()
        .name("activity-wait".into())
        .spawn(move || drop(done.send(wait())));
    Box::pin(async move {
        spawned.map_err(|cause| {
            Error::new(ErrorKind::Store, "cannot start a thread to wait on").with_source(cause)
        })?;
        match outcome.await {
            Ok(result) => result,
            Err(_) => Err(Error::new(ErrorKind::Store, "the waiting thread died")),
        }
    })
}
