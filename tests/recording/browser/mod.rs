//! Real browsers: no event is lost or misattributed, no secret is stored, and recordings are playable.

mod chromium;
mod console;
mod drivers;
mod ends;
mod forged;
mod frames;
mod hostile;
mod hung;
mod options;
mod pages;
mod replay;
mod secrets;
mod site;
mod table;

use std::time::Duration;

use serde_json::Value;
use tower_activity::{
    ActivityLog,
    log::RecordingOptions,
    record::{ActivityId, RecordingRecord},
};

use crate::read_back;
pub(crate) use crate::read_back::recordings;

/// A log with a timeout for busy machines.
pub(crate) fn patient_log() -> ActivityLog {
    log_with_timeout(Duration::from_secs(20))
}

/// A log with this timeout for recordings.
pub(crate) fn log_with_timeout(timeout: Duration) -> ActivityLog {
    let recordings = RecordingOptions::default().timeout(timeout);
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

/// True if the recordings of an activity contain the text.
pub(crate) fn contains(log: &ActivityLog, id: Option<ActivityId>, text: &str) -> bool {
    let recordings = recordings(log, id);
    let mut tracks = recordings.iter().flat_map(|one| events(log, one));
    tracks.any(|track| serde_json::to_string(&track).unwrap().contains(text))
}

/// Waits until the condition holds.
pub(crate) async fn wait_until(condition: impl Fn() -> bool) {
    crate::support::after_commit_async(|| condition().then_some(())).await;
}

pub(crate) fn ended(record: &RecordingRecord) -> bool {
    record.ended_at.is_some() && record.links.iter().all(|link| link.until.is_some())
}

/// The events of every track.
pub(crate) fn events(log: &ActivityLog, recording: &RecordingRecord) -> Vec<Vec<Value>> {
    let mut reader = log.reader().unwrap();
    let tracks = recording.tracks.iter();
    tracks
        .map(|track| {
            let mut out = Vec::new();
            assert_eq!(reader.export(recording.id, track, &mut out).unwrap(), 0);
            serde_json::from_slice(&out).unwrap()
        })
        .collect()
}
