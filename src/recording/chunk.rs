//! Chunks of a recording.

use chrono::{DateTime, Utc};

use crate::{error::Result, record::Text};

/// Compression level of zstd: higher levels gain little for such streams, and delay the call's runtime.
const LEVEL: i32 = 3;

/// A chunk of data to append to a recording.
///
/// # Examples
///
/// ```
/// use tower_activity::recording::Chunk;
///
/// let chunk = Chunk::new(*b"{\"a\":1}\n{\"a\":2}\n").track("tab 1").events(2);
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is recorded until it is appended"]
pub struct Chunk {
    pub(super) track: Text,
    pub(super) events: u64,
    pub(super) range_us: Option<(i64, i64)>,
    pub(super) body: Vec<u8>,
}

impl Chunk {
    /// Creates a chunk with one event, dated now, on the unnamed track. The body is not redacted. A body of more than 64 MiB is
    /// not recorded, and counts as lost.
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Chunk {
            track: Text::from_static(""),
            events: 1,
            range_us: None,
            body: body.into(),
        }
    }

    /// Sets the track, such as a browser tab.
    pub fn track(mut self, track: impl Into<Text>) -> Self {
        self.track = track.into();
        self
    }

    /// Sets the number of events in the chunk; 1 by default.
    pub fn events(mut self, events: u64) -> Self {
        self.events = events;
        self
    }

    /// Sets the times of the first and the last event; now by default.
    pub fn between(mut self, from: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        self.range_us = Some((from.timestamp_micros(), until.timestamp_micros()));
        self
    }
}

/// Compresses a body into one zstd frame with a checksum.
pub(super) fn encode(body: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    std::io::Write::write_all(&mut encoder, body)?;
    let mut frame = encoder.finish()?;
    // The vector grew by doubling, and its capacity counts against the memory limit.
    frame.shrink_to_fit();
    Ok(frame)
}
