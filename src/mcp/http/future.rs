//! The future of a response.

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::{
    body::HttpTapBody,
    exchange::{End, SharedExchange, failed},
};
use crate::activity::{InActivityFuture, panicked};

pin_project! {
    /// The future of a response of a service under a [`HttpTapLayer`](crate::mcp::HttpTapLayer).
    #[must_use = "futures do nothing unless polled"]
    pub struct HttpTapFuture<F> {
        #[pin]
        inner: Option<InActivityFuture<F>>,
        exchange: Option<SharedExchange>,
    }

    impl<F> PinnedDrop for HttpTapFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.inner.set(None);
            if let Some(exchange) = this.exchange.take() {
                exchange.end(End::Dropped);
            }
        }
    }
}

impl<F> HttpTapFuture<F> {
    pub(super) fn new(inner: InActivityFuture<F>, exchange: Option<SharedExchange>) -> Self {
        HttpTapFuture {
            inner: Some(inner),
            exchange,
        }
    }
}

impl<F, B, E> Future for HttpTapFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
    E: 'static,
{
    type Output = Result<Response<HttpTapBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let inner = this.inner.as_mut().as_pin_mut();
        let inner = inner.expect("it is taken only by the drop, and after completion");
        let output = match catch_unwind(AssertUnwindSafe(|| inner.poll(cx))) {
            Ok(polled) => ready!(polled),
            Err(payload) => {
                if let Some(exchange) = this.exchange.take() {
                    exchange.end(End::Failed(panicked(&*payload)));
                }
                resume_unwind(payload)
            }
        };
        this.inner.set(None);
        let exchange = this.exchange.take();
        Poll::Ready(match (output, exchange) {
            (Ok(response), Some(exchange)) => {
                let (parts, body) = response.into_parts();
                let activity = exchange.respond(parts.status, &parts.headers);
                let body = HttpTapBody::new(body, exchange, activity);
                Ok(Response::from_parts(parts, body))
            }
            (Ok(response), None) => Ok(response.map(HttpTapBody::unread)),
            (Err(error), exchange) => {
                if let Some(exchange) = exchange {
                    exchange.end(End::Failed(failed(&error)));
                }
                Err(error)
            }
        })
    }
}

impl<F: fmt::Debug> fmt::Debug for HttpTapFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTapFuture")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
