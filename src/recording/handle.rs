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

/// A handle of a recording: keeps it going beyond the activity it began in. Cloning it is cheap.
///
/// Where nothing is recorded, because the activity is inert or there is nothing to record, it does nothing, and
/// [`outcome`](Self::outcome) says why.
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
pub struct Recording(Result<Arc<Held>, Arc<Error>>);

/// Kept by handles, by activities it is attached to, and while it is asked for the rest. Without any of them the
/// resource is stopped.
struct Held {
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
        Recording(Ok(Arc::new(Held {
            sink,
            requests,
            runtime,
        })))
    }

    /// A handle of nothing.
    pub(super) fn failed(why: Error) -> Self {
        Recording(Err(Arc::new(why)))
    }

    /// Its id; `None` where nothing is recorded.
    pub fn id(&self) -> Option<RecordingId> {
        self.0.as_ref().ok().map(|held| held.sink.id())
    }

    /// How it stands or ended. That the store refuses a chunk is told by the store alone: what is `complete` here may be
    /// `lost` there.
    ///
    /// # Errors
    ///
    /// Why nothing is recorded.
    pub fn outcome(&self) -> Result<RecordingStatus, &Error> {
        match &self.0 {
            Ok(held) => Ok(held.sink.status()),
            Err(why) => Err(why),
        }
    }

    /// Attaches it to one more activity, from now until that ends: the session goes on there.
    pub fn link(&self, activity: &Activity) {
        if let Ok(held) = &self.0 {
            // One that has ended, or is inert, or is another log's, is not linked.
            let _linked = held.clone().attach_to(activity);
        }
    }

    /// Appends a chunk, beside what the resource appends by itself.
    pub fn append(&self, chunk: Chunk) {
        if let Ok(held) = &self.0 {
            held.sink.append(chunk);
        }
    }

    /// Has the resource append what it still holds back.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting; what was asked for still happens.
    pub async fn flush(&self) {
        if let Ok(held) = &self.0 {
            held.ask(Request::Flush).await;
        }
    }

    /// Ends it now, for everybody who holds it, once the resource has appended what it still held back: before its
    /// browser is closed, say.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting; what was asked for still happens.
    pub async fn stop(&self) {
        if let Ok(held) = &self.0 {
            held.ask(Request::Stop).await;
        }
    }

    /// Attaches it to the activity that it begins in.
    pub(super) fn begin_in(&self, activity: &Activity) -> Result<()> {
        match &self.0 {
            Ok(held) => held.clone().attach_to(activity),
            Err(_) => Ok(()),
        }
    }
}

impl Held {
    fn attach_to(self: Arc<Self>, activity: &Activity) -> Result<()> {
        let shared = self.sink.shard().shared().clone();
        let Some(id) = activity.id() else {
            return Err(nowhere("outside of any activity"));
        };
        if activity.runs_in(&shared) {
            // First the link, so that no end can come between.
            self.sink.link(id);
            if activity.add_end_listener(&shared, self.clone()) {
                return Ok(());
            }
            self.sink.unlink(id, shared.clock.stamp().wall_us);
        }
        Err(nowhere(&format!(
            "in the activity {id}, which has ended or is another log's"
        )))
    }

    /// Waits until the resource has done it.
    async fn ask(&self, request: impl FnOnce(oneshot::Sender<()>) -> Request) {
        let (done, answered) = oneshot::channel();
        // Without a task nothing is held back any more.
        if self.requests.send(request(done)).is_ok() {
            let _ = answered.await;
        }
    }
}

/// The error of a place where nothing can be recorded.
pub(super) fn nowhere(place: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("cannot record {place}: attach within one that runs"),
    )
}

impl EndListener for Held {
    fn on_end(
        self: Arc<Self>,
        activity: ActivityId,
        ended_at_us: i64,
    ) -> Option<oneshot::Receiver<()>> {
        let (done, answered) = oneshot::channel();
        let flush_mode = self.sink.limits().flush_mode;
        let runtime = self.runtime.clone();
        runtime.spawn(async move {
            self.ask(Request::Flush).await;
            self.sink.unlink(activity, ended_at_us);
            // Nobody waits in the background.
            let _ = done.send(());
        });
        (flush_mode == FlushMode::BeforeResponse).then_some(answered)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sink.fmt(f)
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recording").field(&self.outcome()).finish()
    }
}
