//! Writes out what a recording holds.

use std::io::Write;

use crate::{
    error::{Error, ErrorKind, Result},
    query::ActivityReader,
    record::{ChunkRecord, Codec, RecordingId},
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
        let missing = |what: String| Error::new(ErrorKind::NotFound, what);
        let record = self
            .recording(recording)?
            .ok_or_else(|| missing(format!("there is no recording {recording}")))?;
        if !record.tracks.iter().any(|one| one == track) {
            let what = format!("the recording {recording} has no track {track:?}");
            return Err(missing(what));
        }
        let array = record.format == "rrweb";
        let mut wrote = Written {
            out,
            array,
            first: true,
        };
        let (mut next, mut damaged) = (0, 0);
        loop {
            let chunks = self.chunks(recording, next, STEP)?;
            let Some(last) = chunks.last() else { break };
            next = last.number + 1;
            for chunk in chunks.iter().filter(|chunk| chunk.track == track) {
                match decode(chunk) {
                    Ok(body) => wrote.body(&body).map_err(failed)?,
                    Err(_) => damaged += 1,
                }
            }
        }
        wrote.end().map_err(failed)?;
        Ok(damaged)
    }
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
