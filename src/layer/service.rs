//! The wrapped service.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll, ready},
};

use tower::Service;

use crate::{
    activity::{ActivityFuture, ByResult, Classify, Describe, Running},
    layer::{ByType, DescribeRequest},
    log::ActivityLog,
    pipeline::Admission,
};

/// A service whose calls are on the record. Made by [`ActivityLayer`](crate::ActivityLayer).
#[derive(Debug, Clone)]
pub struct ActivityService<S, D = ByType, C = ByResult> {
    pub(super) inner: S,
    log: ActivityLog,
    pub(super) describe: D,
    pub(super) classify: C,
    admission: Admission,
}

impl<S, D, C> ActivityService<S, D, C> {
    pub(super) fn new(inner: S, log: ActivityLog, describe: D, classify: C) -> Self {
        ActivityService {
            inner,
            log,
            describe,
            classify,
            admission: Admission::default(),
        }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Takes the layer off.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Starts the activity of a call, with the room that was taken for it.
    #[inline]
    pub(super) fn start(&mut self, describe: Describe) -> Running {
        self.log.start_with(describe, self.admission.take())
    }

    /// Calls the service inside of an activity, which `finish` then decides on.
    #[inline]
    pub(super) fn run<Req, F>(
        &mut self,
        mut running: Running,
        request: Req,
        finish: F,
    ) -> ActivityFuture<S::Future, F>
    where
        S: Service<Req>,
    {
        // A panic in here ends the activity when it passes the guard. Catching it would tell what it said, and
        // cost every call two moves of its request.
        let future = running.enter(|| self.inner.call(request));
        ActivityFuture::new(Some(future), running, finish)
    }

    /// Waits for room, where the log's mode says so, and for the service.
    #[inline]
    pub(super) fn ready<Req>(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>>
    where
        S: Service<Req>,
    {
        ready!(self.log.poll_admission(&mut self.admission, cx));
        self.inner.poll_ready(cx)
    }
}

impl<S, D, C, Req> Service<Req> for ActivityService<S, D, C>
where
    S: Service<Req>,
    D: DescribeRequest<Req>,
    C: Classify<Result<S::Response, S::Error>> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ActivityFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.ready(cx)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        // A description that panics costs the record its name, never the caller its call.
        let describe = catch_unwind(AssertUnwindSafe(|| self.describe.describe(&request)))
            .unwrap_or_else(|_| ByType.describe(&request));
        let running = self.start(describe);
        // Nor does a hand-over that panics: the request goes on as it then is.
        drop(catch_unwind(AssertUnwindSafe(|| {
            self.describe.hand_over(&mut request, &running);
        })));
        let classify = self.classify.clone();
        self.run(running, request, classify)
    }
}
