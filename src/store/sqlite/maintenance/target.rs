//! The table `target`: how far a file was forwarded, by target.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::clock::Positions;
use crate::{
    record::fnv1a,
    store::{Places, RowKind, sqlite::meta::MetaKey},
};

const GET: &str = "SELECT log, activity, event, chunk, to_activity, to_event, to_chunk, recording, keep_us, batch, to_batch \
     FROM target WHERE name = ?1";
const SET: &str = "INSERT INTO target (name, log, activity, event, chunk, to_activity, to_event, to_chunk, recording, keep_us, batch, \
       to_batch) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (name) DO UPDATE SET log = excluded.log, \
       activity = excluded.activity, event = excluded.event, chunk = excluded.chunk, to_activity = excluded.to_activity, \
       to_event = excluded.to_event, to_chunk = excluded.to_chunk, recording = excluded.recording, keep_us = excluded.keep_us, \
       batch = excluded.batch, to_batch = excluded.to_batch";
const DELETE: &str = "DELETE FROM target WHERE name = ?1";
const NAMES: &str = "SELECT name FROM target ORDER BY name";
const RENAME: &str = "UPDATE target SET name = ?2 WHERE name = ?1";
const FAIL: &str = "UPDATE target SET error = ?2, error_at = iif(?2 IS NULL, NULL, coalesce(error_at, ?3)) WHERE name = ?1";
const ACKNOWLEDGED: &str = "SELECT min(activity), min(event), min(recording), \
     iif(count(keep_us) = count(*), max(keep_us), NULL) FROM target";
const LOST_ACTIVITIES: &str = "UPDATE target SET lost = lost + (SELECT count(*) FROM json_each(?1) WHERE value > activity) \
     WHERE activity < ?2";
const LOST_EVENTS: &str = "UPDATE target SET lost = lost + (SELECT count(*) FROM json_each(?1) WHERE value > event) \
     WHERE event < ?2";
const LOST_RECORDINGS: &str = "UPDATE target SET lost = lost + (SELECT count(*) FROM json_each(?1) WHERE value > recording) \
     WHERE recording < ?2";
/// Schemas 1 to 3 have no such table.
const EXISTS: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'target')";

/// How far a file was forwarded to one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    /// The log's id there.
    pub(crate) log: Uuid,
    /// The last places that were acknowledged.
    pub(crate) acknowledged: Places,
    /// The batch that ends there.
    pub(crate) batch: Option<Uuid>,
    /// The end of the batch that was cut last.
    pub(crate) cut: Places,
    /// That batch.
    pub(crate) cut_batch: Option<Uuid>,
    /// The seq up to which all recordings have ended and were forwarded with their ends.
    pub(crate) recording: i64,
    /// Older records that were acknowledged are deleted; `None` if retention alone decides.
    pub(crate) keep_us: Option<i64>,
}

/// What every target of a file has acknowledged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acknowledged {
    pub(super) up_to: Positions,
    /// Older records up to these positions are deleted.
    pub(super) keep_us: Option<i64>,
}

impl Target {
    /// A new log that starts after these places.
    pub(crate) fn new_log(after: Places) -> Self {
        Target {
            log: random_id(),
            acknowledged: after,
            batch: None,
            cut: after,
            cut_batch: None,
            recording: 0,
            keep_us: None,
        }
    }
}

pub(crate) fn random_id() -> Uuid {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid()
}

/// Returns false for a file of a schema without targets.
pub(in crate::store::sqlite) fn has_targets(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(EXISTS, (), |row| row.get(0))
}

/// Reads the row of a target; `None` if the file was never forwarded there.
pub(in crate::store::sqlite) fn get(
    connection: &Connection,
    name: &str,
) -> rusqlite::Result<Option<Target>> {
    if !has_targets(connection)? {
        return Ok(None);
    }
    let mut get = connection.prepare_cached(GET)?;
    let target = get.query_row([name], |row| {
        Ok(Target {
            log: Uuid::from_bytes(row.get(0)?),
            acknowledged: Places::new(row.get(1)?, row.get(2)?, row.get(3)?),
            cut: Places::new(row.get(4)?, row.get(5)?, row.get(6)?),
            recording: row.get(7)?,
            keep_us: row.get(8)?,
            batch: row.get::<_, Option<_>>(9)?.map(Uuid::from_bytes),
            cut_batch: row.get::<_, Option<_>>(10)?.map(Uuid::from_bytes),
        })
    });
    target.optional()
}

/// Replaces the row of a target, or inserts it. Returns false, and leaves it as it is, if it is not `from`.
pub(in crate::store::sqlite) fn replace(
    connection: &Connection,
    name: &str,
    from: Option<&Target>,
    target: &Target,
) -> rusqlite::Result<bool> {
    if get(connection, name)?.as_ref() != from {
        return Ok(false);
    }
    let (done, cut) = (target.acknowledged, target.cut);
    let bytes = |id: Option<Uuid>| id.map(Uuid::into_bytes);
    connection.prepare_cached(SET)?.execute(params![
        name,
        target.log.as_bytes(),
        done.activity,
        done.event,
        done.chunk,
        cut.activity,
        cut.event,
        cut.chunk,
        target.recording,
        target.keep_us,
        bytes(target.batch),
        bytes(target.cut_batch),
    ])?;
    Ok(true)
}

/// Deletes the row of a target. Returns false if there is none.
pub(in crate::store::sqlite) fn delete(
    connection: &Connection,
    name: &str,
) -> rusqlite::Result<bool> {
    if !has_targets(connection)? {
        return Ok(false);
    }
    store_key(name).clear(connection)?;
    Ok(connection.execute(DELETE, [name])? > 0)
}

/// Returns the key of the id of the store at a target.
pub(in crate::store::sqlite) fn store_key(name: &str) -> MetaKey {
    MetaKey::StoreAt(fnv1a(name.bytes()))
}

/// Finds the target at which a store with this id was.
pub(in crate::store::sqlite) fn of_store(
    connection: &Connection,
    store: i64,
) -> rusqlite::Result<Option<(String, Target)>> {
    if !has_targets(connection)? {
        return Ok(None);
    }
    let mut names = connection.prepare_cached(NAMES)?;
    let names = names.query_map((), |row| row.get::<_, String>(0))?;
    for name in names {
        let name = name?;
        if store_key(&name).get(connection)? == Some(store) {
            return Ok(get(connection, &name)?.map(|target| (name, target)));
        }
    }
    Ok(None)
}

/// Gives the row of a target another name, in place of the row that has that name. Returns false, and leaves both as they are, if the
/// row is not `target`.
pub(in crate::store::sqlite) fn rename(
    connection: &Connection,
    from: &str,
    target: &Target,
    to: &str,
) -> rusqlite::Result<bool> {
    if get(connection, from)?.as_ref() != Some(target) {
        return Ok(false);
    }
    delete(connection, to)?;
    connection.execute(RENAME, [from, to])?;
    store_key(from).clear(connection)?;
    Ok(true)
}

/// Sets or clears the last error of a target.
pub(in crate::store::sqlite) fn set_error(
    connection: &Connection,
    name: &str,
    error: Option<&str>,
    at_us: i64,
) -> rusqlite::Result<()> {
    let mut fail = connection.prepare_cached(FAIL)?;
    fail.execute(params![name, error, at_us]).map(drop)
}

/// Returns what every target has acknowledged; `None` if the file is not forwarded.
pub(super) fn acknowledged(connection: &Connection) -> rusqlite::Result<Option<Acknowledged>> {
    let mut acknowledged = connection.prepare_cached(ACKNOWLEDGED)?;
    acknowledged.query_row((), |row| {
        let activity: Option<i64> = row.get(0)?;
        let (event, recording): (Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?);
        let keep_us = row.get(3)?;
        Ok(activity.map(|activity| Acknowledged {
            up_to: Positions {
                activity,
                event: event.unwrap_or_default(),
                recording: recording.unwrap_or_default(),
            },
            keep_us,
        }))
    })
}

/// Counts those of the deleted rows that a target has not acknowledged.
pub(super) fn count_lost(
    connection: &Connection,
    kind: RowKind,
    deleted: &[i64],
) -> rusqlite::Result<()> {
    let sql = match kind {
        RowKind::Activity => LOST_ACTIVITIES,
        RowKind::Event => LOST_EVENTS,
        RowKind::Recording => LOST_RECORDINGS,
        RowKind::Chunk => return Ok(()),
    };
    let Some(last) = deleted.iter().max() else {
        return Ok(());
    };
    let seqs = serde_json::Value::from(deleted).to_string();
    let mut count = connection.prepare_cached(sql)?;
    count.execute(params![seqs, last]).map(drop)
}
