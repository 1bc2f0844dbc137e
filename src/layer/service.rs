//! The wrapped service.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    task::{Context, Poll, ready},
};

use tower::Service;

use crate::{
    activity::{ActivityFuture, ByResult, Classify, panicked},
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
        // What a closure takes and gives back is moved through the catch: so neither is.
        let (mut request, mut future) = (Some(request), None);
        let called = running.enter_catching(|| {
            future = request.take().map(|request| self.inner.call(request));
        });
        match called {
            Ok(()) => ActivityFuture::new(future, running, self.classify.clone()),
            Err(payload) => {
                running.close(panicked(&*payload));
                resume_unwind(payload)
            }
        }
    }
}
