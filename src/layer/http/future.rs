//! The future of a response.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;

use crate::{
    activity::{ActivityFuture, Classify},
    layer::http::{ActivityBody, finish::Respond},
};

pin_project! {
    /// The future of a response, whose body carries the activity on. Returned by services under
    /// [`ActivityLayer::http`](crate::ActivityLayer::http).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F: Future, C> {
        #[pin]
        kind: Kind<F, C>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = Project]
    enum Kind<F: Future, C> {
        Recorded {
            #[pin]
            future: ActivityFuture<F, Respond<C>>,
        },
        Skipped {
            #[pin]
            future: F,
        },
    }
}

impl<F: Future, C> ResponseFuture<F, C> {
    #[inline(always)]
    pub(super) fn recorded(future: ActivityFuture<F, Respond<C>>) -> Self {
        ResponseFuture {
            kind: Kind::Recorded { future },
        }
    }

    pub(super) fn skipped(future: F) -> Self {
        ResponseFuture {
            kind: Kind::Skipped { future },
        }
    }
}

impl<F, C, B, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<Response<B>, E>>,
    C: Classify<StatusCode>,
    B: Body,
    E: 'static,
{
    type Output = Result<Response<ActivityBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            Project::Recorded { future } => future.poll(cx),
            Project::Skipped { future } => future
                .poll(cx)
                .map_ok(|response| response.map(ActivityBody::unrecorded)),
        }
    }
}
