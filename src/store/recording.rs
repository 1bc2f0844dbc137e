//! A recording on its way into a store, step by step.

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
