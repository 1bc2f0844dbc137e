//! The roll-up of hours: overall sums and turns of four quarters each, so that a month is read quickly.
//!
//! Derived: a transaction that has changed quarters recomputes their hours once, before it commits.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::{buckets, turn_buckets};
use crate::{
    record::Sums,
    store::{
        sqlite::columns::signed,
        sums::{QUARTERS, TurnSums, first_of_hour},
    },
};

const READ: &str = "SELECT quarter, count, failed, cancelled, timed, sum_ns, min_ns, max_ns, sketch FROM bucket \
     WHERE scope = 0 AND scope_id = 0 AND quarter >= ?1 AND quarter < ?2";
const READ_HOUR: &str = "SELECT quarter, count, failed, cancelled, timed, sum_ns, min_ns, max_ns, sketch, turns, within_us, after \
     FROM hour WHERE quarter = ?1";
const REPLACE: &str = "INSERT OR REPLACE INTO hour (quarter, count, failed, cancelled, timed, sum_ns, min_ns, max_ns, sketch, \
     turns, within_us, after) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
const DELETE: &str = "DELETE FROM hour WHERE quarter = ?1";

/// Returns true if the table has the sums of this hour's quarters.
pub(crate) fn equals(connection: &Connection, hour: i64) -> rusqlite::Result<bool> {
    let (sums, turns) = sums_of(connection, hour)?;
    let mut read = connection.prepare_cached(READ_HOUR)?;
    let stored = read.query_row([hour], |row| {
        let after = row.get_ref(11)?.as_blob()?;
        let turns = TurnSums::from_parts(row.get(9)?, row.get(10)?, after);
        Ok((buckets::sums(row)?.1, turns.known_since(hour, i64::MIN)))
    });
    Ok(match stored.optional()? {
        Some((found, found_turns)) => {
            buckets::stored(&sums) == buckets::stored(&found)
                && turns.known_since(hour, i64::MIN) == found_turns
        }
        None => sums.count == 0 && turns.is_nothing(),
    })
}

/// Adds up the quarters of an hour.
fn sums_of(connection: &Connection, hour: i64) -> rusqlite::Result<(Sums, TurnSums)> {
    let mut sums = Sums::default();
    let mut read = connection.prepare_cached(READ)?;
    let mut rows = read.query([hour, hour + QUARTERS])?;
    while let Some(row) = rows.next()? {
        sums.merge(&buckets::sums(row)?.1);
    }
    Ok((sums, turn_buckets::read_hour(connection, hour)?))
}

/// Recomputes the hours of these quarters.
pub(crate) fn roll_up(
    connection: &Connection,
    quarters: impl IntoIterator<Item = i64>,
) -> rusqlite::Result<()> {
    let hours: BTreeSet<i64> = quarters.into_iter().map(first_of_hour).collect();
    for hour in hours {
        let (sums, turns) = sums_of(connection, hour)?;
        if sums.count == 0 && turns.is_nothing() {
            connection.prepare_cached(DELETE)?.execute([hour])?;
            continue;
        }
        connection.prepare_cached(REPLACE)?.execute(params![
            hour,
            signed(sums.count),
            signed(sums.failed),
            signed(sums.cancelled),
            signed(sums.timed),
            signed(sums.sum_ns),
            sums.min_ns.map(signed),
            sums.max_ns.map(signed),
            sums.sketch.to_bytes(),
            turns.turns,
            turns.span_us,
            turns.to_bytes(),
        ])?;
    }
    Ok(())
}
