//! Erasing what was recorded of an actor: from the rows, the index, free pages and the write-ahead log.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    connection::SqliteMaintenance,
    recordings,
    search::{ACTIVITIES, EVENTS, Place},
};
use crate::{
    error::{Error, ErrorKind, Result},
    store::{
        Erased, RowKind,
        sqlite::{
            columns::{TEXT_ID, unsigned},
            meta::MetaKey,
            write::ledger,
        },
    },
};

/// Rows that one step takes.
const STEP: i64 = 500;

const COUNT: &str = "SELECT (SELECT count(*) FROM activity WHERE actor = ?1), (SELECT count(*) FROM event WHERE actor = ?1), \
     (SELECT count(DISTINCT recording) FROM link WHERE activity IN (SELECT id FROM activity WHERE actor = ?1))";
const ACTIVITIES_OF: &str =
    "SELECT seq, id FROM activity WHERE actor = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
const EVENTS_OF: &str = "SELECT seq, id FROM event WHERE actor = ?1 LIMIT ?2";
const ERASE_ACTIVITY: &str = "UPDATE activity SET actor = NULL, session = NULL, request = NULL, message = NULL, \
     attributes = NULL WHERE seq = ?1";
const ERASE_PREVIEW: &str = "DELETE FROM preview WHERE activity = ?1";
const ERASE_OPEN: &str = "UPDATE open SET actor = NULL, session = NULL, request = NULL, attributes = NULL, input = NULL, \
     input_bytes = NULL, input_truncated = NULL WHERE actor = ?1";
const ERASE_EVENT: &str = "UPDATE event SET actor = NULL, session = NULL, request = NULL, summary = NULL, data = NULL, \
     reference = NULL, dedup_key = NULL WHERE seq = ?1";
const EVENTS_WITHIN: &str = "SELECT seq, id FROM event WHERE activity = ?1";
const RECORDINGS: &str = "SELECT recording FROM link WHERE activity = ?1";
const ERASE_LINKS: &str = "DELETE FROM link WHERE recording = ?1";
/// What is also called so stays.
const ERASE_TEXT: &str = "DELETE FROM text WHERE id = ?1 \
     AND NOT EXISTS (SELECT 1 FROM activity WHERE ?1 IN (kind, name, project, agent, actor, brand, environment)) \
     AND NOT EXISTS (SELECT 1 FROM open WHERE ?1 IN (kind, name, project, agent, actor, brand, environment)) \
     AND NOT EXISTS (SELECT 1 FROM event WHERE ?1 IN (type, project, agent, actor, brand, environment)) \
     AND NOT EXISTS (SELECT 1 FROM bucket WHERE scope_id = ?1 AND scope > 0) \
     AND NOT EXISTS (SELECT 1 FROM recording WHERE format = ?1)";

const OVERWRITE: &str = "PRAGMA secure_delete = ON";
const GIVE_BACK: &str = "PRAGMA incremental_vacuum";
const EMPTY_LOG: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

impl SqliteMaintenance {
    pub(super) fn count_erasable(&self, actor: &str) -> Result<Erased> {
        self.read(|connection| {
            let Some(number) = number(connection, actor)? else {
                return Ok(Erased::default());
            };
            connection.query_row(COUNT, [number], |row| {
                let count = |column| row.get(column).map(unsigned);
                Ok(Erased {
                    activities: count(0)?,
                    events: count(1)?,
                    recordings: count(2)?,
                })
            })
        })
    }

    pub(super) fn erase_actor(
        &self,
        actor: &str,
        progress: &mut dyn FnMut(&Erased),
    ) -> Result<Erased> {
        let mut erased = Erased::default();
        self.read(|connection| connection.execute_batch(OVERWRITE))?;
        if let Some(number) = self.read(|connection| number(connection, actor))? {
            let mut after = 0;
            while let Some(last) =
                self.write(|transaction| erase_activities(transaction, number, after, &mut erased))?
            {
                after = last;
                progress(&erased);
            }
            while self.write(|transaction| erase_events(transaction, number, &mut erased))? {
                progress(&erased);
            }
            self.write(|transaction| {
                transaction.execute(ERASE_OPEN, [number])?;
                transaction.execute(ERASE_TEXT, [number])?;
                // Writers then forget the numbers of texts that they remember.
                MetaKey::EraseEpoch.add(transaction, 1)
            })?;
        }
        // Also what an earlier attempt left that was interrupted.
        while self.write(|transaction| ACTIVITIES.purge(transaction))? {}
        while self.write(|transaction| EVENTS.purge(transaction))? {}
        self.read(|connection| {
            let mut statement = connection.prepare(GIVE_BACK)?;
            let mut rows = statement.query(())?;
            while rows.next()?.is_some() {}
            Ok(())
        })?;
        let busy: bool =
            self.read(|connection| connection.query_row(EMPTY_LOG, (), |row| row.get(0)))?;
        if busy {
            let what = format!(
                "what is known of the actor {actor:?} is erased, but still stands in the write-ahead log, which others \
                 read or write: erase it again when they are done"
            );
            return Err(Error::new(ErrorKind::Busy, what));
        }
        Ok(erased)
    }
}

fn number(connection: &Connection, actor: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .query_row(TEXT_ID, [actor], |row| row.get(0))
        .optional()
}

/// Erases some activities. Gives the place of the last; `None` where there was none.
fn erase_activities(
    transaction: &Transaction<'_>,
    actor: i64,
    after: i64,
    erased: &mut Erased,
) -> rusqlite::Result<Option<i64>> {
    let found = places(transaction, ACTIVITIES_OF, params![actor, after, STEP])?;
    ACTIVITIES.change(transaction, &found, || {
        for (seq, id) in &found {
            transaction.prepare_cached(ERASE_ACTIVITY)?.execute([seq])?;
            transaction.prepare_cached(ERASE_PREVIEW)?.execute([seq])?;
            let within = places(transaction, EVENTS_WITHIN, params![id])?;
            erased.events += erase(transaction, &within)?;
            let mut statement = transaction.prepare_cached(RECORDINGS)?;
            let recordings = statement.query_map([id], |row| row.get::<_, i64>(0))?;
            for seq in recordings.collect::<rusqlite::Result<Vec<_>>>()? {
                recordings::delete_chunks(transaction, seq, u64::MAX)?;
                transaction.prepare_cached(ERASE_LINKS)?.execute([seq])?;
                erased.recordings += ledger::delete(transaction, RowKind::Recording, [seq])?;
            }
        }
        Ok(())
    })?;
    erased.activities += found.len() as u64;
    Ok(found.last().map(|(seq, _)| *seq))
}

/// Erases some events. `false` where there was none.
fn erase_events(
    transaction: &Transaction<'_>,
    actor: i64,
    erased: &mut Erased,
) -> rusqlite::Result<bool> {
    let found = places(transaction, EVENTS_OF, params![actor, STEP])?;
    erased.events += erase(transaction, &found)?;
    Ok(!found.is_empty())
}

fn erase(transaction: &Transaction<'_>, events: &[Place]) -> rusqlite::Result<u64> {
    EVENTS.change(transaction, events, || {
        let mut erase = transaction.prepare_cached(ERASE_EVENT)?;
        let mut rows = events.iter().map(|(seq, _)| erase.execute([seq]).map(drop));
        rows.try_for_each(|done| done)
    })?;
    Ok(events.len() as u64)
}

fn places(
    transaction: &Transaction<'_>,
    sql: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<Vec<Place>> {
    let mut statement = transaction.prepare_cached(sql)?;
    let found = statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.collect()
}
