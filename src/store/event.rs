//! Events to be stored.

use std::sync::Arc;

use crate::record::{ActivityId, EventId, Scope, Status, Text};

/// An event to be stored: one fact at one instant.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewEvent {
    /// Its id.
    pub id: EventId,
    /// When it happened, in microseconds since the Unix epoch.
    pub at_us: i64,
    /// The type, in snake_case.
    pub event_type: Text,
    /// The status of what the event reports.
    pub status: Status,
    /// The summary, redacted and capped.
    pub summary: Option<Text>,
    /// Number of items the event covers.
    pub count: u64,
    /// The reference to its subject, redacted and capped.
    pub reference: Option<Text>,
    /// The data as JSON, redacted.
    pub data: Option<String>,
    /// The activity that it belongs to.
    pub activity: Option<ActivityId>,
    /// The scope; `None` if it is empty.
    pub scope: Option<Arc<Scope>>,
    /// The deduplication key: the store keeps the first event of each key, type, project and actor.
    pub dedup_key: Option<Text>,
    /// True if something was dropped because of a limit.
    pub truncated: bool,
}

/// An event that was not stored because the store has one with the same deduplication key, type, project and actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Duplicate {
    /// The event that was not stored.
    pub id: EventId,
    /// The stored event.
    pub first: EventId,
}

impl Duplicate {
    /// Returns the duplicate `id` of the stored event `first`.
    pub fn new(id: EventId, first: EventId) -> Self {
        Duplicate { id, first }
    }
}
