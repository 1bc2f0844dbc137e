//! The trait of a recordable resource.

use std::future::Future;

use crate::{error::Result, record::Text, recording::Sink};

/// A resource that can be recorded: a browser, a terminal, or anything that appends chunks to a [`Sink`].
///
/// Once started, a resource works on its own and appends events as they happen. It is flushed at the end of each
/// activity, and stopped when the recording has no handle and no running activity left. Start, flush and stop have the
/// timeout [`RecordingOptions::timeout`](crate::log::RecordingOptions::timeout) of the log; a recording that exceeds it ends as
/// `timed_out`.
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
    /// Returns the format of the chunks, such as `rrweb` or `asciicast`.
    fn format(&self) -> Text;

    /// Starts recording into `sink`.
    ///
    /// # Errors
    ///
    /// If nothing can be recorded. The call continues, and the recording's
    /// [`outcome`](crate::recording::Recording::outcome) returns the error.
    fn start(&mut self, sink: Sink) -> impl Future<Output = Result<()>> + Send;

    /// Appends all buffered events.
    fn flush(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Appends all buffered events, and stops recording. The resource itself continues: a browser stays open.
    fn stop(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}
