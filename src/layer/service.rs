//! The wrapped service.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll, ready},
};

use tower::Service;

use crate::{
    activity::{ActivityFuture, ByResult, Classify},
    layer::{ByType, DescribeRequest},
    log::ActivityLog,
    pipeline::Room,
};

/// A service whose calls are on the record. Made by [`ActivityLayer`](crate::ActivityLayer).
#[derive(Debug, Clone)]
pub struct ActivityService<S, D = ByType, C = ByResult> {
    inner: S,
    log: ActivityLog,
    describe: D,
    classify: C,
    room: Room,
}

impl<S, D, C> ActivityService<S, D, C> {
    pub(super) fn new(inner: S, log: ActivityLog, describe: D, classify: C) -> Self {
        ActivityService {
            inner,
            log,
            describe,
            classify,
            room: Room::default(),
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
        ready!(self.log.poll_room(&mut self.room, cx));
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        // A description that panics costs the record its name, never the caller its call.
        let describe = catch_unwind(AssertUnwindSafe(|| self.describe.describe(&request)))
            .unwrap_or_else(|_| ByType.describe(&request));
        let mut running = self.log.start_with(describe, self.room.take());
        // Nor does a hand-over that panics: the request goes on as it then is.
        drop(catch_unwind(AssertUnwindSafe(|| {
            self.describe.hand_over(&mut request, &running);
        })));
        // A panic in here ends the activity when it passes the guard. Catching it would tell what it said, and
        // cost every call two moves of its request.
        let future = running.enter(|| self.inner.call(request));
        ActivityFuture::new(Some(future), running, self.classify.clone())
    }
}
