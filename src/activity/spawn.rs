//! Carrying the current activity into another task, thread or future.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use pin_project_lite::pin_project;
use tokio::task::JoinHandle;
use tracing::Span;

use crate::activity::{Activity, guard::Context};

impl Activity {
    /// Spawns a task that runs inside this activity. The activity does not wait for the task.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, as [`tokio::spawn`] does.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(future.in_activity(self))
    }

    /// Runs a blocking function inside this activity, on a thread where blocking is acceptable.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, as [`tokio::task::spawn_blocking`] does.
    pub fn spawn_blocking<F, T>(&self, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let mut context = self.context();
        tokio::task::spawn_blocking(move || {
            let _entered = context.enter();
            work()
        })
    }

    /// Runs a function with this activity current: for threads that are not tokio's.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut context = self.context();
        let _entered = context.enter();
        work()
    }

    fn context(&self) -> Context {
        // Inside this activity the current span is nearer: the code may have opened one of its own.
        let inside = Activity::current().id() == self.id();
        let span = if inside { None } else { self.span() };
        let span = span.unwrap_or_else(|| Arc::new(Span::current()));
        Context {
            activity: self.clone(),
            span: (!span.is_disabled()).then_some(span),
        }
    }
}

/// Extends futures with methods that carry an activity along. Implemented for every future.
///
/// Spawned tasks do not inherit the current activity, because it belongs to the task that polls. The module
/// [`context`](crate::context) lists what keeps it and what loses it.
///
/// # Examples
///
/// ```
/// use tower_activity::{Activity, InActivity};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tokio::task::JoinError> {
/// tokio::spawn(async { Activity::current().set("rows", 42) }.in_current()).await?;
/// # Ok(())
/// # }
/// ```
pub trait InActivity: Future + Sized {
    /// Runs the future inside this activity, without ending it.
    fn in_activity(self, activity: &Activity) -> InActivityFuture<Self> {
        InActivityFuture {
            inner: Some(self),
            context: activity.context(),
        }
    }

    /// Runs the future inside the activity that is current now, without ending it.
    fn in_current(self) -> InActivityFuture<Self> {
        self.in_activity(&Activity::current())
    }
}

impl<F: Future> InActivity for F {}

pin_project! {
    /// A future that runs inside an activity, for every poll and for its drop. Returned by [`InActivity`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InActivityFuture<F> {
        #[pin]
        inner: Option<F>,
        context: Context,
    }

    impl<F> PinnedDrop for InActivityFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.context.enter();
            this.inner.set(None);
        }
    }
}

impl<F: Future> Future for InActivityFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _entered = this.context.enter();
        match this.inner.as_mut().as_pin_mut() {
            Some(inner) => inner.poll(cx),
            // Only the drop above takes it out.
            None => Poll::Pending,
        }
    }
}
