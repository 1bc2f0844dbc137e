//! The wrapped service.

use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

use tower_service::Service;

use crate::{
    activity::{
        ActivityFuture, ActivityGuard, ByResult, Classify, Describe, PANICKED_RULE, guarded,
    },
    layer::{ByType, DescribeRequest},
    log::ActivityLog,
    pipeline::Admission,
};

/// How long a caller's timeout may have run when the request arrives here: its way through the network and outer layers.
const MAX_LATENCY: Duration = Duration::from_millis(50);

/// The rest of a caller's timeout when the request arrives here.
pub(super) fn since_arrival(timeout: Duration) -> Duration {
    timeout - MAX_LATENCY.min(timeout / 10)
}

/// A service that records its calls. Returned by [`ActivityLayer`](crate::ActivityLayer).
#[derive(Debug, Clone)]
pub struct ActivityService<S, D = ByType, C = ByResult> {
    pub(super) inner: S,
    log: ActivityLog,
    pub(super) describe: D,
    pub(super) classify: C,
    timeout: Option<Duration>,
    admission: Admission,
}

/// The description of a request whose rule panicked.
#[cold]
fn described_by_type<Req>(request: &Req) -> Describe {
    ByType
        .describe(request)
        .attribute(PANICKED_RULE, "describe")
}

impl<S, D, C> ActivityService<S, D, C> {
    pub(super) fn new(
        inner: S,
        log: ActivityLog,
        describe: D,
        classify: C,
        timeout: Option<Duration>,
    ) -> Self {
        ActivityService {
            inner,
            log,
            describe,
            classify,
            timeout,
            admission: Admission::default(),
        }
    }

    /// Returns a reference to the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }

    #[cfg(feature = "http")]
    pub(super) fn log(&self) -> &ActivityLog {
        &self.log
    }

    /// Starts the activity of a call, with the memory that `poll_ready` has reserved for it.
    #[inline]
    pub(super) fn start(&mut self, describe: Describe) -> ActivityGuard {
        let mut running = self.log.start_with(describe, self.admission.take());
        if let Some(timeout) = self.timeout {
            running.limit(since_arrival(timeout));
        }
        running
    }

    /// Calls the service inside an activity, whose end `finish` decides.
    #[inline(always)]
    pub(super) fn run<Req, F>(
        &mut self,
        mut running: ActivityGuard,
        request: Req,
        finish: F,
    ) -> ActivityFuture<S::Future, F>
    where
        S: Service<Req>,
    {
        // A panic in here ends the activity when it unwinds through the guard. Catching it would also record its message,
        // but cost every call two moves of its request.
        let future = running.enter(|| self.inner.call(request));
        ActivityFuture::new(Some(future), running, finish)
    }

    /// Waits for memory, if the log's mode says so, and for the service.
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
        let describe = match guarded(|| self.describe.describe(&request)) {
            Some(describe) => describe,
            None => described_by_type(&request),
        };
        let running = self.start(describe);
        // If it panics, the request proceeds as it was left.
        if guarded(|| self.describe.inject(&mut request, &running)).is_none() {
            running.set(PANICKED_RULE, "inject");
        }
        let classify = self.classify.clone();
        self.run(running, request, classify)
    }
}
