//! An event as it is read back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::record::{ActivityId, EventId, InstanceId, Scope, Status, Text};

/// An event as it is read back: one fact at one instant.
///
/// Every field is always present in JSON, `null` where nothing is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct EventRecord {
    /// Its id, which sorts by time.
    pub id: EventId,
    /// When it happened, UTC, to the microsecond.
    pub at: DateTime<Utc>,
    /// What sort of fact it is, in snake_case: `deployment`, `memory_written`, ..
    #[serde(rename = "type")]
    pub event_type: Text,
    /// How what it tells of stands or ended.
    pub status: Status,
    /// What happened, in one line for people.
    pub summary: Option<Text>,
    /// How many things it tells of: `3` for three endpoints added.
    pub count: u64,
    /// What it is about: a commit, a file, an id elsewhere.
    pub reference: Option<Text>,
    /// The details as JSON, redacted.
    pub data: Option<serde_json::Value>,
    /// The activity that it happened inside of.
    pub activity: Option<ActivityId>,
    /// For whom and where.
    #[serde(flatten)]
    pub scope: Scope,
    /// The key that makes a re-fired event one event: unique for its type, project and actor.
    pub dedup_key: Option<Text>,
    /// True when something was refused because it was too large: the data, the key.
    pub truncated: bool,
    /// The open log that recorded it.
    pub instance: InstanceId,
    /// True when it is dated ahead of the present as its reader knows it: some clock was wrong. Lists show it last.
    #[serde(default)]
    pub ahead: bool,
    /// Its place in the order of commits.
    pub seq: i64,
}

impl EventRecord {
    /// An event that happened with its id, on its own; all else can be set.
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

    /// The type of events that are log lines: what a program told of itself, at length, and no fact of its own.
    pub const LOG: &str = "log";
}
