//! Attaching a resource to a running activity.

use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

use crate::{
    activity::Activity,
    error::{Error, ErrorKind},
    recording::{Recording, Resource, Sink, actor, handle::not_recordable},
};

impl Activity {
    /// Records a resource into this activity: a browser, a terminal, a [`Stream`](crate::recording::Stream).
    ///
    /// Attaching never fails the call: if nothing can be recorded, the returned handle does nothing, and its
    /// [`outcome`](Recording::outcome) returns the reason. The recording belongs to this activity, regardless of which
    /// activity is current when a chunk is appended. If the handle is dropped, recording continues until the activity
    /// ends; if it is kept, recording can continue in another activity ([`Recording::link`]).
    ///
    /// Requires a tokio runtime, on which the recording runs in the background.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::{Activity, recording::{Chunk, Stream}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let har = Activity::current().attach(Stream::new("har")).await;
    /// har.append(Chunk::new("{}"));   // outside of any activity: does nothing
    /// assert!(har.outcome().is_err());
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, a recording that has started continues until the activity ends.
    pub async fn attach<R: Resource>(&self, resource: R) -> Recording {
        let Some(shard) = self.shard() else {
            return Recording::failed(not_recordable("outside of any activity"));
        };
        let Ok(runtime) = Handle::try_current() else {
            return Recording::failed(Error::new(
                ErrorKind::Invalid,
                "cannot record outside of a tokio runtime",
            ));
        };
        let sink = Sink::new(shard.clone(), resource.format());
        let (requests, received) = mpsc::unbounded_channel();
        let recording = Recording::new(sink.clone(), requests, runtime.clone());
        // Before the start, so that the first event is already linked to the activity.
        if let Err(error) = recording.attach_to(self) {
            return Recording::failed(error);
        }
        let (started, outcome) = oneshot::channel();
        runtime.spawn(actor::run(resource, sink, received, started));
        match outcome.await {
            Ok(Ok(())) => recording,
            Ok(Err(error)) => Recording::failed(error),
            Err(_) => Recording::failed(Error::new(
                ErrorKind::Panicked,
                "cannot start the recording: the resource panicked",
            )),
        }
    }
}
