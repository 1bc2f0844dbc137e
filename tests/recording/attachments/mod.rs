//! Recordings attached to activities: flushed at their ends, bounded, and never failing or delaying a call.

mod attached;
mod bounds;
mod retention;
mod terminal;

use std::sync::Arc;

use tokio::sync::{Notify, oneshot};
use tower_activity::{
    ActivityLog, Result,
    log::RecordingOptions,
    record::{ActivityId, RecordingRecord, RecordingStatus, Text},
    recording::{Chunk, Resource, Sink},
};

use crate::read_back;
pub(crate) use crate::read_back::recordings;

pub(crate) fn log() -> ActivityLog {
    ActivityLog::open(":memory:").unwrap()
}

pub(crate) fn log_with(recordings: RecordingOptions) -> ActivityLog {
    let builder = ActivityLog::builder().recordings(recordings);
    builder.open(":memory:").unwrap()
}

/// Waits until the only recording of an activity satisfies the condition, and returns it.
pub(crate) async fn recording_when(
    log: &ActivityLog,
    id: Option<ActivityId>,
    condition: impl Fn(&RecordingRecord) -> bool,
) -> RecordingRecord {
    read_back::recording_when(log, id, condition).await
}

pub(crate) fn linked(record: &RecordingRecord) -> bool {
    record.links.iter().all(|link| link.until.is_some())
}

pub(crate) fn ended(record: &RecordingRecord) -> bool {
    linked(record) && record.status != RecordingStatus::Recording
}

pub(crate) fn text(log: &ActivityLog, recording: &RecordingRecord, track: &str) -> String {
    let mut out = Vec::new();
    let mut reader = log.reader().unwrap();
    reader.export(recording.id, track, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// A resource that buffers its text until it is flushed.
pub(crate) struct BufferingResource {
    text: &'static str,
    sink: Option<Sink>,
    /// If set, a flush waits for this.
    pub(crate) gate: Option<Arc<Notify>>,
    pub(crate) stopped: Option<oneshot::Sender<()>>,
}

impl BufferingResource {
    pub(crate) fn new(text: &'static str) -> Self {
        BufferingResource {
            text,
            sink: None,
            gate: None,
            stopped: None,
        }
    }
}

impl Resource for BufferingResource {
    fn format(&self) -> Text {
        "text".into()
    }

    async fn start(&mut self, sink: Sink) -> Result<()> {
        sink.append(Chunk::new("begin "));
        self.sink = Some(sink);
        Ok(())
    }

    async fn flush(&mut self) {
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        self.sink.as_ref().unwrap().append(Chunk::new(self.text));
    }

    async fn stop(&mut self) {
        if let Some(stopped) = self.stopped.take() {
            let _ = stopped.send(());
        }
    }
}

/// Waits until the condition holds, for up to ten seconds.
pub(crate) async fn wait_until(condition: impl Fn() -> bool) {
    crate::support::after_commit_async(|| condition().then_some(())).await;
}

/// Returns incompressible bytes, the same each time.
pub(crate) fn incompressible(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| random.u8(..))
        .take(bytes)
        .collect()
}
