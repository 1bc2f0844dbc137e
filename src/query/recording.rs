//! Writes out what a recording holds.

use std::io::Write;

use crate::{
    error::{Error, ErrorKind, Result},
    query::ActivityReader,
    record::{ChunkRecord, Codec, RecordingId, RecordingStatus},
};

/// How many chunks are read at a time.
const STEP: usize = 16;

impl ActivityReader {
    /// Writes out one track of a recording, as its format has it: the events of a browser's tab as the JSON array that
    /// rrweb's player takes, anything else as it was appended. A chunk that is damaged is left out; returns how many
    /// were.
    ///
    /// # Errors
    ///
    /// When there is no such recording or track (`is_not_found`), the store could not be read, or `out` not be written.
    pub fn export(
        &mut self,
        recording: RecordingId,
        track: &str,
        out: &mut impl Write,
    ) -> Result<u64> {
        let record = self.recording(recording)?;
        let record = record.ok_or_else(|| no_recording(recording))?;
        if !record.tracks.iter().any(|one| one == track) {
            let what = format!("the recording {recording} has no track {track:?}");
            return Err(Error::new(ErrorKind::NotFound, what));
        }
        let array = record.format == "rrweb";
        let mut wrote = Written {
            out,
            array,
            first: true,
        };
        let (_, damaged) = self.bodies(recording, track, 0, |body| wrote.body(body))?;
        wrote.end().map_err(failed)?;
        Ok(damaged)
    }

    /// Writes out what has been added to one track of a recording, as it was appended: the events of a browser's tab one
    /// a line. Asked again and again it follows a recording that goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::{ActivityLog, Describe, recording::{Chunk, Stream}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let log = ActivityLog::open(":memory:")?;
    /// let call = log.start(Describe::job("shop"));
    /// let frames = call.attach(Stream::new("frames")).await;
    /// frames.append(Chunk::new("first"));
    /// log.flush().await?;
    ///
    /// let (mut reader, mut out) = (log.reader()?, Vec::new());
    /// let id = frames.id().ok_or("nothing is recorded")?;
    /// let followed = reader.follow(id, "", 0, &mut out)?;
    /// assert_eq!((out.as_slice(), followed.ended), (&b"first"[..], false));
    /// reader.follow(id, "", followed.next, &mut out)?;   // from there on
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When there is no such recording (`is_not_found`), the store could not be read, or `out` not be written.
    pub fn follow(
        &mut self,
        recording: RecordingId,
        track: &str,
        from: u64,
        out: &mut impl Write,
    ) -> Result<RecordingTail> {
        let record = self.recording(recording)?;
        let record = record.ok_or_else(|| no_recording(recording))?;
        // Looked up first: one that has ended by then has no chunks to come.
        let ended = record.status != RecordingStatus::Recording;
        let (next, damaged) = self.bodies(recording, track, from, |body| out.write_all(body))?;
        Ok(RecordingTail {
            next,
            damaged,
            ended,
        })
    }

    /// Takes what the chunks of a track hold, from this number on. Returns the number after the last, and how many were
    /// damaged.
    fn bodies(
        &mut self,
        recording: RecordingId,
        track: &str,
        from: u64,
        mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<(u64, u64)> {
        let (mut next, mut damaged) = (from, 0);
        loop {
            let chunks = self.chunks(recording, next, STEP)?;
            let Some(last) = chunks.last() else {
                return Ok((next, damaged));
            };
            next = last.number + 1;
            for chunk in chunks.iter().filter(|chunk| chunk.track == track) {
                match decode(chunk) {
                    Ok(body) => take(&body).map_err(failed)?,
                    Err(_) => damaged += 1,
                }
            }
        }
    }
}

/// How far a recording has been followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordingTail {
    /// The number of the chunk to go on from.
    pub next: u64,
    /// How many chunks were damaged, and left out.
    pub damaged: u64,
    /// True once nothing will be added.
    pub ended: bool,
}

fn no_recording(id: RecordingId) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no recording {id}"))
}

/// What a chunk holds, as it was appended.
///
/// # Errors
///
/// When it is damaged: its checksum says so.
pub(crate) fn decode(chunk: &ChunkRecord) -> std::io::Result<Vec<u8>> {
    match chunk.codec {
        Codec::Zstd => zstd::decode_all(chunk.body.as_slice()),
    }
}

fn failed(cause: std::io::Error) -> Error {
    Error::store("could not write a recording out").with_source(cause)
}

struct Written<'a, W> {
    out: &'a mut W,
    /// The lines are the elements of an array.
    array: bool,
    first: bool,
}

impl<W: Write> Written<'_, W> {
    fn body(&mut self, body: &[u8]) -> std::io::Result<()> {
        if !self.array {
            return self.out.write_all(body);
        }
        let lines = body.split(|byte| *byte == b'\n');
        for line in lines.filter(|line| !line.is_empty()) {
            let before: &[u8] = if self.first { b"[" } else { b",\n" };
            self.first = false;
            self.out.write_all(before)?;
            self.out.write_all(line)?;
        }
        Ok(())
    }

    fn end(self) -> std::io::Result<()> {
        match (self.array, self.first) {
            (true, true) => self.out.write_all(b"[]\n"),
            (true, false) => self.out.write_all(b"]\n"),
            (false, _) => Ok(()),
        }
    }
}
