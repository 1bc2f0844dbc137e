//! The roll-up of hours: overall sums and turns of four quarters each, so that a month is read quickly.
//!
//! Derived: a transaction that has changed quarters recomputes their hours once, before it commits.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::{buckets, turn_buckets};
use crate::{
    record::Sums,
    store::{
        sqlite::columns::signed,
        sums::{QUARTERS, first_of_hour},
    },
};

const READ: &str = "SELECT quarter, count, failed, cancelled, timed, sum_ns, min_ns, max_ns, sketch FROM bucket \
     WHERE scope = 0 AND scope_id = 0 AND quarter >= ?1 AND quarter < ?2";
const REPLACE: &str = "INSERT OR REPLACE INTO hour (quarter, count, failed, cancelled, timed, sum_ns, min_ns, max_ns, sketch, \
     turns, within_us, after) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
const DELETE: &str = "DELETE FROM hour WHERE quarter = ?1";

/// Recomputes the hours of these quarters.
pub(crate) fn roll_up(
    connection: &Connection,
    quarters: impl IntoIterator<Item = i64>,
) -> rusqlite::Result<()> {
    let hours: BTreeSet<i64> = quarters.into_iter().map(first_of_hour).collect();
    let mut read = connection.prepare_cached(READ)?;
    for hour in hours {
        let mut sums = Sums::default();
        let mut rows = read.query([hour, hour + QUARTERS])?;
        while let Some(row) = rows.next()? {
            sums.merge(&buckets::sums(row)?.1);
        }
        let turns = turn_buckets::read_hour(connection, hour)?;
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
