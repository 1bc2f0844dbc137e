//! A body whose beginning may have been read before.

use std::{
    fmt, mem,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::mcp::wire::{LONGEST_LINE, Totals};

/// The most bytes that bodies and events of all requests may hold until they are complete. Beyond them they pass unchanged.
const MOST_COLLECTED: usize = 64 << 20;

pin_project! {
    /// A body as it is, or its beginning and what is left of it.
    #[project = PassingProjection]
    pub(super) enum Passing<B: Body> {
        Whole {
            #[pin]
            body: B,
        },
        Begun {
            begun: Begun<B>,
        },
    }
}

/// A body that was read in part.
pub(super) struct Begun<B: Body> {
    pub(super) first: Option<Bytes>,
    pub(super) next: Option<Result<Frame<Bytes>, B::Error>>,
    pub(super) rest: Option<Pin<Box<B>>>,
    /// For the first part, until it passes.
    charge: Charge,
}

/// Bytes that are held, counted with those of all other requests until it is dropped.
#[derive(Debug, Default)]
pub(super) struct Charge {
    /// Without totals nothing can be held.
    totals: Option<Arc<Totals>>,
    bytes: usize,
}

/// Reads a body up to its end, or up to the longest message that is held.
pub(super) struct Collecting<B: Body> {
    held: Vec<u8>,
    charge: Charge,
    body: Option<Pin<Box<B>>>,
}

/// What was read of a body.
pub(super) struct Collected<B: Body> {
    pub(super) begun: Begun<B>,
    pub(super) end: CollectedEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CollectedEnd {
    /// All data was read.
    Whole,
    /// It is longer than a message that is held, or all together would hold too much.
    TooLong,
    Failed,
}

impl Charge {
    pub(super) fn new(totals: Arc<Totals>) -> Self {
        Charge {
            totals: Some(totals),
            bytes: 0,
        }
    }

    /// Counts more bytes. Returns false, and counts nothing, if all together would hold too much.
    pub(super) fn try_add(&mut self, bytes: usize) -> bool {
        let Some(totals) = &self.totals else {
            return false;
        };
        let before = totals.collected_bytes.fetch_add(bytes, Relaxed);
        if before + bytes > MOST_COLLECTED {
            totals.collected_bytes.fetch_sub(bytes, Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }

    /// Counts nothing any more: what was held has passed.
    pub(super) fn release(&mut self) {
        let bytes = mem::take(&mut self.bytes);
        if let Some(totals) = &self.totals {
            totals.collected_bytes.fetch_sub(bytes, Relaxed);
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.release();
    }
}

impl<B: Body<Data = Bytes>> Collecting<B> {
    pub(super) fn new(body: B, charge: Charge) -> Self {
        Collecting {
            held: Vec::new(),
            charge,
            body: Some(Box::pin(body)),
        }
    }

    /// Reads on. It must not be polled after it is ready.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Collected<B>> {
        let (next, end) = loop {
            let Some(body) = self.body.as_mut().filter(|body| !body.is_end_stream()) else {
                break (None, CollectedEnd::Whole);
            };
            let frame = match ready!(body.as_mut().poll_frame(cx)) {
                None => {
                    self.body = None;
                    break (None, CollectedEnd::Whole);
                }
                Some(Err(error)) => break (Some(Err(error)), CollectedEnd::Failed),
                Some(Ok(frame)) => frame,
            };
            match frame.data_ref() {
                // Trailers are the last frame.
                None => break (Some(Ok(frame)), CollectedEnd::Whole),
                Some(data)
                    if self.held.len() + data.len() > LONGEST_LINE
                        || !self.charge.try_add(data.len()) =>
                {
                    break (Some(Ok(frame)), CollectedEnd::TooLong);
                }
                Some(data) => self.held.extend_from_slice(data),
            }
        };
        let first = mem::take(&mut self.held);
        let begun = Begun {
            first: (!first.is_empty()).then(|| first.into()),
            next,
            rest: self.body.take(),
            charge: mem::take(&mut self.charge),
        };
        Poll::Ready(Collected { begun, end })
    }
}

impl<B: Body> Passing<B> {
    pub(super) fn new(body: B) -> Self {
        Passing::Whole { body }
    }

    /// A body of these bytes, after which a frame may come.
    pub(super) fn of(first: Option<Bytes>, next: Option<Result<Frame<Bytes>, B::Error>>) -> Self {
        let begun = Begun {
            first,
            next,
            rest: None,
            charge: Charge::default(),
        };
        Passing::Begun { begun }
    }
}

impl<B: Body<Data = Bytes>> Body for Passing<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let begun = match self.project() {
            PassingProjection::Whole { body } => return body.poll_frame(cx),
            PassingProjection::Begun { begun } => begun,
        };
        if let Some(first) = begun.first.take() {
            begun.charge.release();
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if let Some(next) = begun.next.take() {
            return Poll::Ready(Some(next));
        }
        match &mut begun.rest {
            Some(rest) => rest.as_mut().poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Passing::Whole { body } => body.is_end_stream(),
            Passing::Begun { begun } => {
                let is_read = begun.first.is_none() && begun.next.is_none();
                is_read && begun.rest.as_ref().is_none_or(|rest| rest.is_end_stream())
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        let begun = match self {
            Passing::Whole { body } => return body.size_hint(),
            Passing::Begun { begun } => begun,
        };
        let next = begun
            .next
            .as_ref()
            .and_then(|next| next.as_ref().ok()?.data_ref());
        let read = [begun.first.as_ref(), next].into_iter().flatten();
        let read: u64 = read.map(|data| data.len() as u64).sum();
        let rest = begun.rest.as_ref().map(|rest| rest.size_hint());
        let rest = rest.unwrap_or_else(|| SizeHint::with_exact(0));
        let mut hint = SizeHint::new();
        hint.set_lower(read.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper() {
            hint.set_upper(read.saturating_add(upper));
        }
        hint
    }
}

impl<B: Body + fmt::Debug> fmt::Debug for Passing<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Passing::Whole { body } => body.fmt(f),
            Passing::Begun { begun } => begun.rest.fmt(f),
        }
    }
}
