//! A recording on its way into a store, step by step, and where the steps went.

use serde::{Deserialize, Serialize};

use crate::record::{ActivityId, Codec, RecordingId, RecordingStatus, Text};

/// One step of a recording that is to be kept. The steps of one recording are given in order.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewStep {
    /// The recording.
    pub recording: RecordingId,
    /// What is new about it.
    pub step: Step,
}

/// What is new about a recording.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Step {
    /// It has begun.
    #[non_exhaustive]
    Begin {
        /// What its chunks hold.
        format: Text,
    },
    /// A part of it belongs to an activity. Given again once it is known where that part ends.
    #[non_exhaustive]
    Link {
        /// The activity.
        activity: ActivityId,
        /// From when on, in microseconds since the Unix epoch.
        from_us: i64,
        /// When the activity ended, once everything up to there has been given.
        until_us: Option<i64>,
    },
    /// It goes on.
    Chunk(NewChunk),
    /// It has ended.
    #[non_exhaustive]
    End {
        /// How; never `Recording`.
        status: RecordingStatus,
        /// How many events its chunks held. What the store has not of them, because it refused a chunk, is missing, too.
        events: u64,
        /// How many events are known to be missing from its chunks.
        lost: u64,
        /// When, in microseconds since the Unix epoch.
        at_us: i64,
    },
}

/// A part of a recording that is to be kept.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewChunk {
    /// Its place in the recording, from 0.
    pub number: u64,
    /// The track that it continues.
    pub track: Text,
    /// How many events it holds.
    pub events: u64,
    /// When the first of them happened, in microseconds since the Unix epoch.
    pub from_us: i64,
    /// When the last of them happened, in microseconds since the Unix epoch.
    pub until_us: i64,
    /// How the body is written.
    pub codec: Codec,
    /// What it holds, redacted, as it is to be stored.
    pub body: Vec<u8>,
}

/// Where every step of an instance's recordings went, cumulative: begins, links, chunks and ends.
///
/// `recorded = committed + waiting + rejected + lost`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct RecordingAccounting {
    /// Steps that were to be recorded.
    pub recorded: u64,
    /// Not admitted because a memory bound was reached.
    pub rejected_memory: u64,
    /// Not admitted because the log was shut down.
    pub rejected_closed: u64,
    /// In the store.
    pub committed: u64,
    /// Admitted and not yet in the store.
    pub waiting: u64,
    /// Refused by the store one by one.
    pub lost_refused: u64,
    /// Not in the store when the log was shut down.
    pub lost_shutdown: u64,
}

impl RecordingAccounting {
    #[cfg(feature = "sqlite")]
    pub(super) fn add(&mut self, other: &Self) {
        self.recorded += other.recorded;
        self.rejected_memory += other.rejected_memory;
        self.rejected_closed += other.rejected_closed;
        self.committed += other.committed;
        self.waiting += other.waiting;
        self.lost_refused += other.lost_refused;
        self.lost_shutdown += other.lost_shutdown;
    }

    /// All that was not admitted.
    pub fn rejected(&self) -> u64 {
        self.rejected_memory + self.rejected_closed
    }

    /// All that was admitted and will never be in the store.
    pub fn lost(&self) -> u64 {
        self.lost_refused + self.lost_shutdown
    }

    /// True when the equation holds.
    pub fn adds_up(&self) -> bool {
        self.recorded == self.committed + self.waiting + self.rejected() + self.lost()
    }
}
