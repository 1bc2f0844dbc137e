//! Recordings: attached to activities, handed over at their ends, bounded, and never in the way of a call.

mod attached;
mod bounds;
mod retention;
mod terminal;

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, oneshot};
use tower_activity::{
    ActivityLog, Result,
    log::RecordingOptions,
    record::{ActivityId, RecordingRecord, RecordingStatus, Text},
    recording::{Chunk, Resource, Sink},
};

use crate::kept;
pub(crate) use crate::kept::of;

pub(crate) fn log() -> ActivityLog {
    ActivityLog::open(":memory:").unwrap()
}

pub(crate) fn with(recordings: RecordingOptions) -> ActivityLog {
    let builder = ActivityLog::builder().recordings(recordings);
    builder.open(":memory:").unwrap()
}

/// The one recording of an activity, once the condition holds.
pub(crate) async fn until(
    log: &ActivityLog,
    id: Option<ActivityId>,
    enough: impl Fn(&RecordingRecord) -> bool,
) -> RecordingRecord {
    kept::until(log, id, Duration::from_secs(10), enough).await
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

/// Holds back what it was given until it is asked for it.
pub(crate) struct Holding {
    text: &'static str,
    sink: Option<Sink>,
    /// Answers only after this, where there is one.
    pub(crate) gate: Option<Arc<Notify>>,
    pub(crate) stopped: Option<oneshot::Sender<()>>,
}

impl Holding {
    pub(crate) fn back(text: &'static str) -> Self {
        Holding {
            text,
            sink: None,
            gate: None,
            stopped: None,
        }
    }
}

impl Resource for Holding {
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

/// Asks until it holds, for up to ten seconds.
pub(crate) async fn soon_async(enough: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while !enough() {
        assert!(std::time::Instant::now() < deadline, "not in time");
        tokio::task::yield_now().await;
    }
}

/// Bytes that are not to be compressed, the same each time.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| random.u8(..))
        .take(bytes)
        .collect()
}
