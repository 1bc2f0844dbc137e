//! Exports and follows the content of recordings.

use std::io::{Error as IoError, Read, Write};

use crate::{
    error::{Error, ErrorKind, Result},
    query::ActivityReader,
    record::{ChunkRecord, Codec, MAX_CHUNK_BYTES, RecordingId, RecordingStatus},
};

/// Chunks per read.
const CHUNKS: usize = 16;

impl ActivityReader {
    /// Writes one track of a recording to `out`: the events of a browser tab as the JSON array that rrweb's player takes, other
    /// formats as they were appended. Damaged chunks are skipped. Returns their number.
    ///
    /// # Errors
    ///
    /// If there is no such recording or track (`is_not_found`), the store could not be read, or `out` could not be written.
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
        let mut writer = TrackWriter {
            out,
            array,
            first: true,
        };
        let (_, damaged) = self.bodies(recording, track, 0, |body| writer.body(body))?;
        writer.end().map_err(failed)?;
        Ok(damaged)
    }

    /// Writes the chunks of one track from number `from` on to `out`, as they were appended: the events of a browser tab one per
    /// line. Call it repeatedly, with the returned [`next`](RecordingTail::next), to follow a running recording.
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
    /// If there is no such recording (`is_not_found`), the store could not be read, or `out` could not be written.
    pub fn follow(
        &mut self,
        recording: RecordingId,
        track: &str,
        from: u64,
        out: &mut impl Write,
    ) -> Result<RecordingTail> {
        let record = self.recording(recording)?;
        let record = record.ok_or_else(|| no_recording(recording))?;
        // Read before the chunks: a recording that has ended by now gets no more of them.
        let ended = record.status != RecordingStatus::Recording;
        let (next, damaged) = self.bodies(recording, track, from, |body| out.write_all(body))?;
        Ok(RecordingTail {
            next,
            damaged,
            ended,
        })
    }

    /// Passes the decoded chunks of a track to `take`, from number `from` on. Returns the number after the last one, and the
    /// number of damaged chunks.
    fn bodies(
        &mut self,
        recording: RecordingId,
        track: &str,
        from: u64,
        mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<(u64, u64)> {
        let (mut next, mut damaged) = (from, 0);
        loop {
            let chunks = self.chunks(recording, next, CHUNKS)?;
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

/// The progress of following a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordingTail {
    /// The number of the chunk to continue from.
    pub next: u64,
    /// Number of damaged chunks, which were skipped.
    pub damaged: u64,
    /// True once the recording has ended: no chunk will be added.
    pub ended: bool,
}

fn no_recording(id: RecordingId) -> Error {
    Error::new(ErrorKind::NotFound, format!("no recording {id}"))
}

/// Decodes a chunk to the bytes that were appended.
///
/// # Errors
///
/// If the chunk is damaged, by its checksum, or decodes to more than a chunk may have.
pub(crate) fn decode(chunk: &ChunkRecord) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    match chunk.codec {
        Codec::Zstd => {
            let decoder = zstd::Decoder::new(chunk.body.as_slice())?;
            decoder
                .take(MAX_CHUNK_BYTES as u64 + 1)
                .read_to_end(&mut body)?;
        }
    }
    match body.len() <= MAX_CHUNK_BYTES {
        true => Ok(body),
        false => Err(IoError::other("the chunk is too large")),
    }
}

fn failed(cause: std::io::Error) -> Error {
    Error::store("could not write the recording").with_source(cause)
}

struct TrackWriter<'a, W> {
    out: &'a mut W,
    /// True if lines become elements of a JSON array.
    array: bool,
    first: bool,
}

impl<W: Write> TrackWriter<'_, W> {
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
