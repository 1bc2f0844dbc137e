//! The retention limits, kept in the file.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::{clock, cutoff::Cutoff};
use crate::store::{Limit, Retention, sqlite::columns::unsigned};

const READ: &str = "SELECT kind, age_us, bytes FROM retention";
const WRITE: &str = "INSERT OR REPLACE INTO retention (kind, age_us, bytes) VALUES (?1, ?2, ?3)";

/// Reads the limits that were set.
pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Retention> {
    let mut retention = Retention::default();
    let mut statement = connection.prepare_cached(READ)?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let (age_us, bytes): (Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?);
        let name = row.get_ref(0)?.as_str()?;
        // A newer version may know more kinds: ignored.
        if let Some(kind) = retention.kind_mut(name) {
            *kind = Some(Limit {
                age: age_us.map(|us| Duration::from_micros(unsigned(us))),
                bytes: bytes.map(unsigned),
            });
        }
    }
    Ok(retention)
}

/// Sets the limits of the kinds in `change`, and leaves the others. Returns the limits before.
pub(crate) fn write(connection: &Connection, change: &Retention) -> rusqlite::Result<Retention> {
    let before = read(connection)?;
    let integer = |number: u128| i64::try_from(number).unwrap_or(i64::MAX);
    for ((kind, limit), (_, set)) in change.kinds().into_iter().zip(before.kinds()) {
        if let Some(limit) = limit
            && Some(limit) != set
        {
            let age_us = limit.age.map(|age| integer(age.as_micros()));
            let bytes = limit.bytes.map(|bytes| integer(bytes.into()));
            connection
                .prepare_cached(WRITE)?
                .execute(params![kind, age_us, bytes])?;
        }
    }
    Ok(before)
}

/// The oldest microsecond whose sums retention keeps; `i64::MIN` without a limit.
pub(super) fn sums_from_us(connection: &Connection) -> rusqlite::Result<i64> {
    let Some(clock) = clock::read(connection)? else {
        return Ok(i64::MIN);
    };
    let limits = read(connection)?.or(Retention::DEFAULT);
    let sums = Cutoff::new(limits.sums, clock.present_us());
    Ok(sums.before_us.unwrap_or(i64::MIN))
}
