//! Bytes that each kind of record takes: counted in commit order while indexing, so that the insert pays nothing, and for
//! recordings by triggers.
//!
//! SQLite cannot tell what a row takes in its table, its indexes and the search index without reading them all. Counted are
//! the row's texts, plus a constant for the rest that was measured over millions of small rows.

use rusqlite::Connection;

use crate::store::{
    Sizes,
    sqlite::{columns::unsigned, meta::MetaKey},
};

/// A counter of the bytes of one kind of record.
pub(super) struct Size {
    /// Where the total is kept.
    total: MetaKey,
    /// Bytes of the rows after seq ?1 and up to seq ?2.
    between: &'static str,
}

pub(super) const ACTIVITIES: Size = Size {
    total: MetaKey::ActivityBytes,
    between: "SELECT coalesce(sum(200 + octet_length(concat(session, request, error_type, message, attributes))), 0) \
         FROM activity NOT INDEXED WHERE seq > ?1 AND seq <= ?2",
};
pub(super) const PREVIEWS: Size = Size {
    total: MetaKey::PreviewBytes,
    between: "SELECT coalesce(sum(40 + octet_length(concat(input, output))), 0) \
         FROM preview WHERE activity > ?1 AND activity <= ?2",
};
pub(super) const EVENTS: Size = Size {
    total: MetaKey::EventBytes,
    between: "SELECT coalesce(sum(200 + octet_length(concat(summary, reference, data, dedup_key, session, request))), 0) \
         FROM event NOT INDEXED WHERE seq > ?1 AND seq <= ?2",
};
pub(super) const RECORDINGS: Size = Size {
    total: MetaKey::RecordingBytes,
    between: "SELECT coalesce(sum(bytes), 0) FROM chunk WHERE recording > ?1 AND recording <= ?2",
};
/// Bytes of one row of sums, including its share of the agents' tables.
pub(super) const SUM: i64 = 200;
const COUNT_BUCKETS: &str = "SELECT count(*) FROM bucket";
/// Schemas 1 to 3 have no such table.
const HAS_FAILURES: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'failure')";
const COUNT_FAILURES: &str = "SELECT count(*) FROM failure";

/// The sizes of all kinds, as limits count them.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Sizes> {
    let number = |sql: &str| connection.query_row(sql, (), |row| row.get::<_, i64>(0));
    let failures = match number(HAS_FAILURES)? {
        0 => 0,
        _ => number(COUNT_FAILURES)?,
    };
    let sums = (number(COUNT_BUCKETS)? + failures).saturating_mul(SUM);
    let total = |size: &Size| size.total(connection).map(unsigned);
    Ok(Sizes {
        activities: total(&ACTIVITIES)?,
        events: total(&EVENTS)?,
        previews: total(&PREVIEWS)?,
        sums: unsigned(sums),
        recordings: total(&RECORDINGS)?,
    })
}

impl Size {
    /// Bytes of all rows counted so far.
    pub(super) fn total(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let total = self.total.get(connection)?;
        Ok(total.unwrap_or_default())
    }

    /// Adds to the total; a negative number is subtracted.
    pub(super) fn add(&self, connection: &Connection, bytes: i64) -> rusqlite::Result<()> {
        self.total.add(connection, bytes)
    }

    /// Bytes of the rows after the first seq, up to and including the second.
    pub(super) fn between(
        &self,
        connection: &Connection,
        after: i64,
        up_to: i64,
    ) -> rusqlite::Result<i64> {
        let mut sum = connection.prepare_cached(self.between)?;
        sum.query_row([after, up_to], |row| row.get(0))
    }

    /// Bytes of one row.
    pub(super) fn of_row(&self, connection: &Connection, seq: i64) -> rusqlite::Result<i64> {
        self.between(connection, seq - 1, seq)
    }
}
