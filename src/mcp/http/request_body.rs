//! The body of a request, which is read as it passes.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{exchange::SharedExchange, passing::Passing};

pin_project! {
    /// The body of a request, for services under a [`HttpTapLayer`](crate::mcp::HttpTapLayer). Frames pass through unchanged, except
    /// for a call with what [`ToolOptions::intent`](crate::mcp::ToolOptions::intent) takes out.
    pub struct HttpTapRequestBody<B: Body> {
        #[pin]
        inner: Passing<B>,
        exchange: Option<SharedExchange>,
    }

    impl<B: Body> PinnedDrop for HttpTapRequestBody<B> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(exchange) = this.project().exchange.take() {
                exchange.end_request();
            }
        }
    }
}

impl<B: Body> HttpTapRequestBody<B> {
    /// With an exchange, what passes is read.
    pub(super) fn new(inner: Passing<B>, exchange: Option<SharedExchange>) -> Self {
        HttpTapRequestBody { inner, exchange }
    }
}

impl<B: Body<Data = Bytes>> Body for HttpTapRequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        if let Some(exchange) = this.exchange {
            let data = match &frame {
                Some(Ok(frame)) => frame.data_ref(),
                _ => None,
            };
            if let Some(data) = data {
                exchange.read_request(data);
            }
            if data.is_none() || this.inner.is_end_stream() {
                exchange.end_request();
                *this.exchange = None;
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Body + fmt::Debug> fmt::Debug for HttpTapRequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTapRequestBody")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
