//! Reads back the recordings of an activity.

use std::time::{Duration, Instant};

use tower_activity::{
    ActivityLog,
    record::{ActivityId, RecordingRecord},
};

/// Returns the recordings of an activity that are committed now.
pub(crate) fn recordings(log: &ActivityLog, id: Option<ActivityId>) -> Vec<RecordingRecord> {
    log.flush().wait().unwrap();
    let mut reader = log.reader().unwrap();
    reader.recordings_of(id.unwrap()).unwrap()
}

/// Waits until the only recording of an activity satisfies the condition, and returns it.
pub(crate) async fn recording_when(
    log: &ActivityLog,
    id: Option<ActivityId>,
    timeout: Duration,
    condition: impl Fn(&RecordingRecord) -> bool,
) -> RecordingRecord {
    let deadline = Instant::now() + timeout;
    loop {
        let found = recordings(log, id);
        if let [recording] = &found[..]
            && condition(recording)
        {
            return recording.clone();
        }
        assert!(Instant::now() < deadline, "{found:#?}");
        tokio::task::yield_now().await;
    }
}
