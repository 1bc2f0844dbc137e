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

use super::{
    exchange::{End, SharedExchange, failed},
    held_events::HeldEvents,
    passing::Passing,
};
use crate::activity::{Activity, panicked};

pin_project! {
    /// The body of a response of a service under a [`HttpTapLayer`](crate::mcp::HttpTapLayer). Frames pass through unchanged, except
    /// for a list of tools that [`ToolOptions::intent`](crate::mcp::ToolOptions::intent) and
    /// [`missing_tool`](crate::mcp::ToolOptions::missing_tool) extend.
    pub struct HttpTapBody<B: Body> {
        #[pin]
        inner: Option<Passing<B>>,
        reading: Option<Reading>,
    }

    impl<B: Body> PinnedDrop for HttpTapBody<B> {
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
    /// The events that may change.
    events: Option<HeldEvents>,
}

/// The output for a frame.
enum Passed<E> {
    Frame(Option<Result<Frame<Bytes>, E>>),
    /// Nothing yet.
    Held,
    /// What was held, and then this.
    Before(Vec<u8>, Option<Result<Frame<Bytes>, E>>),
}

impl<B: Body<Data = Bytes>> HttpTapBody<B> {
    pub(super) fn new(
        inner: Passing<B>,
        exchange: SharedExchange,
        activity: Option<Activity>,
        events: Option<HeldEvents>,
    ) -> Self {
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
                events,
            }),
        }
    }
}

impl<B: Body> HttpTapBody<B> {
    pub(super) fn unread(inner: Passing<B>) -> Self {
        HttpTapBody {
            inner: Some(inner),
            reading: None,
        }
    }
}

impl Reading {
    /// Changes the events of a frame, after which the body may be at its end.
    fn pass<E>(&mut self, frame: Option<Result<Frame<Bytes>, E>>, is_end: bool) -> Passed<E> {
        let Some(events) = &mut self.events else {
            return Passed::Frame(frame);
        };
        let data = match &frame {
            Some(Ok(frame)) => frame.data_ref(),
            _ => None,
        };
        let Some(data) = data else {
            let held = match &frame {
                Some(Err(_)) => events.break_off(),
                _ => events.finish(&self.exchange),
            };
            self.events = None;
            return match held.is_empty() {
                true => Passed::Frame(frame),
                false => Passed::Before(held, frame),
            };
        };
        let mut passed = events.read(data, &self.exchange);
        if is_end {
            passed.append(&mut events.finish(&self.exchange));
        }
        match passed.is_empty() {
            true => Passed::Held,
            false => Passed::Frame(Some(Ok(Frame::data(passed.into())))),
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
        let frame = loop {
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
            match reading.pass(frame, inner.is_end_stream()) {
                Passed::Frame(frame) => break frame,
                Passed::Held => {}
                Passed::Before(held, next) => {
                    let next = Some(Passing::of(None, next));
                    match &reading.activity {
                        Some(activity) => activity.enter(|| this.inner.set(next)),
                        None => this.inner.set(next),
                    }
                    break Some(Ok(Frame::data(held.into())));
                }
            }
        };
        let (Some(reading), Some(inner)) = (this.reading.as_mut(), this.inner.as_pin_mut()) else {
            return Poll::Ready(frame);
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
        self.inner.as_ref().is_none_or(Passing::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let changes = |reading: &Reading| reading.events.is_some();
        match &self.inner {
            Some(_) if self.reading.as_ref().is_some_and(changes) => SizeHint::default(),
            Some(inner) => inner.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

impl<B: Body + Default> Default for HttpTapBody<B> {
    fn default() -> Self {
        HttpTapBody::unread(Passing::new(B::default()))
    }
}

impl<B: Body + fmt::Debug> fmt::Debug for HttpTapBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTapBody")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
