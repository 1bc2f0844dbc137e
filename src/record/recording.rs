//! Recordings as they are read back, and their links to activities.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    record::{ActivityId, InstanceId, RecordingId, Text},
};

/// A recording as it is read back: a stream of chunks of a browser session, a terminal or another resource.
///
/// In JSON every field is present; unknown ones are `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct RecordingRecord {
    /// Its id, which sorts by start.
    pub id: RecordingId,
    /// The format of its chunks: `rrweb`, `asciicast`, …
    pub format: Text,
    /// Its status.
    pub status: RecordingStatus,
    /// Number of events that are known to be missing.
    pub lost: u64,
    /// Number of its events.
    pub events: u64,
    /// Its compressed size in bytes.
    pub bytes: u64,
    /// Its tracks in order of their first chunks: the tabs of a browser. A terminal has one, without a name.
    pub tracks: Vec<Text>,
    /// When it started, UTC, to the microsecond.
    pub started_at: DateTime<Utc>,
    /// When it ended. `None` while it continues and if it was abandoned.
    pub ended_at: Option<DateTime<Utc>>,
    /// The activities that it belongs to, in order of their ranges.
    pub links: Vec<RecordingLink>,
    /// The instance that recorded it.
    pub instance: InstanceId,
}

/// The link of a recording to an activity: which part belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct RecordingLink {
    /// The activity.
    pub activity: ActivityId,
    /// When the recording was attached to the activity.
    pub from: DateTime<Utc>,
    /// When the activity ended. `None` while the link is pending: until everything up to the end has been flushed.
    pub until: Option<DateTime<Utc>>,
}

/// The status of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordingStatus {
    /// It is being recorded.
    Recording,
    /// It ended, and nothing is missing.
    Complete,
    /// It ended, and events are known to be missing.
    Lost,
    /// The resource crashed, such as a page of a browser; events that it had not flushed are missing.
    Crashed,
    /// The resource disappeared, such as a browser that was killed.
    Gone,
    /// The resource did not flush its last events before the timeout.
    TimedOut,
    /// It reached the size limit of a recording; later events are missing.
    Truncated,
    /// Its process or runtime ended before it did.
    Abandoned,
}

impl RecordingRecord {
    /// Creates a recording that has started, and has no chunks yet.
    pub fn new(
        id: RecordingId,
        format: impl Into<Text>,
        started_at: DateTime<Utc>,
        instance: InstanceId,
    ) -> Self {
        RecordingRecord {
            id,
            format: format.into(),
            status: RecordingStatus::Recording,
            lost: 0,
            events: 0,
            bytes: 0,
            tracks: Vec::new(),
            started_at,
            ended_at: None,
            links: Vec::new(),
            instance,
        }
    }
}

impl ChunkRecord {
    /// Creates a chunk with one event at an instant. Chunks are numbered from 0.
    pub fn new(
        number: u64,
        track: impl Into<Text>,
        at: DateTime<Utc>,
        codec: Codec,
        body: Vec<u8>,
    ) -> Self {
        ChunkRecord {
            number,
            track: track.into(),
            events: 1,
            from: at,
            until: at,
            codec,
            body,
        }
    }
}

impl RecordingLink {
    /// Creates a link to an activity; `until` is `None` while it is pending.
    pub fn new(activity: ActivityId, from: DateTime<Utc>, until: Option<DateTime<Utc>>) -> Self {
        RecordingLink {
            activity,
            from,
            until,
        }
    }
}

impl RecordingStatus {
    /// Every status, in the order in which they are documented.
    pub const ALL: [RecordingStatus; 8] = [
        RecordingStatus::Recording,
        RecordingStatus::Complete,
        RecordingStatus::Lost,
        RecordingStatus::Crashed,
        RecordingStatus::Gone,
        RecordingStatus::TimedOut,
        RecordingStatus::Truncated,
        RecordingStatus::Abandoned,
    ];

    /// Returns the name in views and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            RecordingStatus::Recording => "recording",
            RecordingStatus::Complete => "complete",
            RecordingStatus::Lost => "lost",
            RecordingStatus::Crashed => "crashed",
            RecordingStatus::Gone => "gone",
            RecordingStatus::TimedOut => "timed_out",
            RecordingStatus::Truncated => "truncated",
            RecordingStatus::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for RecordingStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RecordingStatus {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        RecordingStatus::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| Error::invalid(format!("{text:?} is not a status of recordings")))
    }
}

/// A chunk of a recording as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChunkRecord {
    /// Its number in the recording, from 0.
    pub number: u64,
    /// The track that it belongs to.
    pub track: Text,
    /// Number of its events.
    pub events: u64,
    /// When its first event happened.
    pub from: DateTime<Utc>,
    /// When its last event happened.
    pub until: DateTime<Utc>,
    /// The encoding of the body.
    pub codec: Codec,
    /// Its events, encoded.
    pub body: Vec<u8>,
}

/// The maximum size of a chunk before it is encoded, in bytes: that of a browser's message. Without it a small chunk, written by
/// another program, could decode to more than the memory of its reader.
#[cfg(feature = "recording")]
pub(crate) const MAX_CHUNK_BYTES: usize = 64 << 20;

/// The encoding of a chunk's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// One zstd frame with a checksum. Concatenated frames are one stream.
    Zstd,
}
