//! Stores the turn buckets of agents.

use std::{collections::BTreeSet, ops::Range};

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::store::{
    TurnStats,
    sums::{ALL, QUARTERS, TurnBuckets, TurnSums},
};

const READ: &str =
    "SELECT quarter, turns, within_us, after FROM pace WHERE scope_id = ?1 AND quarter = ?2";
const READ_RANGE: &str = "SELECT quarter, turns, within_us, after FROM pace \
     WHERE scope_id = ?1 AND quarter >= ?2 AND quarter < ?3";
const READ_HOURS: &str = "SELECT quarter, turns, within_us, after FROM hour \
     WHERE ?1 = 0 AND quarter >= ?2 AND quarter < ?3";
const REPLACE: &str = "INSERT OR REPLACE INTO pace (scope_id, quarter, turns, within_us, after) \
     VALUES (?1, ?2, ?3, ?4, ?5)";
const DELETE: &str = "DELETE FROM pace WHERE scope_id = ?1 AND quarter = ?2";
const DELETE_RANGE: &str =
    "DELETE FROM pace WHERE scope_id = ?1 AND quarter >= ?2 AND quarter < ?3";

/// Adds to the stored buckets. Returns the quarters whose buckets over all agents have changed.
pub(super) fn add(
    connection: &Connection,
    buckets: TurnBuckets,
) -> rusqlite::Result<BTreeSet<i64>> {
    let mut read = connection.prepare_cached(READ)?;
    let mut replace = connection.prepare_cached(REPLACE)?;
    let mut delete = connection.prepare_cached(DELETE)?;
    let mut quarters = BTreeSet::new();
    for ((scope, quarter), mut sum) in buckets.0 {
        if scope == ALL {
            quarters.insert(quarter);
        }
        let stored = read.query_row([scope, quarter], read_sum).optional()?;
        if let Some((_, stored)) = stored {
            sum.add(&stored);
        }
        if sum.is_nothing() {
            delete.execute([scope, quarter])?;
        } else {
            let (turns, within_us, after) = (sum.turns, sum.span_us, sum.to_bytes());
            replace.execute(params![scope, quarter, turns, within_us, after])?;
        }
    }
    Ok(quarters)
}

/// Returns true if the table has these buckets of a quarter, of which those before `first` are not known.
pub(super) fn equals(
    connection: &Connection,
    buckets: TurnBuckets,
    quarter: i64,
    first: i64,
) -> rusqlite::Result<bool> {
    let mut read = connection.prepare_cached(READ)?;
    for ((scope, at), sum) in buckets.0 {
        let stored = read.query_row([scope, quarter], read_sum).optional()?;
        let stored = stored.map(|(_, sum)| sum).unwrap_or_default();
        if at == quarter && sum.known_since(at, first) != stored.known_since(at, first) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads the stored buckets of some quarters, with `buckets` added.
pub(crate) fn read_with(
    buckets: TurnBuckets,
    connection: &Connection,
    scope: i64,
    quarters: Range<i64>,
) -> rusqlite::Result<Vec<TurnStats>> {
    read_and_add(buckets, connection, READ_RANGE, scope, quarters)
}

/// Reads the stored hours over all agents, with `buckets` added.
pub(crate) fn read_hours_with(
    buckets: &TurnBuckets,
    connection: &Connection,
    quarters: Range<i64>,
) -> rusqlite::Result<Vec<TurnStats>> {
    read_and_add(buckets.by_hour(), connection, READ_HOURS, ALL, quarters)
}

fn read_and_add(
    mut more: TurnBuckets,
    connection: &Connection,
    sql: &str,
    scope: i64,
    quarters: Range<i64>,
) -> rusqlite::Result<Vec<TurnStats>> {
    more.0
        .retain(|(of, quarter), _| *of == scope && quarters.contains(quarter));
    let mut stats = Vec::new();
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([scope, quarters.start, quarters.end])?;
    while let Some(row) = rows.next()? {
        let (quarter, mut sum) = read_sum(row)?;
        if let Some(added) = more.0.remove(&(scope, quarter)) {
            sum.add(&added);
        }
        stats.push(sum.into_stats(quarter));
    }
    stats.extend(more.into_stats());
    stats.sort_by_key(|stats| stats.quarter);
    Ok(stats)
}

/// Sums up the turns over all agents in an hour, from its stored quarters.
pub(super) fn read_hour(connection: &Connection, first: i64) -> rusqlite::Result<TurnSums> {
    let mut hour = TurnSums::default();
    let mut statement = connection.prepare_cached(READ_RANGE)?;
    let mut rows = statement.query([ALL, first, first + QUARTERS])?;
    while let Some(row) = rows.next()? {
        let (quarter, sum) = read_sum(row)?;
        hour.add_by_hour(quarter, &sum);
    }
    Ok(hour)
}

/// Deletes the stored buckets of some quarters.
pub(super) fn delete(
    connection: &Connection,
    scope: i64,
    quarters: &Range<i64>,
) -> rusqlite::Result<()> {
    let mut delete = connection.prepare_cached(DELETE_RANGE)?;
    delete
        .execute([scope, quarters.start, quarters.end])
        .map(drop)
}

fn read_sum(row: &Row<'_>) -> rusqlite::Result<(i64, TurnSums)> {
    let after = row.get_ref(3)?.as_blob()?;
    let sum = TurnSums::from_parts(row.get(1)?, row.get(2)?, after);
    Ok((row.get(0)?, sum))
}
