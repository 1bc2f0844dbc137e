//! How much each sort of record takes: counted in the order of commits with the index, so that the insert pays nothing;
//! of recordings by triggers.
//!
//! What a row takes in its table, its indexes and the index for searching cannot be asked without reading them all.
//! Counted are its texts, and for all the rest a number of bytes that was measured over millions of small rows.

use rusqlite::Connection;

use crate::store::sqlite::meta::MetaKey;

/// A sort of record whose bytes are counted.
pub(super) struct Size {
    /// The mark that has them.
    mark: MetaKey,
    /// What the rows after the first and up to the second place take.
    between: &'static str,
}

pub(super) const ACTIVITIES: Size = Size {
    mark: MetaKey::ActivityBytes,
    between: "SELECT coalesce(sum(200 + octet_length(concat(session, request, error_type, message, attributes))), 0) \
         FROM activity NOT INDEXED WHERE seq > ?1 AND seq <= ?2",
};
pub(super) const PREVIEWS: Size = Size {
    mark: MetaKey::PreviewBytes,
    between: "SELECT coalesce(sum(40 + octet_length(concat(input, output))), 0) \
         FROM preview WHERE activity > ?1 AND activity <= ?2",
};
pub(super) const EVENTS: Size = Size {
    mark: MetaKey::EventBytes,
    between: "SELECT coalesce(sum(200 + octet_length(concat(summary, reference, data, dedup_key, session, request))), 0) \
         FROM event NOT INDEXED WHERE seq > ?1 AND seq <= ?2",
};
pub(super) const RECORDINGS: Size = Size {
    mark: MetaKey::RecordingBytes,
    between: "SELECT coalesce(sum(bytes), 0) FROM chunk WHERE recording > ?1 AND recording <= ?2",
};
/// One row of the sums, with what is known of agents beside it.
pub(super) const SUM: i64 = 200;

impl Size {
    /// What all rows take that are counted.
    pub(super) fn total(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let total = self.mark.get(connection)?;
        Ok(total.unwrap_or_default())
    }

    /// Adds to that, or takes away from it.
    pub(super) fn add(&self, connection: &Connection, bytes: i64) -> rusqlite::Result<()> {
        self.mark.add(connection, bytes)
    }

    /// What the rows after the first and up to the second place take.
    pub(super) fn between(
        &self,
        connection: &Connection,
        after: i64,
        up_to: i64,
    ) -> rusqlite::Result<i64> {
        let mut sum = connection.prepare_cached(self.between)?;
        sum.query_row([after, up_to], |row| row.get(0))
    }

    /// What one row takes.
    pub(super) fn of(&self, connection: &Connection, seq: i64) -> rusqlite::Result<i64> {
        self.between(connection, seq - 1, seq)
    }
}
