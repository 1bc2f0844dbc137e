//! What can be recorded.

use std::future::Future;

use crate::{error::Result, record::Text, recording::Sink};

/// Something that records itself: a browser, a terminal, or anything that appends chunks to a [`Sink`].
///
/// Once started it works on its own, and appends what happens as it happens. It is asked for the rest at the end of
/// each activity, and stopped when nobody holds the recording any more. Each has a deadline, the log's
/// [`RecordingOptions::timeout`](crate::log::RecordingOptions::timeout); what misses it ends as `timed_out`.
///
/// # Examples
///
/// ```
/// use tower_activity::{
///     Activity, ActivityLog, Describe, Result,
///     record::Text,
///     recording::{Chunk, Resource, Sink},
/// };
///
/// struct Screenshot(Vec<u8>);
///
/// impl Resource for Screenshot {
///     fn format(&self) -> Text {
///         Text::from_static("png")
///     }
///
///     async fn start(&mut self, sink: Sink) -> Result<()> {
///         sink.append(Chunk::new(self.0.clone()));
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let log = ActivityLog::open(":memory:")?;
/// let running = log.start(Describe::job("screenshot"));
/// let recording = running.attach(Screenshot(vec![0x89, b'P', b'N', b'G'])).await;
/// assert!(recording.id().is_some());
/// # Ok(())
/// # }
/// ```
pub trait Resource: Send + 'static {
    /// What its chunks hold: `rrweb`, `asciicast`, ..
    fn format(&self) -> Text;

    /// Begins to record into the sink.
    ///
    /// # Errors
    ///
    /// When there is nothing to record. The recording's [`outcome`](crate::recording::Recording::outcome) says so, and
    /// the call goes on.
    fn start(&mut self, sink: Sink) -> impl Future<Output = Result<()>> + Send;

    /// Appends what has happened by now and is still held back.
    fn flush(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Appends what is still held back, and ends. What is recorded goes on: a browser stays open.
    fn stop(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}
