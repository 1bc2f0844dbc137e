//! Taking the current activity along: to another task, another thread, another future.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use pin_project_lite::pin_project;
use tokio::task::JoinHandle;
use tracing::Span;

use crate::activity::{Activity, running::Context};

impl Activity {
    /// Spawns a task that runs inside of this activity. The activity does not wait for it.
    ///
    /// # Panics
    ///
    /// As [`tokio::spawn`], outside of a runtime.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(future.in_activity(self))
    }

    /// Runs a blocking function inside of this activity, on a thread where blocking is acceptable.
    ///
    /// # Panics
    ///
    /// As [`tokio::task::spawn_blocking`], outside of a runtime.
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
        // Below itself, what it is entered from is the better span: it may be one that the code in it has opened.
        let inside = Activity::current().id() == self.id();
        let span = if inside { None } else { self.span() };
        let span = span.unwrap_or_else(|| Arc::new(Span::current()));
        Context {
            activity: self.clone(),
            span: (!span.is_disabled()).then_some(span),
        }
    }
}

/// Takes an activity along with a future. Implemented for every future.
///
/// `tokio::spawn` and its like start with no activity: what is current belongs to the task that polls. The module
/// [`context`](crate::context) lists what loses it.
///
/// # Examples
///
/// ```
/// use tower_activity::{Activity, InActivity};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let task = tokio::spawn(async { Activity::current().set("rows", 42) }.in_current());
/// # task.await.unwrap();
/// # }
/// ```
pub trait InActivity: Future + Sized {
    /// Runs the future inside of this activity, which it does not end.
    fn in_activity(self, activity: &Activity) -> Inside<Self> {
        Inside {
            inner: Some(self),
            context: activity.context(),
        }
    }

    /// Runs the future inside of the activity that is current now.
    fn in_current(self) -> Inside<Self> {
        self.in_activity(&Activity::current())
    }
}

impl<F: Future> InActivity for F {}

pin_project! {
    /// A future that runs inside of an activity, which it does not end: polls and drop alike.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Inside<F> {
        #[pin]
        inner: Option<F>,
        context: Context,
    }

    impl<F> PinnedDrop for Inside<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.context.enter();
            this.inner.set(None);
        }
    }
}

impl<F: Future> Future for Inside<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _entered = this.context.enter();
        match this.inner.as_mut().as_pin_mut() {
            Some(inner) => inner.poll(cx),
            // Only the drop above empties it.
            None => Poll::Pending,
        }
    }
}
