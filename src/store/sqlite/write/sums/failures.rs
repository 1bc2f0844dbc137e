//! Stores the groups of failures.

use std::{borrow::Cow, ops::Range};

use rusqlite::{Connection, Params, params};

use crate::{
    record::{ActivityId, Fingerprint},
    store::{
        sqlite::columns::lossy,
        sums::{FailureRows, FailureSum, Failures, MOST_FINGERPRINTS, quarter_of},
    },
};

const COMMITTED: &str = "SELECT id, started_at, name, (SELECT value FROM text WHERE text.id = activity.name), error_type, message \
     FROM activity NOT INDEXED WHERE seq > ?1 AND seq <= ?2 AND status = 2 AND started_at >= ?3";
const STARTED: &str = "SELECT id, started_at, name, (SELECT value FROM text WHERE text.id = activity.name), error_type, message \
     FROM activity INDEXED BY activity_unsuccessful WHERE status > 1 AND status = 2 AND id >= ?1 AND id < ?2 AND seq <= ?3";
const IS_KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM failure WHERE fingerprint = ?1)";
const IN_QUARTER: &str =
    "SELECT EXISTS (SELECT 1 FROM failure WHERE quarter = ?1 AND fingerprint = ?2)";
const COUNT_IN_QUARTER: &str =
    "SELECT count(*) FROM failure WHERE quarter = ?1 AND fingerprint <> 0";
/// Counts fingerprints, at most one more than ?1, each found by a search of the index.
const COUNT: &str = "WITH RECURSIVE known (fingerprint) AS ( \
     SELECT min(fingerprint) FROM failure UNION ALL \
     SELECT (SELECT min(fingerprint) FROM failure WHERE fingerprint > known.fingerprint) FROM known \
     WHERE known.fingerprint IS NOT NULL LIMIT ?1 + 2) SELECT count(fingerprint) FROM known";
const ADD: &str = "INSERT INTO failure (quarter, fingerprint, name, error_type, count, first, example) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (quarter, fingerprint) DO UPDATE SET count = count + excluded.count, \
     first = min(first, excluded.first), example = max(example, excluded.example)";
const OF_QUARTER: &str =
    "SELECT fingerprint, name, error_type, count, first, example FROM failure WHERE quarter = ?1";
const DELETE_QUARTERS: &str = "DELETE FROM failure WHERE quarter >= ?1 AND quarter < ?2";
const DELETE_BEFORE: &str = "DELETE FROM failure WHERE (quarter, fingerprint) IN \
     (SELECT quarter, fingerprint FROM failure WHERE quarter < ?1 ORDER BY quarter LIMIT ?2)";

/// Reads the failures with a seq in `after + 1..=up_to` that started at `from_us` or later.
pub(crate) fn read_committed(
    connection: &Connection,
    after: i64,
    up_to: i64,
    from_us: i64,
) -> rusqlite::Result<Failures> {
    read(connection, COMMITTED, params![after, up_to, from_us])
}

/// Reads the failures with an id in this range and a seq up to `up_to`.
fn read_started(
    connection: &Connection,
    ids: &Range<ActivityId>,
    up_to: i64,
) -> rusqlite::Result<Failures> {
    let values = params![ids.start.as_bytes(), ids.end.as_bytes(), up_to];
    read(connection, STARTED, values)
}

fn read(connection: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<Failures> {
    let mut failures = Failures::default();
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    while let Some(row) = rows.next()? {
        let id = ActivityId::from_bytes(row.get(0)?);
        let text = |column| row.get_ref(column).map(lossy);
        let (name, error_type, message) = (text(3)?, text(4)?, text(5)?);
        let name = name.unwrap_or_default();
        let fingerprint = Fingerprint::new(&name, error_type.as_deref(), message.as_deref());
        let one = FailureSum {
            name: row.get(2)?,
            error_type: error_type.map(Cow::into_owned),
            count: 1,
            first: id,
            last: id,
        };
        failures.add((quarter_of(row.get(1)?), fingerprint.number()), one);
    }
    Ok(failures)
}

/// Adds failures to the stored ones.
pub(crate) fn fold(connection: &Connection, failures: Failures) -> rusqlite::Result<()> {
    let groups = failures.limited(connection)?;
    let mut add = connection.prepare_cached(ADD)?;
    for ((quarter, fingerprint), sum) in groups.0 {
        let (first, last) = (sum.first.as_bytes(), sum.last.as_bytes());
        add.execute(params![
            quarter,
            fingerprint,
            sum.name,
            sum.error_type,
            sum.count,
            first,
            last
        ])?;
    }
    Ok(())
}

impl FailureRows for Connection {
    type Error = rusqlite::Error;

    fn is_known(&self, fingerprint: i64) -> rusqlite::Result<bool> {
        let mut statement = self.prepare_cached(IS_KNOWN)?;
        statement.query_row([fingerprint], |row| row.get(0))
    }

    fn fingerprints(&self) -> rusqlite::Result<i64> {
        let mut count = self.prepare_cached(COUNT)?;
        count.query_row([MOST_FINGERPRINTS], |row| row.get(0))
    }

    fn is_in_quarter(&self, quarter: i64, fingerprint: i64) -> rusqlite::Result<bool> {
        let mut exists = self.prepare_cached(IN_QUARTER)?;
        exists.query_row([quarter, fingerprint], |row| row.get(0))
    }

    fn in_quarter(&self, quarter: i64) -> rusqlite::Result<i64> {
        let mut count = self.prepare_cached(COUNT_IN_QUARTER)?;
        count.query_row([quarter], |row| row.get(0))
    }
}

/// Replaces the stored failures of these quarter hours by those with an id in this range and a seq up to `up_to`.
pub(crate) fn rebuild(
    connection: &Connection,
    quarters: &Range<i64>,
    ids: &Range<ActivityId>,
    up_to: i64,
) -> rusqlite::Result<()> {
    let mut delete = connection.prepare_cached(DELETE_QUARTERS)?;
    delete.execute([quarters.start, quarters.end])?;
    fold(connection, read_started(connection, ids, up_to)?)
}

/// Returns true if the table has the failures of this quarter hour with an id in this range and a seq up to `up_to`.
pub(crate) fn equals(
    connection: &Connection,
    quarter: i64,
    ids: &Range<ActivityId>,
    up_to: i64,
) -> rusqlite::Result<bool> {
    let expected = read_started(connection, ids, up_to)?;
    let mut stored = Failures::default();
    let mut statement = connection.prepare_cached(OF_QUARTER)?;
    let mut rows = statement.query([quarter])?;
    while let Some(row) = rows.next()? {
        let one = FailureSum {
            name: row.get(1)?,
            error_type: row.get_ref(2).map(lossy)?.map(Cow::into_owned),
            count: row.get(3)?,
            first: ActivityId::from_bytes(row.get(4)?),
            last: ActivityId::from_bytes(row.get(5)?),
        };
        stored.add((quarter, row.get(0)?), one);
    }
    Ok(stored.are_groups_of(&expected))
}

/// Deletes up to `limit` groups before a quarter hour, and returns their number.
pub(crate) fn delete_before(
    connection: &Connection,
    quarter: i64,
    limit: i64,
) -> rusqlite::Result<u64> {
    let mut delete = connection.prepare_cached(DELETE_BEFORE)?;
    Ok(delete.execute([quarter, limit])? as u64)
}
