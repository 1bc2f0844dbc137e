//! The body of a response: its activity is current for every frame and for the drop, and ends with the last frame.

use std::{
    fmt,
    future::Future,
    panic::resume_unwind,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::{
    activity::{ActivityGuard, guarded, panicked},
    layer::http::grpc,
    pipeline::CommitWait,
    record::{Outcome, Status, Text},
};

/// The attributes of a response.
pub(crate) const STATUS_CODE: &str = "http.response.status_code";
pub(super) const BODY_SIZE: &str = "http.response.body.size";

pin_project! {
    /// A body that ends its request's activity with its last frame. Returned by services under
    /// [`ActivityLayer::http`](crate::ActivityLayer::http).
    ///
    /// Frames pass through unchanged. In the mode [`Durable`](crate::Mode::Durable) the last one waits for the commit. The
    /// activity ends when the server takes the last frame, which it may still buffer: see
    /// [`layer::http`](crate::layer::http#the-end-of-a-body).
    pub struct ActivityBody<B: Body> {
        #[pin]
        inner: Option<B>,
        recording: Option<Recording>,
        pending: Option<Box<PendingFrame<B>>>,
    }

    impl<B: Body> PinnedDrop for ActivityBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(mut recording) = this.recording.take() {
                recording.running.enter(|| this.inner.set(None));
                recording.abandon();
            }
        }
    }
}

/// The activity of a response whose body is being sent.
struct Recording {
    running: ActivityGuard,
    progress: Progress,
}

/// What is known of a response until its end.
#[derive(Debug)]
pub(super) struct Progress {
    status: StatusCode,
    /// The outcome, unless the body fails; `None` until the trailers of a gRPC response.
    outcome: Option<Outcome>,
    /// The length of the body in bytes, if it is known.
    length: Option<u64>,
    /// Bytes that the server has taken, and may still buffer.
    sent: u64,
    /// True for the event stream of a `GET`, which lasts until the client disconnects.
    endless: bool,
}

/// The longest body that is expected to be taken at once, in bytes: the size of a connection's buffers.
const SHORT: u64 = 64 << 10;

/// The last frame, whose record is not committed yet.
struct PendingFrame<B: Body> {
    frame: Option<Result<Frame<B::Data>, B::Error>>,
    commit: CommitWait,
}

impl<B: Body> ActivityBody<B> {
    pub(super) fn new(inner: B, running: ActivityGuard, progress: Progress) -> Self {
        ActivityBody {
            inner: Some(inner),
            recording: Some(Recording { running, progress }),
            pending: None,
        }
    }

    /// A body whose request is not recorded, or has ended before it.
    pub(super) fn unrecorded(inner: B) -> Self {
        ActivityBody {
            inner: Some(inner),
            recording: None,
            pending: None,
        }
    }
}

impl<B> Body for ActivityBody<B>
where
    B: Body,
    B::Error: 'static,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        if let Some(pending) = this.pending {
            ready!(Pin::new(&mut pending.commit).poll(cx));
            return Poll::Ready(this.pending.take().and_then(|pending| pending.frame));
        }
        let Some(recording) = this.recording else {
            return match this.inner.as_pin_mut() {
                Some(inner) => inner.poll_frame(cx),
                None => Poll::Ready(None),
            };
        };
        let polled = recording.running.enter_catching(|| {
            let inner = this.inner.as_mut().as_pin_mut();
            let polled = inner.map_or(Poll::Ready(None), |inner| inner.poll_frame(cx));
            let over = match &polled {
                Poll::Pending => false,
                Poll::Ready(None) => true,
                // Trailers are the last frame.
                Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => true,
                Poll::Ready(Some(_)) => {
                    let inner = this.inner.as_ref().as_pin_ref();
                    inner.is_some_and(|inner| inner.is_end_stream())
                }
            };
            if over {
                this.inner.set(None);
            }
            (polled, over)
        });
        let (frame, over) = match polled {
            Ok((Poll::Pending, _)) => return Poll::Pending,
            Ok((Poll::Ready(frame), over)) => (frame, over),
            // A body that panicked stays until its caller drops it, as without the layer.
            Err(payload) => {
                recording.close(panicked(&*payload));
                *this.recording = None;
                resume_unwind(payload)
            }
        };
        if let Some(frame) = &frame {
            recording.observe(frame);
        }
        if !over && !recording.progress.complete() {
            return Poll::Ready(frame);
        }
        let commit = recording.end();
        *this.recording = None;
        if let Some(mut commit) = commit
            && Pin::new(&mut commit).poll(cx).is_pending()
        {
            *this.pending = Some(Box::new(PendingFrame { frame, commit }));
            return Poll::Pending;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.pending.is_none() && self.inner.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let Some(pending) = &self.pending else {
            return match &self.inner {
                Some(inner) => inner.size_hint(),
                None => SizeHint::with_exact(0),
            };
        };
        let data = match &pending.frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, bytes_of),
            Some(Err(_)) | None => 0,
        };
        SizeHint::with_exact(data)
    }
}

impl Recording {
    /// Updates the progress from a frame.
    fn observe<D: Buf, E: 'static>(&mut self, frame: &Result<Frame<D>, E>) {
        match frame {
            Ok(frame) => {
                self.progress.sent += frame.data_ref().map_or(0, bytes_of);
                if let Some((code, outcome)) = frame.trailers_ref().and_then(grpc::status)
                    && self.progress.outcome.is_none()
                {
                    self.running.set(Text::own(grpc::STATUS_CODE), code);
                    self.progress.outcome = Some(outcome);
                }
            }
            Err(_) if self.progress.failed() => {}
            Err(error) => {
                // Its `Debug` and `Display` are the application's.
                let outcome = guarded(|| Outcome::from_opaque(error));
                let outcome = outcome.unwrap_or_else(|| Outcome::failed("classifier_panic"));
                self.progress.outcome = Some(outcome);
            }
        }
    }

    /// Ends it after its last frame. Returns the commit that the frame waits for, if it does.
    fn end(&mut self) -> Option<CommitWait> {
        let outcome = self.progress.outcome.take();
        self.close(outcome.unwrap_or_else(grpc::missing_status));
        self.running.commit()
    }

    /// Ends it when the body is dropped before its end.
    fn abandon(&mut self) {
        if self.progress.failed() {
            let outcome = self.progress.outcome.take();
            self.close(outcome.unwrap_or_else(Outcome::cancelled));
        } else if self.progress.endless {
            self.running.set(Text::own("client_closed"), true);
            self.close(Outcome::success());
        } else {
            let outcome = self.running.dropped();
            self.close(outcome);
        }
    }

    fn close(&mut self, mut outcome: Outcome) {
        let status = self.progress.status.as_u16().into();
        let numbers = [(STATUS_CODE, status), (BODY_SIZE, self.progress.sent)];
        let noted = usize::from(!self.progress.is_short());
        self.running
            .close_with_numbers(&mut outcome, &numbers[noted..]);
    }
}

impl Progress {
    pub(super) fn new(
        status: StatusCode,
        outcome: Option<Outcome>,
        length: Option<u64>,
        endless: bool,
    ) -> Self {
        Progress {
            status,
            outcome,
            length,
            sent: 0,
            endless,
        }
    }

    /// True if it will end soon, provided that the client reads it: the status is then set at the end.
    pub(super) fn is_short(&self) -> bool {
        self.length.is_some_and(|length| length <= SHORT)
    }

    /// True if all bytes were taken: servers do not poll again. A gRPC body still has its trailers.
    fn complete(&self) -> bool {
        self.outcome.is_some() && self.length.is_some_and(|length| self.sent >= length)
    }

    /// True if it has failed, whether the rest is read or not.
    fn failed(&self) -> bool {
        self.outcome
            .as_ref()
            .is_some_and(|outcome| outcome.status() == Status::Failed)
    }
}

fn bytes_of(data: &impl Buf) -> u64 {
    data.remaining() as u64
}

impl<B: Body + Default> Default for ActivityBody<B> {
    fn default() -> Self {
        ActivityBody::unrecorded(B::default())
    }
}

impl<B: Body + fmt::Debug> fmt::Debug for ActivityBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityBody")
            .field("inner", &self.inner)
            .field(
                "running",
                &self.recording.as_ref().map(|recording| &recording.running),
            )
            .finish_non_exhaustive()
    }
}
