//! The future of a recorded call: the activity is current for every poll and for the drop, and ends once.

use std::{
    any::Any,
    fmt,
    future::Future,
    mem,
    panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
    thread,
};

use pin_project_lite::pin_project;

use crate::{
    activity::{Classify, Running, finish::Finish, running::panicked},
    pipeline::CommitWait,
    record::Outcome,
};

pin_project! {
    /// A future that runs inside of an activity and ends it.
    ///
    /// It ends with what the classifier says of the output; as `failed` with the error type `panic` when a
    /// poll panics, and the panic goes on; as `cancelled` when it is dropped before. The inner future is
    /// dropped first, and its destructors still see the activity.
    #[must_use = "futures do nothing unless polled"]
    pub struct ActivityFuture<F: Future, C> {
        // Declared before the guard: were the drop below to panic, the guard still ends the activity.
        #[pin]
        inner: Option<F>,
        running: Running,
        finish: C,
        held: Option<Box<Held<F::Output>>>,
    }

    impl<F: Future, C> PinnedDrop for ActivityFuture<F, C> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.inner.is_some() {
                this.running.enter(|| this.inner.set(None));
                let outcome = this.running.dropped();
                this.running.close(outcome);
            }
        }
    }
}

/// What a call gave back, until its record is committed.
struct Held<T> {
    result: thread::Result<T>,
    commit: CommitWait,
}

// It is only kept, and given on as it is.
impl<T> UnwindSafe for Held<T> {}
impl<T> RefUnwindSafe for Held<T> {}

impl Running {
    /// Runs a future inside of this activity and ends it with what the classifier says of its output.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::{ActivityLog, Describe, Outcome};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> tower_activity::Result<()> {
    /// # let log = ActivityLog::open(":memory:")?;
    /// let answer = log
    ///     .start(Describe::job("ask"))
    ///     .observe(async { Err::<u32, _>("no route") }, |answer: &Result<u32, &str>| match answer {
    ///         Ok(_) => Outcome::success(),
    ///         Err(error) => Outcome::failed("unreachable").with_message(error.to_string()),
    ///     })
    ///     .await;
    /// assert!(answer.is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As that of the inner future; the activity ends as `cancelled`.
    pub fn observe<F, C>(self, future: F, classify: C) -> ActivityFuture<F, C>
    where
        F: Future,
        C: Classify<F::Output>,
    {
        ActivityFuture::new(Some(future), self, classify)
    }
}

impl<F: Future, C> ActivityFuture<F, C> {
    pub(crate) fn new(inner: Option<F>, running: Running, finish: C) -> Self {
        ActivityFuture {
            inner,
            running,
            finish,
            held: None,
        }
    }
}

impl<F, C> Future for ActivityFuture<F, C>
where
    F: Future,
    C: Finish<F::Output>,
{
    type Output = C::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let mut this = self.project();
        if let Some(held) = this.held {
            ready!(Pin::new(&mut held.commit).poll(cx));
            let held = this.held.take();
            let given = held.map_or(Poll::Pending, |held| give(held.result));
            return this.finish.give(given, None);
        }
        assert!(
            this.inner.is_some(),
            "`ActivityFuture` polled after completion"
        );
        // One net under all that is not ours: how far it came says what fell.
        let (mut polled, mut outcome) = (Poll::Pending, None);
        let entered = this.running.context.enter();
        let caught = catch_unwind(AssertUnwindSafe(|| {
            if let Some(inner) = this.inner.as_mut().as_pin_mut() {
                polled = inner.poll(cx);
            }
            if let Poll::Ready(output) = &polled {
                outcome = Some(this.finish.finish(output));
                this.inner.set(None);
            }
        }));
        drop(entered);
        // From here on as few moves as can be: an output may be large.
        if let Err(payload) = caught {
            if polled.is_ready() {
                this.finish.note(this.running);
            }
            let fallen = fell(this.running, this.inner, polled, outcome, payload);
            let given = match this.running.commit() {
                None => give(fallen),
                Some(commit) => hold(this.held, commit, fallen, cx),
            };
            return this.finish.give(given, None);
        }
        let Some(outcome) = &mut outcome else {
            return Poll::Pending;
        };
        let Some(outcome) = outcome else {
            this.finish.note(this.running);
            let running = mem::replace(this.running, Running::inert());
            return this.finish.give(polled, Some(running));
        };
        this.finish.end(this.running, outcome);
        if let Some(commit) = this.running.commit() {
            let given = match polled {
                Poll::Ready(output) => hold(this.held, commit, Ok(output), cx),
                Poll::Pending => Poll::Pending,
            };
            return this.finish.give(given, None);
        }
        this.finish.give(polled, None)
    }
}

/// Ends the activity of a call in which something panicked. The panic of a classifier is no concern of the caller's.
#[cold]
fn fell<F: Future>(
    running: &mut Running,
    mut inner: Pin<&mut Option<F>>,
    polled: Poll<F::Output>,
    outcome: Option<Option<Outcome>>,
    payload: Box<dyn Any + Send>,
) -> thread::Result<F::Output> {
    match (polled, outcome) {
        // A future that panicked stays: it is dropped where its caller drops it, as if we were not there.
        (Poll::Pending, _) => {
            running.close(panicked(&*payload));
            Err(payload)
        }
        (Poll::Ready(output), None) => {
            running.enter(|| inner.set(None));
            running.close(Outcome::failed("classifier_panic"));
            Ok(output)
        }
        // The inner future panicked when it was dropped.
        (Poll::Ready(_), Some(outcome)) => {
            running.close(outcome.unwrap_or_else(|| panicked(&*payload)));
            Err(payload)
        }
    }
}

/// Keeps what a call gave back until its end is committed.
#[cold]
fn hold<T>(
    held: &mut Option<Box<Held<T>>>,
    mut commit: CommitWait,
    result: thread::Result<T>,
    cx: &mut Context<'_>,
) -> Poll<T> {
    if Pin::new(&mut commit).poll(cx).is_ready() {
        return give(result);
    }
    *held = Some(Box::new(Held { result, commit }));
    Poll::Pending
}

/// Gives the caller what the call gave back.
fn give<T>(result: thread::Result<T>) -> Poll<T> {
    match result {
        Ok(output) => Poll::Ready(output),
        Err(payload) => resume_unwind(payload),
    }
}

impl<F, C> fmt::Debug for ActivityFuture<F, C>
where
    F: Future + fmt::Debug,
    C: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityFuture")
            .field("inner", &self.inner)
            .field("running", &self.running)
            .field("finish", &self.finish)
            .finish_non_exhaustive()
    }
}
