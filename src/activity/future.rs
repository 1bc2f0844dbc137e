//! The future of a recorded call: its activity is current for every poll and for the drop, and ends once.

use std::{
    any::Any,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
    thread,
};

use pin_project_lite::pin_project;

use crate::{
    activity::{ActivityGuard, Classify, finish::Finish, guard::panicked},
    pipeline::CommitWait,
    record::Outcome,
};

pin_project! {
    /// A future that runs inside an activity and ends it.
    ///
    /// The activity ends with the classifier's outcome for the output; as `failed` with the error type `panic` when a poll
    /// panics, and the panic is resumed; as `cancelled` when the future is dropped before. The inner future is dropped first,
    /// and its destructors still see the activity.
    #[must_use = "futures do nothing unless polled"]
    pub struct ActivityFuture<F: Future, C> {
        // Declared before the guard: if the drop below panics, the guard still ends the activity.
        #[pin]
        inner: Option<F>,
        running: ActivityGuard,
        finish: C,
        pending: Option<Box<PendingOutput<F::Output>>>,
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

/// The output of a call whose record is not committed yet.
struct PendingOutput<T> {
    result: thread::Result<T>,
    commit: CommitWait,
}

// The output is only stored, and returned unchanged.
impl<T> UnwindSafe for PendingOutput<T> {}
impl<T> RefUnwindSafe for PendingOutput<T> {}

impl ActivityGuard {
    /// Runs a future inside this activity and ends it with the outcome that `classify` returns for its output:
    /// [`Outcome::from_result`], say.
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
    ///     .observe(async { Err::<u32, _>("no route") }, |answer| match answer {
    ///         Ok(_) => Outcome::success(),
    ///         Err(error) => Outcome::failed("unreachable").with_message(error),
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
        C: Fn(&F::Output) -> Outcome,
    {
        ActivityFuture::new(Some(future), self, classify)
    }

    /// As [`observe`](Self::observe), with a [`Classify`]: [`ByResult`](crate::activity::ByResult), say.
    pub fn observe_with<F, C>(self, future: F, classify: C) -> ActivityFuture<F, C>
    where
        F: Future,
        C: Classify<F::Output>,
    {
        ActivityFuture::new(Some(future), self, classify)
    }
}

impl<F: Future, C> ActivityFuture<F, C> {
    #[inline(always)]
    pub(crate) fn new(inner: Option<F>, running: ActivityGuard, finish: C) -> Self {
        ActivityFuture {
            inner,
            running,
            finish,
            pending: None,
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
        if let Some(pending) = this.pending {
            ready!(Pin::new(&mut pending.commit).poll(cx));
            let pending = this.pending.take();
            let given = pending.map_or(Poll::Pending, |pending| give(pending.result));
            return this.finish.give(given, None);
        }
        assert!(
            this.inner.is_some(),
            "`ActivityFuture` polled after completion"
        );
        // One `catch_unwind` around all foreign code; `polled` and `outcome` tell which part panicked.
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
        // Outputs may be large: as few moves as possible from here on.
        if let Err(payload) = caught {
            if polled.is_ready() {
                this.finish.note(this.running);
            }
            let result = panicked_in(this.running, this.inner, polled, outcome, payload);
            let given = match this.running.commit() {
                None => give(result),
                Some(commit) => wait_for_commit(this.pending, commit, result, cx),
            };
            return this.finish.give(given, None);
        }
        let Some(outcome) = &mut outcome else {
            return Poll::Pending;
        };
        let Some(outcome) = outcome else {
            this.finish.note(this.running);
            return this.finish.give(polled, Some(this.running));
        };
        this.finish.end(this.running, outcome);
        if let Some(commit) = this.running.commit() {
            let given = match polled {
                Poll::Ready(output) => wait_for_commit(this.pending, commit, Ok(output), cx),
                Poll::Pending => Poll::Pending,
            };
            return this.finish.give(given, None);
        }
        this.finish.give(polled, None)
    }
}

/// Ends the activity of a call in which something panicked. The caller does not see the panic of a classifier.
#[cold]
fn panicked_in<F: Future>(
    running: &mut ActivityGuard,
    mut inner: Pin<&mut Option<F>>,
    polled: Poll<F::Output>,
    outcome: Option<Option<Outcome>>,
    payload: Box<dyn Any + Send>,
) -> thread::Result<F::Output> {
    match (polled, outcome) {
        // A future that panicked stays until its caller drops it, as without the layer.
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

/// Holds the output back until the activity's end is committed.
#[cold]
fn wait_for_commit<T>(
    pending: &mut Option<Box<PendingOutput<T>>>,
    mut commit: CommitWait,
    result: thread::Result<T>,
    cx: &mut Context<'_>,
) -> Poll<T> {
    if Pin::new(&mut commit).poll(cx).is_ready() {
        return give(result);
    }
    *pending = Some(Box::new(PendingOutput { result, commit }));
    Poll::Pending
}

/// Returns the output, or resumes the panic.
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
