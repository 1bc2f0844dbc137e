//! Deletes recordings, a few chunks per transaction.

use rusqlite::{Connection, OptionalExtension};

use crate::store::{
    RowKind,
    sqlite::{
        columns::{signed, unsigned},
        meta::MetaKey,
        write::ledger,
    },
};

const CHUNKS: &str = "SELECT count(*) FROM chunk WHERE recording = ?1";
const UNLINK: &str = "DELETE FROM link WHERE recording = ?1";
const SOME_CHUNKS: &str = "SELECT seq FROM chunk WHERE recording = ?1 LIMIT ?2";
/// A number that SQLite gave to another recording meanwhile has links.
const IS_UNLINKED: &str = "SELECT seq FROM recording WHERE seq = ?1 AND status <> 0 \
     AND NOT EXISTS (SELECT 1 FROM link WHERE recording = ?1)";

/// Chunks deleted per transaction, so few that it never stalls the batches.
const STEP: u64 = 100;

/// Counts the chunks of a recording.
pub(super) fn chunks(connection: &Connection, recording: i64) -> rusqlite::Result<u64> {
    let mut count = connection.prepare_cached(CHUNKS)?;
    count.query_row([recording], |row| row.get(0).map(unsigned))
}

/// The recording of which an earlier step deleted the links and some chunks. It is deleted before any other, and also if
/// its size is no longer over the limit without those chunks.
pub(super) fn half_deleted(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let Some(seq) = MetaKey::HalfDeletedRecording.get(connection)? else {
        return Ok(None);
    };
    let mut unlinked = connection.prepare_cached(IS_UNLINKED)?;
    unlinked.query_row([seq], |row| row.get(0)).optional()
}

/// Deletes some chunks of a recording, and the recording itself with the last of them. Returns the numbers of deleted
/// recordings and chunks.
pub(super) fn delete_some(connection: &Connection, seq: i64) -> rusqlite::Result<(u64, u64)> {
    // The links first: no activity shows a half deleted recording.
    connection.prepare_cached(UNLINK)?.execute([seq])?;
    let chunks = delete_chunks(connection, seq, STEP)?;
    if chunks == STEP {
        MetaKey::HalfDeletedRecording.set(connection, seq)?;
        return Ok((0, chunks));
    }
    Ok((delete_row(connection, seq)?, chunks))
}

/// Deletes a recording with its links and chunks at once. Returns the number of deleted recordings.
pub(super) fn delete_all(connection: &Connection, seq: i64) -> rusqlite::Result<u64> {
    connection.prepare_cached(UNLINK)?.execute([seq])?;
    delete_chunks(connection, seq, u64::MAX)?;
    delete_row(connection, seq)
}

/// Deletes the row of a recording that has no links or chunks any more.
fn delete_row(connection: &Connection, seq: i64) -> rusqlite::Result<u64> {
    if MetaKey::HalfDeletedRecording.get(connection)? == Some(seq) {
        MetaKey::HalfDeletedRecording.clear(connection)?;
    }
    ledger::delete(connection, RowKind::Recording, [seq])
}

fn delete_chunks(connection: &Connection, recording: i64, limit: u64) -> rusqlite::Result<u64> {
    let limit = signed(limit);
    let chunks = connection
        .prepare_cached(SOME_CHUNKS)?
        .query_map([recording, limit], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    ledger::delete(connection, RowKind::Chunk, chunks)
}
