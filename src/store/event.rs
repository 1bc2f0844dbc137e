//! An event on its way into a store, and where events went.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

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

/// Where every event of an instance went, cumulative.
///
/// `recorded = committed + duplicates + waiting + rejected + lost`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct EventAccounting {
    /// Events that were to be recorded.
    pub recorded: u64,
    /// Not admitted because the memory bound was reached.
    pub rejected_memory: u64,
    /// Not admitted because the log was shut down.
    pub rejected_closed: u64,
    /// Not admitted because the type is empty, or not on the log's list of types.
    pub rejected_type: u64,
    /// Log lines that were not admitted because their activity had taken as many as it may, or had ended.
    pub rejected_limit: u64,
    /// Not recorded because this process is the child of a fork.
    pub rejected_forked: u64,
    /// In the store.
    pub committed: u64,
    /// Not in the store because an earlier event has the same key, type, project and actor.
    pub duplicates: u64,
    /// Admitted and not yet in the store.
    pub waiting: u64,
    /// Refused by the store one by one.
    pub lost_refused: u64,
    /// Not in the store when the log was shut down.
    pub lost_shutdown: u64,
}

impl EventAccounting {
    /// All that was not admitted.
    pub fn rejected(&self) -> u64 {
        self.rejected_memory
            + self.rejected_closed
            + self.rejected_type
            + self.rejected_limit
            + self.rejected_forked
    }

    /// All that was admitted and will never be in the store.
    pub fn lost(&self) -> u64 {
        self.lost_refused + self.lost_shutdown
    }

    /// True when the equation holds.
    pub fn adds_up(&self) -> bool {
        self.recorded
            == self.committed + self.duplicates + self.waiting + self.rejected() + self.lost()
    }

    #[cfg(feature = "sqlite")]
    pub(super) fn add(&mut self, other: &Self) {
        self.recorded += other.recorded;
        self.rejected_memory += other.rejected_memory;
        self.rejected_closed += other.rejected_closed;
        self.rejected_type += other.rejected_type;
        self.rejected_limit += other.rejected_limit;
        self.rejected_forked += other.rejected_forked;
        self.committed += other.committed;
        self.duplicates += other.duplicates;
        self.waiting += other.waiting;
        self.lost_refused += other.lost_refused;
        self.lost_shutdown += other.lost_shutdown;
    }

    /// Moves events that were counted as committed and turned out to be duplicates.
    pub fn found_duplicates(&mut self, count: u64) {
        self.committed = self.committed.saturating_sub(count);
        self.duplicates += count;
    }
}
