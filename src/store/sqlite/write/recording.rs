//! The write side of recordings: steps in order, each of them idempotent.

use rusqlite::{Connection, OptionalExtension, params};

use super::{dictionary::Texts, ledger};
use crate::{
    record::{Codec, RecordingStatus},
    store::{
        NewStep, Pruned, RowKind, Step,
        sqlite::maintenance::prune::{self, Beyond},
    },
};

const BEGIN: &str = "
INSERT INTO recording (id, format, instance, handle) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING";
const LINK: &str = "
INSERT INTO link (activity, recording, from_at, until_at)
VALUES (?1, (SELECT seq FROM recording WHERE id = ?2), ?3, ?4)
ON CONFLICT (activity, recording) DO UPDATE SET until_at = excluded.until_at";
// Numbers are given once, so that one that is there already comes from an earlier attempt.
const CHUNK: &str = "
INSERT INTO chunk (recording, number, track, events, from_at, until_at, codec, body)
SELECT r.seq, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM (SELECT (SELECT seq FROM recording WHERE id = ?1) AS seq) AS r
WHERE NOT EXISTS (SELECT 1 FROM chunk WHERE recording = r.seq AND number = ?2)";
// What is not there of its events was in a chunk that was refused. Only one that would be complete (1) is lost (2) by it.
const END: &str = "
UPDATE recording SET status = iif(?2 = 1 AND given.missing > 0, 2, ?2), lost = ?3 + given.missing, ended_at = ?4
FROM (SELECT r.seq, max(0, ?5 - coalesce(sum(chunk.events), 0)) AS missing
      FROM recording AS r LEFT JOIN chunk ON chunk.recording = r.seq WHERE r.id = ?1 GROUP BY r.seq) AS given
WHERE recording.seq = given.seq AND status IN (0, 7)";
const ABANDON: &str = "UPDATE recording SET status = 7 WHERE instance = ?1 AND status = 0 \
     AND handle = coalesce(?2, handle)";

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
const BYTES: &str = "SELECT value FROM mark WHERE name = 'recording_bytes'";
const UNLINK: &str = "DELETE FROM link WHERE recording = ?1";
const SOME_CHUNKS: &str = "SELECT seq FROM chunk WHERE recording = ?1 LIMIT ?2";

/// Chunks that one transaction deletes, so that it never stalls the batches.
const PRUNED_AT_ONCE: u64 = 100;

/// What a step has inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) enum Written {
    Recording,
    Chunk,
    /// It has changed a row, or was written before.
    Nothing,
}

/// Writes one step. Those of a recording that was never begun are refused: no row stands for it.
pub(in crate::store::sqlite) fn write(
    texts: &mut Texts<'_>,
    instance: i64,
    handle: i64,
    new: &NewStep,
) -> rusqlite::Result<Written> {
    let connection = texts.connection;
    let id = new.recording.as_bytes();
    let rows = match &new.step {
        Step::Begin { format } => {
            let format = texts.number(format)?;
            let mut statement = connection.prepare_cached(BEGIN)?;
            statement.execute(params![id, format, instance, handle])
        }
        Step::Link {
            activity,
            from_us,
            until_us,
        } => {
            let mut statement = connection.prepare_cached(LINK)?;
            statement.execute(params![activity.as_bytes(), id, from_us, until_us])
        }
        Step::Chunk(chunk) => connection.prepare_cached(CHUNK)?.execute(params![
            id,
            i64::try_from(chunk.number).unwrap_or(i64::MAX),
            chunk.track.as_str(),
            i64::try_from(chunk.events).unwrap_or(i64::MAX),
            chunk.from_us,
            chunk.until_us,
            codec_number(chunk.codec),
            chunk.body,
        ]),
        Step::End {
            status,
            events,
            lost,
            at_us,
        } => {
            // So that what is missing can be added to it.
            const MOST: i64 = i64::MAX / 2;
            let [events, lost] =
                [events, lost].map(|count| i64::try_from(*count).unwrap_or(MOST).min(MOST));
            let status = status_number(*status);
            let mut statement = connection.prepare_cached(END)?;
            statement.execute(params![id, status, lost, at_us, events])
        }
    }?;
    Ok(match &new.step {
        Step::Begin { .. } if rows == 1 => Written::Recording,
        Step::Chunk(_) if rows == 1 => Written::Chunk,
        _ => Written::Nothing,
    })
}

/// Marks what an instance, or one log of it, was recording when it ended.
pub(in crate::store::sqlite) fn abandon(
    connection: &Connection,
    instance: i64,
    handle: Option<i64>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(ABANDON)?
        .execute(params![instance, handle])
        .map(drop)
}

/// Counts the recordings that are beyond a limit by their date, and their chunks. Those that go on are kept anyway.
pub(in crate::store::sqlite) fn prunable(
    connection: &Connection,
    beyond: &Beyond,
) -> rusqlite::Result<Pruned> {
    let before = beyond.before_us.map_or([0; 16], prune::bound);
    let mut prunable = connection.prepare_cached(PRUNABLE)?;
    prunable.query_row(params![before, bytes(beyond)], |row| {
        Ok(Pruned {
            recordings: row.get::<_, i64>(0)?.max(0).cast_unsigned(),
            chunks: row.get::<_, i64>(1)?.max(0).cast_unsigned(),
            ..Pruned::default()
        })
    })
}

/// The `seq` of the oldest recording that is beyond a limit.
pub(in crate::store::sqlite) fn due(
    connection: &Connection,
    beyond: &Beyond,
) -> rusqlite::Result<Option<i64>> {
    let old = match (beyond.before_us, beyond.committed) {
        (None, _) => None,
        (Some(before_us), None) => connection
            .prepare_cached(OLD)?
            .query_row([prune::bound(before_us)], |row| row.get(0))
            .optional()?,
        (Some(before_us), Some(committed)) => {
            let (before, ahead) = (prune::bound(before_us), prune::bound(beyond.ahead_us));
            connection
                .prepare_cached(OLD_BY_PLACE)?
                .query_row(params![committed, before, ahead], |row| row.get(0))
                .optional()?
        }
    };
    if old.is_some() || beyond.bytes.is_none() {
        return Ok(old);
    }
    let kept: i64 = connection
        .prepare_cached(BYTES)?
        .query_row([], |row| row.get(0))?;
    if kept <= bytes(beyond) {
        return Ok(None);
    }
    let mut oldest = connection.prepare_cached(OLDEST)?;
    oldest.query_row([], |row| row.get(0)).optional()
}

fn bytes(beyond: &Beyond) -> i64 {
    let bytes = beyond.bytes.unwrap_or(u64::MAX);
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Deletes a part of the oldest recording that is beyond a limit. Returns what went.
pub(in crate::store::sqlite) fn prune(
    connection: &Connection,
    beyond: &Beyond,
) -> rusqlite::Result<Pruned> {
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
pub(in crate::store::sqlite) fn delete_chunks(
    connection: &Connection,
    recording: i64,
    at_most: u64,
) -> rusqlite::Result<u64> {
    let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
    let chunks = connection
        .prepare_cached(SOME_CHUNKS)?
        .query_map([recording, at_most], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    ledger::delete(connection, RowKind::Chunk, chunks)
}

/// The number that stands for a status in `recording.status`.
pub(in crate::store::sqlite) const fn status_number(status: RecordingStatus) -> i64 {
    match status {
        RecordingStatus::Recording => 0,
        RecordingStatus::Complete => 1,
        RecordingStatus::Lost => 2,
        RecordingStatus::Crashed => 3,
        RecordingStatus::Gone => 4,
        RecordingStatus::TimedOut => 5,
        RecordingStatus::Truncated => 6,
        RecordingStatus::Abandoned => 7,
    }
}

/// The number that stands for a codec in `chunk.codec`.
pub(in crate::store::sqlite) const fn codec_number(codec: Codec) -> i64 {
    match codec {
        Codec::Zstd => 1,
    }
}
