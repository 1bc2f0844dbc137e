//! Pruning of recordings: one after the other, some chunks a transaction.

use rusqlite::{Connection, OptionalExtension, params};

use super::plan::{self, Beyond};
use crate::store::{
    Pruned, RowKind,
    sqlite::{
        columns::{signed, unsigned},
        marks::Mark,
        write::ledger,
    },
};

const OLD: &str = "SELECT seq FROM recording WHERE id < ?1 AND status <> 0 ORDER BY id LIMIT 1";
const OLD_BY_PLACE: &str = "SELECT seq FROM recording WHERE seq <= ?1 AND (id < ?2 OR id >= ?3) AND status <> 0 \
     ORDER BY seq LIMIT 1";
const OLDEST: &str = "SELECT seq FROM recording WHERE status <> 0 ORDER BY seq LIMIT 1";
// One is too much where what is left without those before it is. What is too old goes first.
const PRUNABLE: &str = "
SELECT count(*), coalesce(sum(chunks), 0) FROM (
  SELECT r.id AS id, count(c.seq) AS chunks,
         (SELECT coalesce(sum(bytes), 0) FROM chunk)
           - (sum(coalesce(sum(c.bytes), 0)) OVER (ORDER BY r.id >= ?1, r.seq) - coalesce(sum(c.bytes), 0)) AS left
  FROM recording AS r LEFT JOIN chunk AS c ON c.recording = r.seq WHERE r.status <> 0 GROUP BY r.id)
WHERE id < ?1 OR left > ?2";
const UNLINK: &str = "DELETE FROM link WHERE recording = ?1";
const SOME_CHUNKS: &str = "SELECT seq FROM chunk WHERE recording = ?1 LIMIT ?2";

/// Chunks that one transaction deletes, so that it never stalls the batches.
const PRUNED_AT_ONCE: u64 = 100;

/// Counts the recordings that are beyond a limit by their date, and their chunks. Those that go on are kept anyway.
pub(super) fn prunable(connection: &Connection, beyond: &Beyond) -> rusqlite::Result<Pruned> {
    let before = beyond.before_us.map_or([0; 16], plan::bound);
    let mut prunable = connection.prepare_cached(PRUNABLE)?;
    prunable.query_row(params![before, bytes(beyond)], |row| {
        Ok(Pruned {
            recordings: unsigned(row.get::<_, i64>(0)?),
            chunks: unsigned(row.get::<_, i64>(1)?),
            ..Pruned::default()
        })
    })
}

/// The `seq` of the oldest recording that is beyond a limit.
pub(super) fn due(connection: &Connection, beyond: &Beyond) -> rusqlite::Result<Option<i64>> {
    let old = match (beyond.before_us, beyond.committed) {
        (None, _) => None,
        (Some(before_us), None) => connection
            .prepare_cached(OLD)?
            .query_row([plan::bound(before_us)], |row| row.get(0))
            .optional()?,
        (Some(before_us), Some(committed)) => {
            let (before, ahead) = (plan::bound(before_us), plan::bound(beyond.ahead_us));
            connection
                .prepare_cached(OLD_BY_PLACE)?
                .query_row(params![committed, before, ahead], |row| row.get(0))
                .optional()?
        }
    };
    if old.is_some() || beyond.bytes.is_none() {
        return Ok(old);
    }
    let kept = Mark::RecordingBytes.get(connection)?;
    if kept.unwrap_or_default() <= bytes(beyond) {
        return Ok(None);
    }
    let mut oldest = connection.prepare_cached(OLDEST)?;
    oldest.query_row([], |row| row.get(0)).optional()
}

fn bytes(beyond: &Beyond) -> i64 {
    let bytes = beyond.bytes.unwrap_or(u64::MAX);
    signed(bytes)
}

/// Deletes a part of the oldest recording that is beyond a limit. Returns what went.
pub(super) fn prune(connection: &Connection, beyond: &Beyond) -> rusqlite::Result<Pruned> {
    let Some(seq) = due(connection, beyond)? else {
        return Ok(Pruned::default());
    };
    // The links go first: what is half deleted is nobody's any more.
    connection.prepare_cached(UNLINK)?.execute([seq])?;
    let chunks = delete_chunks(connection, seq, PRUNED_AT_ONCE)?;
    let recordings = match chunks < PRUNED_AT_ONCE {
        true => ledger::delete(connection, RowKind::Recording, [seq])?,
        false => 0,
    };
    Ok(Pruned {
        recordings,
        chunks,
        ..Pruned::default()
    })
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
