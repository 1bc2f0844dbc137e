//! Where the sums of a range of quarter hours come from: kept sums, or older activities that are scanned.

use std::ops::Range;

use rusqlite::{Connection, Transaction, params};

use super::{failed, row};
use crate::{
    error::Result,
    store::{
        Gaps, Quarter,
        sqlite::{
            maintenance::recompute,
            meta::{self, MetaKey},
        },
        sums::first_id,
    },
};

const PRUNED: &str = "SELECT max(first, ?1), min(last + 1, ?2) FROM pruned WHERE first < ?2 AND last >= ?1 ORDER BY first";
/// Counts at most ?3 activities.
const COUNT: &str =
    "SELECT count(*) FROM (SELECT 1 FROM activity WHERE id >= ?1 AND id < ?2 LIMIT ?3)";
const ATTEMPT: &str = "find out which sums are known";

/// What a store has of a range of quarter hours.
pub(super) struct Coverage {
    quarters: Range<i64>,
    /// The first quarter hour with complete sums, or the end.
    kept_from: i64,
    /// Quarter hours with pruned activities, in order.
    pruned: Vec<Range<i64>>,
    /// The first quarter hour with complete groups of failures.
    failures_from: i64,
    /// True if more activities started before `kept_from` than can be scanned.
    too_many: bool,
}

impl Coverage {
    /// Reads it, with the most activities to scan. Call it within one transaction.
    pub(super) fn read(
        connection: &Connection,
        quarters: &Range<i64>,
        limit: usize,
    ) -> Result<Self> {
        let read = || {
            let quarters = quarters.start..quarters.end.max(quarters.start);
            let kept_from = recompute::sums_from(connection)?;
            let kept_from = kept_from.clamp(quarters.start, quarters.end);
            Ok(Coverage {
                pruned: pruned(connection, &quarters)?,
                failures_from: recompute::failures_from(connection)?,
                too_many: !is_within(connection, &(quarters.start..kept_from), limit)?,
                quarters,
                kept_from,
            })
        };
        read().map_err(failed(ATTEMPT))
    }

    /// True if there are sums of all quarter hours.
    pub(super) fn is_kept(&self) -> bool {
        self.kept_from <= self.quarters.start
    }

    /// Returns the quarter hours with complete sums.
    pub(super) fn kept(&self) -> Range<i64> {
        self.kept_from..self.quarters.end
    }

    /// Returns the quarter hours whose activities have to be scanned.
    pub(super) fn scanned(&self) -> Range<i64> {
        match self.too_many {
            true => self.kept_from..self.kept_from,
            false => self.quarters.start..self.kept_from,
        }
    }

    /// Returns true if all activities of the range are there, and no more than this many.
    pub(super) fn can_scan_all(&self, connection: &Connection, limit: usize) -> Result<bool> {
        if !self.pruned.is_empty() {
            return Ok(false);
        }
        is_within(connection, &self.quarters, limit).map_err(failed(ATTEMPT))
    }

    pub(super) fn gaps(&self) -> Gaps {
        let older = self.quarters.start..self.kept_from;
        let sums = match self.too_many {
            true => vec![older],
            false => {
                let pruned = self.pruned.iter();
                let older = pruned.map(|one| one.start..one.end.min(self.kept_from));
                older.filter(|one| !one.is_empty()).collect()
            }
        };
        let failures = self.pruned.iter();
        let failures = failures.map(|one| one.start..one.end.min(self.failures_from));
        let failures: Vec<_> = failures.filter(|one| !one.is_empty()).collect();
        Gaps {
            activities: self.pruned.iter().map(in_quarters).collect(),
            failures: failures.iter().map(in_quarters).collect(),
            sums: sums.iter().map(in_quarters).collect(),
            too_many: self.too_many,
            events_before: None,
        }
    }
}

/// Reads the gaps of a range, and before when events were pruned.
pub(super) fn gaps(connection: &Connection, range: &Range<i64>, limit: usize) -> Result<Gaps> {
    let view = snapshot(connection)?;
    let pruned = MetaKey::EventsPruned.get(&view).map_err(failed(ATTEMPT))?;
    let mut gaps = Coverage::read(&view, range, limit)?.gaps();
    gaps.events_before = pruned.map(row::instant).transpose()?;
    Ok(gaps)
}

/// Begins a transaction, so that several statements see the same state.
pub(super) fn snapshot(connection: &Connection) -> Result<Transaction<'_>> {
    let begun = connection.unchecked_transaction();
    begun.map_err(failed("begin to read"))
}

/// Converts numbers of quarter hours.
pub(super) fn in_quarters(numbers: &Range<i64>) -> Range<Quarter> {
    Quarter::from_number(numbers.start)..Quarter::from_number(numbers.end)
}

/// Reads the ranges of quarter hours with pruned activities.
fn pruned(connection: &Connection, within: &Range<i64>) -> rusqlite::Result<Vec<Range<i64>>> {
    // Schema 1 kept only the end of the pruned time.
    let first = meta::activities_from(connection)?.clamp(within.start, within.end);
    let mut ranges = Vec::from_iter(Some(within.start..first));
    if recompute::has_pruned(connection)? {
        let mut statement = connection.prepare_cached(PRUNED)?;
        let found = statement.query_map([first, within.end], |row| {
            Ok(row.get::<_, i64>(0)?..row.get::<_, i64>(1)?)
        })?;
        for range in found {
            ranges.push(range?);
        }
    }
    ranges.retain(|range| !range.is_empty());
    Ok(ranges)
}

/// Returns true if no more than `limit` activities started in these quarter hours.
fn is_within(
    connection: &Connection,
    quarters: &Range<i64>,
    limit: usize,
) -> rusqlite::Result<bool> {
    if quarters.is_empty() {
        return Ok(true);
    }
    let (first, end) = (first_id(quarters.start), first_id(quarters.end));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let most = limit.saturating_add(1);
    let mut count = connection.prepare_cached(COUNT)?;
    let count: i64 = count.query_row(params![first.as_bytes(), end.as_bytes(), most], |row| {
        row.get(0)
    })?;
    Ok(count <= limit)
}
