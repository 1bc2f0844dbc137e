//! Reads back the recordings of an activity.

use tower_activity::{
    ActivityLog,
    record::{ActivityId, RecordingRecord},
};

use crate::support::after_commit_async;

/// Returns the recordings of an activity that are committed now.
pub(crate) fn recordings(log: &ActivityLog, id: Option<ActivityId>) -> Vec<RecordingRecord> {
    log.flush().wait().unwrap();
    let mut reader = log.reader().unwrap();
    reader.recordings_of(id.unwrap()).unwrap()
}

/// Waits until the only recording of an activity satisfies the condition, and returns it. Checks after each commit.
pub(crate) async fn recording_when(
    log: &ActivityLog,
    id: Option<ActivityId>,
    condition: impl Fn(&RecordingRecord) -> bool,
) -> RecordingRecord {
    after_commit_async(|| match &recordings(log, id)[..] {
        [recording] if condition(recording) => Some(recording.clone()),
        _ => None,
    })
    .await
}
