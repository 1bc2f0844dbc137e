//! Events as they are read back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::record::{ActivityId, EventId, InstanceId, Scope, Status, Text};

/// An event as it is read back: one fact at one instant.
///
/// In JSON every field is present; unknown ones are `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct EventRecord {
    /// Its id, which sorts by time.
    pub id: EventId,
    /// When it happened, UTC, to the microsecond.
    pub at: DateTime<Utc>,
    /// Its type, in snake_case: `deployment`, `memory_written`, …
    #[serde(rename = "type")]
    pub event_type: Text,
    /// Status of what the event reports.
    pub status: Status,
    /// What happened, in one line for people.
    pub summary: Option<Text>,
    /// Number of items that it covers: `3` for three endpoints added.
    pub count: u64,
    /// What it refers to: a commit, a file, an id in another system.
    pub reference: Option<Text>,
    /// The details as JSON, redacted.
    pub data: Option<serde_json::Value>,
    /// The activity that it happened in.
    pub activity: Option<ActivityId>,
    /// Its scope: project, agent, actor and so on.
    #[serde(flatten)]
    pub scope: Scope,
    /// Deduplication key, unique per type, project and actor: repeats are ignored.
    pub dedup_key: Option<Text>,
    /// True if the data or the key was rejected because it was too large.
    pub truncated: bool,
    /// The instance that recorded it.
    pub instance: InstanceId,
    /// True if it is dated after the reader's present, because a clock was wrong. Lists show it last.
    #[serde(default)]
    pub ahead: bool,
    /// Its position in commit order.
    pub seq: i64,
}

impl EventRecord {
    /// Creates an event without an activity, at the time of its id. Set the other fields as needed.
    pub fn new(id: EventId, event_type: impl Into<Text>, instance: InstanceId) -> Self {
        EventRecord {
            id,
            at: id.at(),
            event_type: event_type.into(),
            status: Status::Success,
            summary: None,
            count: 1,
            reference: None,
            data: None,
            activity: None,
            scope: Scope::default(),
            dedup_key: None,
            truncated: false,
            instance,
            ahead: false,
            seq: 0,
        }
    }

    /// The type of events that are log lines of a program.
    pub const LOG: &str = "log";
}
