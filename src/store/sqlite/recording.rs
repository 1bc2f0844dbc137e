//! The write side of recordings: steps in order, each of them idempotent.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    record::{ActivityId, Codec, RecordingStatus},
    store::{KeepRecordings, NewStep, Pruned, Step, sqlite::dictionary::Texts},
};

const BEGIN: &str = "
INSERT INTO recording (id, format, instance) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING";
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
const ABANDON: &str = "UPDATE recording SET status = 7 WHERE instance = ?1 AND status = 0";

const OLD: &str = "SELECT seq FROM recording WHERE id < ?1 AND status <> 0 ORDER BY id LIMIT 1";
const OLDEST: &str = "SELECT seq FROM recording WHERE status <> 0 ORDER BY id LIMIT 1";
// One is too much where what is left without those before it is.
const PRUNABLE: &str = "
SELECT count(*), coalesce(sum(chunks), 0) FROM (
  SELECT r.id AS id, count(c.seq) AS chunks,
         (SELECT coalesce(sum(bytes), 0) FROM chunk)
           - (sum(coalesce(sum(c.bytes), 0)) OVER (ORDER BY r.id) - coalesce(sum(c.bytes), 0)) AS left
  FROM recording AS r LEFT JOIN chunk AS c ON c.recording = r.seq WHERE r.status <> 0 GROUP BY r.id)
WHERE id < ?1 OR left > ?2";
const BYTES: &str = "SELECT value FROM mark WHERE name = 'recording_bytes'";
const UNLINK: &str = "DELETE FROM link WHERE recording = ?1";
const PRUNE: &str = "
DELETE FROM chunk WHERE seq IN (SELECT seq FROM chunk WHERE recording = ?1 LIMIT ?2)";
const FORGET: &str = "DELETE FROM recording WHERE seq = ?1";

/// Chunks that one transaction deletes, so that it never stalls the batches.
const PRUNED_AT_ONCE: usize = 100;

/// Writes one step. Those of a recording that was never begun are refused: no row stands for it.
pub(super) fn write(texts: &mut Texts<'_>, instance: i64, new: &NewStep) -> rusqlite::Result<()> {
    let connection = texts.connection;
    let id = new.recording.as_bytes();
    match &new.step {
        Step::Begin { format } => {
            let format = texts.number(format)?;
            let mut statement = connection.prepare_cached(BEGIN)?;
            statement.execute(params![id, format, instance])
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
    }
    .map(drop)
}

/// Marks what an instance was recording when it ended.
pub(super) fn abandon(connection: &Connection, instance: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(ABANDON)?
        .execute([instance])
        .map(drop)
}

/// Counts the recordings that are not to be kept, and their chunks. Those that go on are kept anyway.
pub(super) fn prunable(connection: &Connection, keep: KeepRecordings) -> rusqlite::Result<Pruned> {
    let before = ActivityId::from_parts(keep.since_us, 0);
    let bytes = i64::try_from(keep.bytes).unwrap_or(i64::MAX);
    let mut prunable = connection.prepare_cached(PRUNABLE)?;
    prunable.query_row(params![before.as_bytes(), bytes], |row| {
        Ok(Pruned {
            recordings: row.get::<_, i64>(0)?.max(0).cast_unsigned(),
            chunks: row.get::<_, i64>(1)?.max(0).cast_unsigned(),
            ..Pruned::default()
        })
    })
}

/// The `seq` of the oldest recording that is not to be kept.
pub(super) fn due(connection: &Connection, keep: KeepRecordings) -> rusqlite::Result<Option<i64>> {
    let before = ActivityId::from_parts(keep.since_us, 0);
    let old = connection
        .prepare_cached(OLD)?
        .query_row([before.as_bytes()], |row| row.get(0))
        .optional()?;
    if old.is_some() {
        return Ok(old);
    }
    let bytes: i64 = connection
        .prepare_cached(BYTES)?
        .query_row([], |row| row.get(0))?;
    if bytes <= i64::try_from(keep.bytes).unwrap_or(i64::MAX) {
        return Ok(None);
    }
    let mut oldest = connection.prepare_cached(OLDEST)?;
    oldest.query_row([], |row| row.get(0)).optional()
}

/// Deletes a part of the oldest recording that is not to be kept. Returns what went.
pub(super) fn prune(connection: &Connection, keep: KeepRecordings) -> rusqlite::Result<Pruned> {
    let Some(seq) = due(connection, keep)? else {
        return Ok(Pruned::default());
    };
    // The links go first: what is half deleted is nobody's any more.
    connection.prepare_cached(UNLINK)?.execute([seq])?;
    let chunks = connection
        .prepare_cached(PRUNE)?
        .execute(params![seq, PRUNED_AT_ONCE as i64])?;
    let whole = chunks < PRUNED_AT_ONCE;
    let recordings = match whole {
        true => connection.prepare_cached(FORGET)?.execute([seq])?,
        false => 0,
    };
    Ok(Pruned {
        recordings: recordings as u64,
        chunks: chunks as u64,
        ..Pruned::default()
    })
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
