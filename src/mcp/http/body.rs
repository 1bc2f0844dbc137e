//! The body of a response, which is read as it passes.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::exchange::{End, SharedExchange, failed};
use crate::activity::{Activity, panicked};

pin_project! {
    /// The body of a response of a service under a [`HttpTapLayer`](crate::mcp::HttpTapLayer). Frames pass through unchanged.
    pub struct HttpTapBody<B> {
        #[pin]
        inner: Option<B>,
        reading: Option<Reading>,
    }

    impl<B> PinnedDrop for HttpTapBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(reading) = this.reading.take() {
                match &reading.activity {
                    Some(activity) => activity.enter(|| this.inner.set(None)),
                    None => this.inner.set(None),
                }
                reading.exchange.end(End::Dropped);
            }
        }
    }
}

/// A response that is being sent.
#[derive(Debug)]
struct Reading {
    exchange: SharedExchange,
    activity: Option<Activity>,
    /// Bytes that are left, if the length is known.
    left: Option<u64>,
}

impl<B: Body> HttpTapBody<B> {
    pub(super) fn new(inner: B, exchange: SharedExchange, activity: Option<Activity>) -> Self {
        let left = inner.size_hint().exact();
        // Servers do not poll it.
        if inner.is_end_stream() || left == Some(0) {
            exchange.end(End::Complete);
            return HttpTapBody::unread(inner);
        }
        HttpTapBody {
            inner: Some(inner),
            reading: Some(Reading {
                exchange,
                activity,
                left,
            }),
        }
    }
}

impl<B> HttpTapBody<B> {
    pub(super) fn unread(inner: B) -> Self {
        HttpTapBody {
            inner: Some(inner),
            reading: None,
        }
    }
}

impl<B> Body for HttpTapBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: 'static,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let Some(reading) = this.reading else {
            return inner.poll_frame(cx);
        };
        let mut poll = || inner.as_mut().poll_frame(cx);
        let polled = catch_unwind(AssertUnwindSafe(|| match &reading.activity {
            Some(activity) => activity.enter(poll),
            None => poll(),
        }));
        let frame = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(frame)) => frame,
            Err(payload) => {
                reading.exchange.end(End::Failed(panicked(&*payload)));
                *this.reading = None;
                resume_unwind(payload)
            }
        };
        let end = match &frame {
            None => Some(End::Complete),
            Some(Err(error)) => Some(End::Failed(failed(error))),
            Some(Ok(frame)) => match frame.data_ref() {
                Some(data) => {
                    reading.exchange.read_response(data);
                    let left = reading.left.as_mut();
                    let is_last = left.is_some_and(|left| {
                        *left = left.saturating_sub(data.len() as u64);
                        *left == 0
                    });
                    (is_last || inner.is_end_stream()).then_some(End::Complete)
                }
                // Trailers are the last frame.
                None => frame.is_trailers().then_some(End::Complete),
            },
        };
        if let Some(end) = end {
            reading.exchange.end(end);
            *this.reading = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Some(inner) => inner.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

impl<B: Default> Default for HttpTapBody<B> {
    fn default() -> Self {
        HttpTapBody::unread(B::default())
    }
}

impl<B: fmt::Debug> fmt::Debug for HttpTapBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTapBody")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
