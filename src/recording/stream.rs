//! Recordings written by code.

use crate::{
    error::Result,
    record::Text,
    recording::{Resource, Sink},
};

/// A recording that code writes with [`Recording::append`](crate::recording::Recording::append), such as a HAR log,
/// screenshots, or frames of a simulation.
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityLog, Describe, recording::{Chunk, Stream}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> tower_activity::Result<()> {
/// let log = ActivityLog::open(":memory:")?;
/// let call = log.start(Describe::job("fetch"));
/// let har = call.attach(Stream::new("har")).await;
/// har.append(Chunk::new(r#"{"log":{"entries":[]}}"#));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Stream {
    format: Text,
}

impl Stream {
    /// Creates a stream whose chunks have this format.
    pub fn new(format: impl Into<Text>) -> Self {
        Stream {
            format: format.into(),
        }
    }
}

impl Resource for Stream {
    fn format(&self) -> Text {
        self.format.clone()
    }

    async fn start(&mut self, _sink: Sink) -> Result<()> {
        Ok(())
    }
}
