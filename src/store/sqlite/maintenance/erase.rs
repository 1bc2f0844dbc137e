//! Erases the content recorded for an actor from the rows, the index, free pages and the write-ahead log.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    connection::SqliteMaintenance,
    recompute, recordings,
    search::{ACTIVITIES, EVENTS, RowKey},
};
use crate::{
    error::{Error, ErrorKind, Result},
    record::ActivityId,
    store::{
        EraseCounts,
        sqlite::{
            columns::{TEXT_ID, unsigned},
            meta::MetaKey,
        },
        sums::quarter_of,
    },
};

/// Rows per transaction.
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
const EVENTS_OF_ACTIVITY: &str = "SELECT seq, id FROM event WHERE activity = ?1";
const RECORDINGS: &str = "SELECT recording FROM link WHERE activity = ?1";
/// Keeps the dictionary row while anything refers to it.
const ERASE_TEXT: &str = "DELETE FROM text WHERE id = ?1 \
     AND NOT EXISTS (SELECT 1 FROM activity WHERE ?1 IN (kind, name, project, agent, actor, brand, environment)) \
     AND NOT EXISTS (SELECT 1 FROM open WHERE ?1 IN (kind, name, project, agent, actor, brand, environment)) \
     AND NOT EXISTS (SELECT 1 FROM event WHERE ?1 IN (type, project, agent, actor, brand, environment)) \
     AND NOT EXISTS (SELECT 1 FROM bucket WHERE scope_id = ?1 AND scope > 0) \
     AND NOT EXISTS (SELECT 1 FROM failure WHERE name = ?1) \
     AND NOT EXISTS (SELECT 1 FROM recording WHERE format = ?1)";

const OVERWRITE: &str = "PRAGMA secure_delete = ON";
const VACUUM: &str = "PRAGMA incremental_vacuum";
const TRUNCATE_WAL: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

impl SqliteMaintenance {
    /// Counts what [`erase_actor`](Self::erase_actor) would erase.
    pub(super) fn count_erasable(&self, actor: &str) -> Result<EraseCounts> {
        self.read(|connection| {
            let Some(number) = number(connection, actor)? else {
                return Ok(EraseCounts::default());
            };
            connection.query_row(COUNT, [number], |row| {
                let count = |column| row.get(column).map(unsigned);
                Ok(EraseCounts {
                    activities: count(0)?,
                    events: count(1)?,
                    recordings: count(2)?,
                })
            })
        })
    }

    /// Erases an actor's content in many transactions, and reports the counts so far after each.
    pub(super) fn erase_actor(
        &self,
        actor: &str,
        progress: &mut dyn FnMut(&EraseCounts),
    ) -> Result<EraseCounts> {
        let mut erased = EraseCounts::default();
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
                // Bumps the erase epoch: writers drop their dictionary caches when it changes.
                MetaKey::EraseEpoch.add(transaction, 1)
            })?;
        }
        // Even if nothing was found: an earlier attempt may have been interrupted before this.
        while self.write(|transaction| ACTIVITIES.purge(transaction))? {}
        while self.write(|transaction| EVENTS.purge(transaction))? {}
        self.read(|connection| {
            let mut statement = connection.prepare(VACUUM)?;
            let mut rows = statement.query(())?;
            while rows.next()?.is_some() {}
            Ok(())
        })?;
        let busy: bool =
            self.read(|connection| connection.query_row(TRUNCATE_WAL, (), |row| row.get(0)))?;
        if busy {
            let what = format!(
                "erased the content of actor {actor:?}, but could not truncate the write-ahead log, which still holds it, \
                 because others read or write the store: run the erasure again once they are done"
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

/// Erases some activities with their events and recordings. Returns the last seq, or `None` once there are no more.
fn erase_activities(
    transaction: &Transaction<'_>,
    actor: i64,
    after: i64,
    erased: &mut EraseCounts,
) -> rusqlite::Result<Option<i64>> {
    let found = row_keys(transaction, ACTIVITIES_OF, params![actor, after, STEP])?;
    ACTIVITIES.change(transaction, &found, || {
        for (seq, id) in &found {
            transaction.prepare_cached(ERASE_ACTIVITY)?.execute([seq])?;
            transaction.prepare_cached(ERASE_PREVIEW)?.execute([seq])?;
            let events = row_keys(transaction, EVENTS_OF_ACTIVITY, params![id])?;
            erased.events += erase(transaction, &events)?;
            let mut statement = transaction.prepare_cached(RECORDINGS)?;
            let recordings = statement.query_map([id], |row| row.get::<_, i64>(0))?;
            for seq in recordings.collect::<rusqlite::Result<Vec<_>>>()? {
                erased.recordings += recordings::delete_all(transaction, seq)?;
            }
        }
        Ok(())
    })?;
    regroup(transaction, &found)?;
    erased.activities += found.len() as u64;
    Ok(found.last().map(|(seq, _)| *seq))
}

/// Groups the failures of these activities anew, without their messages: else a group could confirm a guess of one. Not where
/// activities were pruned, as the others of their groups are gone.
fn regroup(transaction: &Transaction<'_>, activities: &[RowKey]) -> rusqlite::Result<()> {
    let started = activities
        .iter()
        .map(|(_, id)| ActivityId::from_bytes(*id).started_at_us());
    let quarters: BTreeSet<i64> = started.map(quarter_of).collect();
    let from = recompute::failures_from(transaction)?;
    for quarter in quarters.range(from..) {
        if !recompute::is_pruned(transaction, *quarter)? {
            recompute::regroup(transaction, &(*quarter..quarter + 1))?;
        }
    }
    Ok(())
}

/// Erases some events. Returns `false` once there are no more.
fn erase_events(
    transaction: &Transaction<'_>,
    actor: i64,
    erased: &mut EraseCounts,
) -> rusqlite::Result<bool> {
    let found = row_keys(transaction, EVENTS_OF, params![actor, STEP])?;
    erased.events += erase(transaction, &found)?;
    Ok(!found.is_empty())
}

fn erase(transaction: &Transaction<'_>, events: &[RowKey]) -> rusqlite::Result<u64> {
    EVENTS.change(transaction, events, || {
        let mut erase = transaction.prepare_cached(ERASE_EVENT)?;
        let mut rows = events.iter().map(|(seq, _)| erase.execute([seq]).map(drop));
        rows.try_for_each(|done| done)
    })?;
    Ok(events.len() as u64)
}

fn row_keys(
    transaction: &Transaction<'_>,
    sql: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<Vec<RowKey>> {
    let mut statement = transaction.prepare_cached(sql)?;
    let found = statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.collect()
}
