//! Deleting recordings, some chunks a transaction.

use rusqlite::Connection;

use crate::store::{
    RowKind,
    sqlite::{
        columns::{signed, unsigned},
        write::ledger,
    },
};

const CHUNKS: &str = "SELECT count(*) FROM chunk WHERE recording = ?1";
const UNLINK: &str = "DELETE FROM link WHERE recording = ?1";
const SOME_CHUNKS: &str = "SELECT seq FROM chunk WHERE recording = ?1 LIMIT ?2";

/// Chunks that one transaction deletes, so that it never stalls the batches.
const STEP: u64 = 100;

/// How many chunks a recording has.
pub(super) fn chunks(connection: &Connection, recording: i64) -> rusqlite::Result<u64> {
    let mut count = connection.prepare_cached(CHUNKS)?;
    count.query_row([recording], |row| row.get(0).map(unsigned))
}

/// Deletes some chunks of a recording, and the recording with the last. Returns how many recordings and chunks went.
pub(super) fn delete_some(connection: &Connection, seq: i64) -> rusqlite::Result<(u64, u64)> {
    // The links go first: what is half deleted is nobody's any more.
    connection.prepare_cached(UNLINK)?.execute([seq])?;
    let chunks = delete_chunks(connection, seq, STEP)?;
    let recordings = match chunks < STEP {
        true => ledger::delete(connection, RowKind::Recording, [seq])?,
        false => 0,
    };
    Ok((recordings, chunks))
}

/// Deletes some chunks of a recording. Returns how many.
pub(super) fn delete_chunks(
    connection: &Connection,
    recording: i64,
    at_most: u64,
) -> rusqlite::Result<u64> {
    let at_most = signed(at_most);
    let chunks = connection
        .prepare_cached(SOME_CHUNKS)?
        .query_map([recording, at_most], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    ledger::delete(connection, RowKind::Chunk, chunks)
}
