//! The present, as readers see it, and records dated ahead of it.

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::{failed, row::instant};
use crate::{
    error::Result,
    record::{ActivityId, Filter},
    store::{
        AHEAD, ClockHealth, Cursor, Record, Retention,
        clock::StoreClock,
        sqlite::maintenance::{clock, retention},
    },
};

const SCHEMA: &str = "PRAGMA user_version";
/// The first schema that has a clock and a retention.
const CLOCK_SCHEMA: i64 = 2;

const COUNT_AHEAD: &str = "SELECT (SELECT count(*) FROM activity WHERE id >= ?1) + (SELECT count(*) FROM event WHERE id >= ?1)";

/// Reads the store's clock; `None` in schema 1, and until a log has been open since.
fn clock(connection: &Connection) -> Result<Option<StoreClock>> {
    match has_clock(connection)? {
        true => clock::read(connection).map_err(failed("read the store's clock")),
        false => Ok(None),
    }
}

/// Files of schema 1 can be read, too.
fn has_clock(connection: &Connection) -> Result<bool> {
    let version = connection.query_row(SCHEMA, (), |row| row.get::<_, i64>(0));
    Ok(version.map_err(failed("read the schema's version"))? >= CLOCK_SCHEMA)
}

/// Returns the later of the reader's wall clock and the store's clock: if one of them is behind, new records are not taken
/// for future ones.
pub(super) fn now(connection: &Connection, wall: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let own = clock(connection)?.map(|clock| instant(clock.present_us()));
    Ok(own.transpose()?.map_or(wall, |own| own.max(wall)))
}

/// The instant from which dates are ahead of the present.
pub(super) fn ahead_from(now: DateTime<Utc>) -> DateTime<Utc> {
    now.checked_add_signed(AHEAD)
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Splits a list into records dated up to the present, and then those dated ahead: the filter and the cursor of each part.
pub(super) fn split_ahead<R: Record>(
    filter: &Filter,
    cursor: Option<Cursor<R>>,
    ahead_from: DateTime<Utc>,
) -> Vec<(Filter, Option<Cursor<R>>)> {
    // Records that were ahead when the list began may not be any more: they stay in their part.
    let in_ahead =
        |cursor: &Cursor<R>| cursor.is_ahead() || cursor.key().started_at() >= ahead_from;
    let (before, after) = match cursor {
        Some(cursor) if in_ahead(&cursor) => (None, Some(cursor)),
        cursor => (Some(cursor), None),
    };
    let mut parts = Vec::new();
    if let Some(cursor) = before {
        let mut present = filter.clone();
        present.until = Some(
            filter
                .until
                .map_or(ahead_from, |until| until.min(ahead_from)),
        );
        if present.since < present.until {
            parts.push((present, cursor));
        }
    }
    if filter.until.is_none_or(|until| until > ahead_from) {
        let mut ahead = filter.clone();
        ahead.since = filter.since.max(Some(ahead_from));
        parts.push((ahead, after));
    }
    parts
}

/// Counts the activities and events dated from this instant on.
pub(super) fn count_ahead(connection: &Connection, from: DateTime<Utc>) -> Result<u64> {
    let first = ActivityId::lower_bound(from);
    let count = connection.query_row(COUNT_AHEAD, [first.as_bytes()], |row| row.get::<_, i64>(0));
    let count = count.map_err(failed("count the records dated ahead"))?;
    Ok(count.max(0).cast_unsigned())
}

/// Reads the retention limits that were set.
pub(super) fn retention(connection: &Connection) -> Result<Retention> {
    match has_clock(connection)? {
        true => retention::read(connection).map_err(failed("read the retention")),
        false => Ok(Retention::default()),
    }
}

/// Reads the state of the store's clock; `None` if it has none.
pub(super) fn health(connection: &Connection) -> Result<Option<ClockHealth>> {
    let Some(clock) = clock(connection)? else {
        return Ok(None);
    };
    Ok(Some(ClockHealth {
        store: instant(clock.now_us)?,
        wall: instant(clock.wall_us)?,
        agreed_s: (clock.agreed_us / 1_000_000).max(0).cast_unsigned(),
    }))
}
