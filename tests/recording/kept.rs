//! The recordings of an activity, read back.

use std::time::{Duration, Instant};

use tower_activity::{
    ActivityLog,
    record::{ActivityId, RecordingRecord},
};

/// The recordings of an activity, as they are on record now.
pub(crate) fn of(log: &ActivityLog, id: Option<ActivityId>) -> Vec<RecordingRecord> {
    log.flush().wait().unwrap();
    let mut reader = log.reader().unwrap();
    reader.recordings_of(id.unwrap()).unwrap()
}

/// The one recording of an activity, once the condition holds, for which it waits so long.
pub(crate) async fn until(
    log: &ActivityLog,
    id: Option<ActivityId>,
    patience: Duration,
    enough: impl Fn(&RecordingRecord) -> bool,
) -> RecordingRecord {
    let deadline = Instant::now() + patience;
    loop {
        let found = of(log, id);
        if let [one] = &found[..]
            && enough(one)
        {
            return one.clone();
        }
        assert!(Instant::now() < deadline, "{found:#?}");
        tokio::task::yield_now().await;
    }
}
