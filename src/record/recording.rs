//! A recording as it is read back: what a nested resource left, and which activities it belongs to.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    record::{ActivityId, InstanceId, RecordingId, Text},
};

/// A recording as it is read back: a stream of chunks that a browser session, a terminal or the like left.
///
/// Every field is always present in JSON, `null` where nothing is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct RecordingRecord {
    /// Its id, which sorts by start.
    pub id: RecordingId,
    /// What its chunks hold: `rrweb`, `asciicast`, ..
    pub format: Text,
    /// How it stands or ended.
    pub status: RecordingStatus,
    /// How many events are known to be missing.
    pub lost: u64,
    /// How many events it has.
    pub events: u64,
    /// How many bytes it takes, compressed.
    pub bytes: u64,
    /// Its tracks in order of their first chunks: the tabs of a browser. A terminal has one, without a name.
    pub tracks: Vec<Text>,
    /// When it began, UTC, to the microsecond.
    pub started_at: DateTime<Utc>,
    /// When it ended. `None` while it goes on and when it was abandoned.
    pub ended_at: Option<DateTime<Utc>>,
    /// The activities that it belongs to, in order of their ranges.
    pub links: Vec<RecordingLink>,
    /// The open log that recorded it.
    pub instance: InstanceId,
}

/// Which part of a recording belongs to an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct RecordingLink {
    /// The activity.
    pub activity: ActivityId,
    /// From when on the recording was attached to it.
    pub from: DateTime<Utc>,
    /// When the activity ended. `None` until everything up to there has been flushed: the link is pending.
    pub until: Option<DateTime<Utc>>,
}

/// How a recording stands or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordingStatus {
    /// It goes on.
    Recording,
    /// It ended, and nothing is missing.
    Complete,
    /// It ended, and events are known to be missing.
    Lost,
    /// What was recorded crashed, a page of a browser say; what it had not handed over is missing.
    Crashed,
    /// What was recorded went away, a browser that was killed say.
    Gone,
    /// What was recorded did not answer in time when it was to hand over the rest.
    TimedOut,
    /// It reached the limit for one recording; what came after is missing.
    Truncated,
    /// The process that recorded it, or its runtime, ended before it did.
    Abandoned,
}

impl RecordingRecord {
    /// A recording that has begun, and has no chunks yet.
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
    /// The chunk with this number, counted from 0, of one event at an instant.
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
    /// The part of a recording that belongs to an activity; without an end while that runs.
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

    /// The name in views and JSON.
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

/// A part of a recording as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChunkRecord {
    /// Its place in the recording, from 0.
    pub number: u64,
    /// The track that it continues.
    pub track: Text,
    /// How many events it holds.
    pub events: u64,
    /// When the first of them happened.
    pub from: DateTime<Utc>,
    /// When the last of them happened.
    pub until: DateTime<Utc>,
    /// How the body is written.
    pub codec: Codec,
    /// What it holds, as it is stored.
    pub body: Vec<u8>,
}

/// How the body of a chunk is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// One zstd frame that carries its own checksum. Frames one after another are one stream.
    Zstd,
}
