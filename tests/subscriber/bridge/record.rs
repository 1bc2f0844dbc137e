//! Helpers of the bridge's tests: a log, and reading it back.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use serde_json::{Map, Value};
use tower_activity::{
    ActivityEvents, ActivityLog,
    record::{ActivityId, EventRecord, Filter},
};
use tracing_subscriber::{layer::SubscriberExt, registry};

pub fn log() -> ActivityLog {
    ActivityLog::open(":memory:").unwrap()
}

/// Returns all events, oldest first.
pub fn events(log: &ActivityLog) -> Vec<EventRecord> {
    log.flush().wait().unwrap();
    let mut reader = log.reader().unwrap();
    let mut events = reader.events(&Filter::default(), None, 1_000).unwrap();
    events.records.reverse();
    events.records
}

pub fn summaries(events: &[EventRecord]) -> Vec<&str> {
    let summaries = events.iter().map(|event| event.summary.as_deref());
    summaries.map(Option::unwrap_or_default).collect()
}

/// Runs `work` with the default bridge.
pub fn bridged<T>(work: impl FnOnce() -> T) -> T {
    tracing::subscriber::with_default(registry().with(ActivityEvents::new()), work)
}

/// Returns the attributes of an activity.
pub fn attributes(log: &ActivityLog, id: Option<ActivityId>) -> Map<String, Value> {
    log.flush().wait().unwrap();
    let activity = log.reader().unwrap().activity(id.unwrap()).unwrap();
    activity.unwrap().attributes
}
