//! An event on its way into a store.

use std::sync::Arc;

use crate::record::{ActivityId, EventId, Scope, Status, Text};

/// An event that is to be kept: one fact at one instant.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewEvent {
    /// Its id.
    pub id: EventId,
    /// When it happened, in microseconds since the Unix epoch.
    pub at_us: i64,
    /// What sort of fact it is, in snake_case.
    pub event_type: Text,
    /// How what it tells of stands or ended.
    pub status: Status,
    /// What happened, redacted and capped.
    pub summary: Option<Text>,
    /// How many things it tells of.
    pub count: u64,
    /// What it is about, redacted and capped.
    pub reference: Option<Text>,
    /// Details as JSON, redacted.
    pub data: Option<String>,
    /// The activity that it happened inside of.
    pub activity: Option<ActivityId>,
    /// For whom and where; `None` where nothing is known.
    pub scope: Option<Arc<Scope>>,
    /// The deduplication key: the store keeps the first event of each key, type, project and actor.
    pub dedup_key: Option<Text>,
    /// True when something was refused because of a limit.
    pub truncated: bool,
}

/// An event that is not kept because the store has one with the same key, type, project and actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Duplicate {
    /// The event that was to be kept.
    pub id: EventId,
    /// The event that is on record.
    pub first: EventId,
}

impl Duplicate {
    /// Says that `id` is not kept because `first` has the same key, type, project and actor.
    pub fn new(id: EventId, first: EventId) -> Self {
        Duplicate { id, first }
    }
}
