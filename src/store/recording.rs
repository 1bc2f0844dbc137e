//! Recordings to be stored, step by step.

use crate::record::{ActivityId, Codec, RecordingId, RecordingStatus, Text};

/// A step of a recording to be stored. The steps of one recording must be passed in order.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewStep {
    /// The recording.
    pub recording: RecordingId,
    /// The step.
    pub step: Step,
}

/// A step of a recording.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Step {
    /// The recording begins.
    #[non_exhaustive]
    Begin {
        /// The format of its chunks.
        format: Text,
    },
    /// A time range of it is linked to an activity. Passed again with `until_us` when the range ends.
    #[non_exhaustive]
    Link {
        /// The activity.
        activity: ActivityId,
        /// Start of the range, in microseconds since the Unix epoch.
        from_us: i64,
        /// End of the range, once every chunk up to it has been passed.
        until_us: Option<i64>,
    },
    /// A chunk is appended.
    Chunk(NewChunk),
    /// The recording ends.
    #[non_exhaustive]
    End {
        /// The final status; never `Recording`.
        status: RecordingStatus,
        /// Number of events in its chunks, also in chunks that the store refused; those count as missing, too.
        events: u64,
        /// Number of events known to be missing from its chunks.
        lost: u64,
        /// The end, in microseconds since the Unix epoch.
        at_us: i64,
    },
}

/// A chunk of a recording to be stored.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewChunk {
    /// Its number in the recording, from 0.
    pub number: u64,
    /// The track that it continues.
    pub track: Text,
    /// Number of events in it.
    pub events: u64,
    /// Time of its first event, in microseconds since the Unix epoch.
    pub from_us: i64,
    /// Time of its last event, in microseconds since the Unix epoch.
    pub until_us: i64,
    /// The encoding of the body.
    pub codec: Codec,
    /// The redacted, encoded content.
    pub body: Vec<u8>,
}
