//! The handle of a recording.

use std::{fmt, sync::Arc};

use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

use crate::{
    activity::Activity,
    error::{Error, ErrorKind, Result},
    pipeline::{EndListener, FlushMode},
    record::{ActivityId, RecordingId, RecordingStatus},
    recording::{Chunk, Sink, actor::Request},
};

/// A handle of a recording. Keeps it running beyond the activity in which it started. Cloning is cheap.
///
/// If nothing is recorded, because the activity is inert or the resource could not be started, the handle does nothing,
/// and [`outcome`](Self::outcome) returns the reason.
///
/// # Examples
///
/// A session that lives across two calls:
///
/// ```
/// use tower_activity::{ActivityLog, Describe, recording::{Chunk, Stream}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> tower_activity::Result<()> {
/// let log = ActivityLog::open(":memory:")?;
/// let login = log.start(Describe::job("login"));
/// let session = login.attach(Stream::new("frames")).await;
/// session.append(Chunk::new("first"));
/// login.end(tower_activity::Outcome::success());
///
/// let search = log.start(Describe::job("search"));
/// session.link(&search);
/// session.append(Chunk::new("second"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Recording(Result<Arc<Inner>, Arc<Error>>);

/// Shared by the handles, the activities it is attached to, and pending flushes. The resource is stopped when the last
/// reference is dropped.
struct Inner {
    sink: Sink,
    requests: mpsc::UnboundedSender<Request>,
    runtime: Handle,
}

impl Recording {
    pub(super) fn new(
        sink: Sink,
        requests: mpsc::UnboundedSender<Request>,
        runtime: Handle,
    ) -> Self {
        Recording(Ok(Arc::new(Inner {
            sink,
            requests,
            runtime,
        })))
    }

    /// Creates a handle that does nothing.
    pub(super) fn failed(error: Error) -> Self {
        Recording(Err(Arc::new(error)))
    }

    /// Returns the id of the recording; `None` if nothing is recorded.
    pub fn id(&self) -> Option<RecordingId> {
        self.0.as_ref().ok().map(|inner| inner.sink.id())
    }

    /// Returns the current or final status.
    ///
    /// A chunk that the store rejects is known only to the store: a recording may be `complete` here and `lost` there.
    ///
    /// # Errors
    ///
    /// If nothing is recorded: the reason.
    pub fn outcome(&self) -> Result<RecordingStatus, &Error> {
        match &self.0 {
            Ok(inner) => Ok(inner.sink.status()),
            Err(error) => Err(error),
        }
    }

    /// Attaches the recording to another activity, from now until its end.
    pub fn link(&self, activity: &Activity) {
        if let Ok(inner) = &self.0 {
            // Ignored: an activity that has ended, is inert, or belongs to another log is not linked.
            let _linked = inner.clone().attach_to(activity);
        }
    }

    /// Appends a chunk, in addition to those of the resource.
    pub fn append(&self, chunk: Chunk) {
        if let Ok(inner) = &self.0 {
            inner.sink.append(chunk);
        }
    }

    /// Waits until the resource has appended all buffered events.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops waiting; the flush still happens.
    pub async fn flush(&self) {
        if let Ok(inner) = &self.0 {
            inner.request(Request::Flush).await;
        }
    }

    /// Flushes the resource and ends the recording for all handles and activities: before the browser is closed, for
    /// example.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops waiting; the stop still happens.
    pub async fn stop(&self) {
        if let Ok(inner) = &self.0 {
            inner.request(Request::Stop).await;
        }
    }

    /// Attaches the recording to the activity in which it starts.
    pub(super) fn attach_to(&self, activity: &Activity) -> Result<()> {
        match &self.0 {
            Ok(inner) => inner.clone().attach_to(activity),
            Err(_) => Ok(()),
        }
    }
}

impl Inner {
    fn attach_to(self: Arc<Self>, activity: &Activity) -> Result<()> {
        let shared = self.sink.shard().shared().clone();
        let Some(id) = activity.id() else {
            return Err(not_recordable("outside of any activity"));
        };
        if activity.runs_in(&shared) {
            // The link comes first, so that an end in between is not missed.
            self.sink.link(id);
            if activity.add_end_listener(&shared, self.clone()) {
                return Ok(());
            }
            self.sink.unlink(id, shared.clock.stamp().wall_us);
        }
        Err(not_recordable(&format!(
            "in the activity {id}, which has ended or is another log's"
        )))
    }

    /// Sends a request to the resource and waits until it is done.
    async fn request(&self, request: impl FnOnce(oneshot::Sender<()>) -> Request) {
        let (done, answered) = oneshot::channel();
        // If the task has ended, nothing is buffered.
        if self.requests.send(request(done)).is_ok() {
            let _ = answered.await;
        }
    }
}

/// Returns the error of attaching to an activity that cannot be recorded into.
pub(super) fn not_recordable(place: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("cannot record {place}: attach to a running activity"),
    )
}

impl EndListener for Inner {
    fn on_end(
        self: Arc<Self>,
        activity: ActivityId,
        ended_at_us: i64,
    ) -> Option<oneshot::Receiver<()>> {
        let (done, answered) = oneshot::channel();
        let flush_mode = self.sink.limits().flush_mode;
        let runtime = self.runtime.clone();
        runtime.spawn(async move {
            self.request(Request::Flush).await;
            self.sink.unlink(activity, ended_at_us);
            // Ignored: a background flush has no waiter.
            let _ = done.send(());
        });
        (flush_mode == FlushMode::BeforeResponse).then_some(answered)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sink.fmt(f)
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recording").field(&self.outcome()).finish()
    }
}
