//! Writes the steps of recordings, in order. Each step is idempotent.

use rusqlite::{Connection, params};

use super::dictionary::TextIds;
use crate::store::{NewStep, Step, codes::Code, sqlite::columns::signed};

const BEGIN: &str = "
INSERT INTO recording (id, format, instance, handle) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING";
const LINK: &str = "
INSERT INTO link (activity, recording, from_at, until_at)
VALUES (?1, (SELECT seq FROM recording WHERE id = ?2), ?3, ?4)
ON CONFLICT (activity, recording) DO UPDATE SET until_at = excluded.until_at";
// A chunk number is used once: one that is in the table comes from an earlier attempt.
const CHUNK: &str = "
INSERT INTO chunk (recording, number, track, events, from_at, until_at, codec, body)
SELECT r.seq, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM (SELECT (SELECT seq FROM recording WHERE id = ?1) AS seq) AS r
WHERE NOT EXISTS (SELECT 1 FROM chunk WHERE recording = r.seq AND number = ?2)";
// Missing events were in a chunk that was refused. That turns only `complete` (1) into `lost` (2).
const END: &str = "
UPDATE recording SET status = iif(?2 = 1 AND given.missing > 0, 2, ?2), lost = ?3 + given.missing, ended_at = ?4
FROM (SELECT r.seq, max(0, ?5 - coalesce(sum(chunk.events), 0)) AS missing
      FROM recording AS r LEFT JOIN chunk ON chunk.recording = r.seq WHERE r.id = ?1 GROUP BY r.seq) AS given
WHERE recording.seq = given.seq AND status IN (0, 7)";
const ABANDON: &str = "UPDATE recording SET status = 7 WHERE instance = ?1 AND status = 0 \
     AND handle = coalesce(?2, handle)";

/// The row that a step has inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepOutcome {
    Recording,
    Chunk,
    /// None: the step changed a row, or was written before.
    Nothing,
}

/// Writes one step. A step of a recording that was never begun is refused, since there is no row for it.
pub(super) fn write(
    texts: &mut TextIds<'_>,
    instance: i64,
    handle: i64,
    new: &NewStep,
) -> rusqlite::Result<StepOutcome> {
    let connection = texts.connection;
    let id = new.recording.as_bytes();
    let rows = match &new.step {
        Step::Begin { format } => {
            let format = texts.id(format)?;
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
            signed(chunk.number),
            chunk.track.as_str(),
            signed(chunk.events),
            chunk.from_us,
            chunk.until_us,
            chunk.codec.code(),
            chunk.body,
        ]),
        Step::End {
            status,
            events,
            lost,
            at_us,
        } => {
            // Leaves room to add the missing events.
            const MOST: i64 = i64::MAX / 2;
            let [events, lost] =
                [events, lost].map(|count| i64::try_from(*count).unwrap_or(MOST).min(MOST));
            let status = status.code();
            let mut statement = connection.prepare_cached(END)?;
            statement.execute(params![id, status, lost, at_us, events])
        }
    }?;
    Ok(match &new.step {
        Step::Begin { .. } if rows == 1 => StepOutcome::Recording,
        Step::Chunk(_) if rows == 1 => StepOutcome::Chunk,
        _ => StepOutcome::Nothing,
    })
}

/// Marks the unfinished recordings of an instance, or of one of its log handles, as abandoned.
pub(super) fn abandon(
    connection: &Connection,
    instance: i64,
    handle: Option<i64>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(ABANDON)?
        .execute(params![instance, handle])
        .map(drop)
}
