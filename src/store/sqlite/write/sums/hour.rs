//! Hours: the sums and the pace of everything, four quarters at a time, so that a month is read quickly.
//!
//! They say nothing that the quarters do not. Whoever owns a transaction that has changed quarters adds their hours up
//! before it commits, once.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::{bucket, pace};
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

/// Adds the hours up anew that these quarters belong to.
pub(crate) fn add_up(
    connection: &Connection,
    quarters: impl IntoIterator<Item = i64>,
) -> rusqlite::Result<()> {
    let hours: BTreeSet<i64> = quarters.into_iter().map(first_of_hour).collect();
    let mut read = connection.prepare_cached(READ)?;
    for hour in hours {
        let mut sums = Sums::default();
        let mut rows = read.query([hour, hour + QUARTERS])?;
        while let Some(row) = rows.next()? {
            sums.merge(&bucket::sums(row)?.1);
        }
        let pace = pace::of_hour(connection, hour)?;
        if sums.count == 0 && pace.is_nothing() {
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
            pace.turns,
            pace.span_us,
            pace.to_bytes(),
        ])?;
    }
    Ok(())
}
