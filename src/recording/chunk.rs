//! What is appended to a recording.

use chrono::{DateTime, Utc};

use crate::{error::Result, record::Text};

/// How hard zstd tries: more gains little for streams like these, and costs a call's runtime.
const LEVEL: i32 = 3;

/// A part of a recording that is to be appended.
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
    /// Holds this, which is not redacted any more. One event, now, of the track without a name.
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Chunk {
            track: Text::from_static(""),
            events: 1,
            range_us: None,
            body: body.into(),
        }
    }

    /// Sets the track that it continues: a tab of a browser, say.
    pub fn track(mut self, track: impl Into<Text>) -> Self {
        self.track = track.into();
        self
    }

    /// Sets how many events it holds; 1 by default.
    pub fn events(mut self, events: u64) -> Self {
        self.events = events;
        self
    }

    /// Sets when the first and the last of its events happened; now by default.
    pub fn between(mut self, from: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        self.range_us = Some((from.timestamp_micros(), until.timestamp_micros()));
        self
    }
}

/// The body as one frame that carries its checksum.
pub(super) fn encode(body: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    std::io::Write::write_all(&mut encoder, body)?;
    let mut frame = encoder.finish()?;
    // It grew by doubling, and what it takes is charged.
    frame.shrink_to_fit();
    Ok(frame)
}
