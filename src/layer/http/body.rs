//! The body of a response: the activity is current for every frame and for the drop, and ends with the last.

use std::{
    any::type_name,
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
    activity::{Running, panicked},
    layer::http::grpc,
    pipeline::CommitWait,
    record::{Outcome, Status, Text},
};

/// The attributes for what is seen of a response.
pub(super) const STATUS_CODE: &str = "http.response.status_code";
pub(super) const BODY_SIZE: &str = "http.response.body.size";

pin_project! {
    /// A body that ends its request's activity when it ends itself.
    ///
    /// Frames pass through as they are. In the mode [`Durable`](crate::Mode::Durable) the last one waits for the
    /// commit of the record.
    pub struct ActivityBody<B: Body> {
        #[pin]
        inner: Option<B>,
        recording: Option<Recording>,
        held: Option<Box<Held<B>>>,
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

/// A response whose body is on its way.
struct Recording {
    running: Running,
    progress: Progress,
}

/// What is known of a response until its end.
#[derive(Debug)]
pub(super) struct Progress {
    status: StatusCode,
    /// How it ends, if nothing else happens; `None` where that is left to the trailers.
    outcome: Option<Outcome>,
    /// How many bytes it has, where that is known.
    length: Option<u64>,
    sent: u64,
    /// It goes on until somebody has enough of it.
    endless: bool,
}

/// The longest body that is sent at once, in bytes: what the buffers of a connection hold.
const SHORT: u64 = 64 << 10;

/// The last frame, until the record is committed.
struct Held<B: Body> {
    frame: Option<Result<Frame<B::Data>, B::Error>>,
    commit: CommitWait,
}

impl<B: Body> ActivityBody<B> {
    pub(super) fn new(inner: B, running: Running, progress: Progress) -> Self {
        ActivityBody {
            inner: Some(inner),
            recording: Some(Recording { running, progress }),
            held: None,
        }
    }

    /// A body whose request is not on record, or has ended before it.
    pub(super) fn unrecorded(inner: B) -> Self {
        ActivityBody {
            inner: Some(inner),
            recording: None,
            held: None,
        }
    }
}

impl<B: Body> Body for ActivityBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        if let Some(held) = this.held {
            ready!(Pin::new(&mut held.commit).poll(cx));
            return Poll::Ready(this.held.take().and_then(|held| held.frame));
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
                // Nothing may follow trailers.
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
            // A body that panicked stays: it is dropped where its caller drops it, as if we were not there.
            Err(payload) => {
                recording.close(panicked(&*payload));
                *this.recording = None;
                resume_unwind(payload)
            }
        };
        if let Some(frame) = &frame {
            recording.see(frame);
        }
        if !over && !recording.progress.complete() {
            return Poll::Ready(frame);
        }
        let commit = recording.end();
        *this.recording = None;
        if let Some(mut commit) = commit
            && Pin::new(&mut commit).poll(cx).is_pending()
        {
            *this.held = Some(Box::new(Held { frame, commit }));
            return Poll::Pending;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.inner.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let Some(held) = &self.held else {
            return match &self.inner {
                Some(inner) => inner.size_hint(),
                None => SizeHint::with_exact(0),
            };
        };
        let data = match &held.frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, bytes_of),
            Some(Err(_)) | None => 0,
        };
        SizeHint::with_exact(data)
    }
}

impl Recording {
    /// Takes note of a frame.
    fn see<D: Buf, E>(&mut self, frame: &Result<Frame<D>, E>) {
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
            Err(_) => self.progress.outcome = Some(Outcome::failed(type_name::<E>())),
        }
    }

    /// Ends it after its last frame; returns the commit that this waits for, where it does.
    fn end(&mut self) -> Option<CommitWait> {
        let outcome = self.progress.outcome.take();
        self.close(outcome.unwrap_or_else(grpc::missing_status));
        self.running.commit()
    }

    /// Ends it where nobody wanted the rest.
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

    /// True when it will end soon, if its client reads it: what is known of its head is noted then.
    pub(super) fn is_short(&self) -> bool {
        self.length.is_some_and(|length| length <= SHORT)
    }

    /// True when all bytes are there: servers do not poll for more. A gRPC body still has its trailers.
    fn complete(&self) -> bool {
        self.outcome.is_some() && self.length.is_some_and(|length| self.sent >= length)
    }

    /// True when it has failed, whether the rest is read or not.
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
