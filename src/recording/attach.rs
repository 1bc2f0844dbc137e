//! Attaching a resource to a running activity.

use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

use crate::{
    activity::Activity,
    error::{Error, ErrorKind},
    recording::{Recording, Resource, Sink, actor, handle::nowhere},
};

impl Activity {
    /// Has something record itself into this activity: a browser, a terminal, a [`Stream`](crate::recording::Stream).
    ///
    /// It fails softly: where there is nothing to record the handle does nothing, and its
    /// [`outcome`](Recording::outcome) says why. It is bound to this activity for good, whatever is current when
    /// something happens. Dropping the handle leaves it going until the activity has ended; keeping it lets it go on in
    /// the next one ([`Recording::link`]).
    ///
    /// It needs a tokio runtime, on which it goes on by itself.
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
    /// What has begun goes on until the activity has ended.
    pub async fn attach<R: Resource>(&self, resource: R) -> Recording {
        let Some(shard) = self.shard() else {
            return Recording::failed(nowhere("outside of any activity"));
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
        // First, so that not even its first event is without a place.
        if let Err(why) = recording.begin_in(self) {
            return Recording::failed(why);
        }
        let (started, outcome) = oneshot::channel();
        runtime.spawn(actor::run(resource, sink, received, started));
        match outcome.await {
            Ok(Ok(())) => recording,
            Ok(Err(why)) => Recording::failed(why),
            Err(_) => Recording::failed(Error::new(
                ErrorKind::Panicked,
                "what was to be recorded panicked when it began",
            )),
        }
    }
}
