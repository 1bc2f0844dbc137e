//! Real browsers: no event is lost, none goes astray, no secret is kept, and what is kept plays.

mod chromium;
mod drivers;
mod ends;
mod forged;
mod frames;
mod hung;
mod options;
mod pages;
mod replay;
mod secrets;
mod site;
mod table;

use std::time::{Duration, Instant};

use serde_json::Value;
use tower_activity::{
    ActivityLog,
    log::RecordingOptions,
    record::{ActivityId, RecordingRecord},
};

use crate::kept;
pub(crate) use crate::kept::of;

/// A log that gives a busy machine the time that it takes.
pub(crate) fn patient() -> ActivityLog {
    within(Duration::from_secs(20))
}

/// A log that gives recordings so long.
pub(crate) fn within(timeout: Duration) -> ActivityLog {
    let recordings = RecordingOptions::default().timeout(timeout);
    let builder = ActivityLog::builder().recordings(recordings);
    builder.open(":memory:").unwrap()
}

/// The one recording of an activity, once the condition holds.
pub(crate) async fn until(
    log: &ActivityLog,
    id: Option<ActivityId>,
    enough: impl Fn(&RecordingRecord) -> bool,
) -> RecordingRecord {
    kept::until(log, id, Duration::from_secs(20), enough).await
}

/// True once all of this is on record for an activity.
pub(crate) fn has(log: &ActivityLog, id: Option<ActivityId>, text: &str) -> bool {
    let recordings = of(log, id);
    let mut tracks = recordings.iter().flat_map(|one| events(log, one));
    tracks.any(|track| serde_json::to_string(&track).unwrap().contains(text))
}

/// Asks until it holds.
pub(crate) async fn soon(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "not in time");
        tokio::task::yield_now().await;
    }
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
