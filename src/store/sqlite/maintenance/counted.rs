//! Counts rows in commit order, beside the index: the sums of agents, the groups of failures, and the bytes of records.

use rusqlite::{Connection, Transaction};

use super::{
    retention,
    size::{self, Size},
};
use crate::store::sqlite::{
    columns::unsigned,
    meta::MetaKey,
    write::sums::{agents, failures, hours},
};

/// The rows of one table up to a watermark, which are counted.
pub(crate) struct CountedRows {
    /// The watermark: the last seq that is counted.
    watermark: MetaKey,
    /// The last seq of the next step.
    next: &'static str,
    /// Counters of bytes.
    sizes: &'static [Size],
}

pub(crate) const ACTIVITIES: CountedRows = CountedRows {
    watermark: MetaKey::FollowedActivities,
    next: "SELECT max(seq) FROM (SELECT seq FROM activity NOT INDEXED WHERE seq > ?1 ORDER BY seq LIMIT ?2)",
    sizes: &[size::ACTIVITIES, size::PREVIEWS],
};
pub(crate) const EVENTS: CountedRows = CountedRows {
    watermark: MetaKey::FollowedEvents,
    next: "SELECT max(seq) FROM (SELECT seq FROM event NOT INDEXED WHERE seq > ?1 ORDER BY seq LIMIT ?2)",
    sizes: &[size::EVENTS],
};

/// With a watermark of their own: files of earlier schemas have activities that were counted, but not grouped.
pub(crate) const FAILURES: CountedRows = CountedRows {
    watermark: MetaKey::GroupedFailures,
    next: ACTIVITIES.next,
    sizes: &[],
};

/// Counts up to `limit` rows of each table after the watermarks, and returns about how many; 0 once all are counted.
pub(super) fn count_some(transaction: &Transaction<'_>, limit: i64) -> rusqlite::Result<u64> {
    let activities = ACTIVITIES.next(transaction, limit)?;
    if let Some((after, up_to)) = activities {
        // No sums that retention would delete at once.
        let from_us = retention::sums_from_us(transaction)?;
        let agents = agents::read_committed(transaction, after, up_to, from_us)?;
        hours::roll_up(transaction, agents::fold(transaction, agents)?)?;
        ACTIVITIES.count(transaction, after, up_to)?;
    }
    let grouped = FAILURES.next(transaction, limit)?;
    if let Some((after, up_to)) = grouped {
        let from_us = retention::sums_from_us(transaction)?;
        let found = failures::read_committed(transaction, after, up_to, from_us)?;
        failures::fold(transaction, found)?;
        FAILURES.count(transaction, after, up_to)?;
    }
    let events = EVENTS.next(transaction, limit)?;
    if let Some((after, up_to)) = events {
        EVENTS.count(transaction, after, up_to)?;
    }
    let rows = |step: Option<(i64, i64)>| step.map_or(0, |(after, up_to)| unsigned(up_to - after));
    Ok(rows(activities).max(rows(grouped)) + rows(events))
}

impl CountedRows {
    /// The watermark: the last seq that is counted; 0 before the first.
    pub(crate) fn up_to(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let found = self.watermark.get(connection)?;
        Ok(found.unwrap_or_default())
    }

    /// Runs `work`, which changes or deletes the rows with these seqs, and updates the byte counters.
    pub(super) fn change(
        &self,
        connection: &Connection,
        seqs: &[i64],
        work: impl FnOnce() -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let before = self.bytes(connection, seqs)?;
        work()?;
        let after = self.bytes(connection, seqs)?;
        for (size, (before, after)) in self.sizes.iter().zip(before.into_iter().zip(after)) {
            size.add(connection, after - before)?;
        }
        Ok(())
    }

    /// The range of seqs of the next step: after the first, up to the second.
    fn next(&self, connection: &Connection, limit: i64) -> rusqlite::Result<Option<(i64, i64)>> {
        let after = self.up_to(connection)?;
        let mut next = connection.prepare_cached(self.next)?;
        let last: Option<i64> = next.query_row([after, limit], |row| row.get(0))?;
        Ok(last.map(|last| (after, last)))
    }

    fn count(&self, connection: &Connection, after: i64, up_to: i64) -> rusqlite::Result<()> {
        for size in self.sizes {
            size.add(connection, size.between(connection, after, up_to)?)?;
        }
        self.watermark.set(connection, up_to)
    }

    /// Bytes of those rows that have been counted, for each counter.
    fn bytes(&self, connection: &Connection, seqs: &[i64]) -> rusqlite::Result<Vec<i64>> {
        let watermark = self.up_to(connection)?;
        let counted = || seqs.iter().filter(|seq| **seq <= watermark);
        let bytes = |size: &Size| counted().map(|seq| size.of_row(connection, *seq)).sum();
        self.sizes.iter().map(bytes).collect()
    }
}
