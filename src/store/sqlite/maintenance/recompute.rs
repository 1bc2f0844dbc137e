//! Recomputes the sums of quarter hours from their activities, to compare or to replace the stored ones.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    counted::{ACTIVITIES, FAILURES},
    retention,
};
use crate::{
    record::{Kind, Status},
    store::{
        codes::Code,
        sqlite::{
            columns::unsigned,
            meta::{self, MetaKey},
            write::sums::{agents, buckets, failures, hours},
        },
        sums::{
            AgentRow, AgentSums, BucketRow, Buckets, LAST_QUARTER, Nesting, first_id,
            first_of_hour, quarter_of,
        },
    },
};

/// Schema 1 has no such table. It keeps the end of the pruned time under `mark`.
const HAS_PRUNED: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'pruned')";
const HAS_GROUPS: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'failure')";
const IS_PRUNED: &str = "SELECT EXISTS (SELECT 1 FROM pruned WHERE first <= ?1 AND last >= ?1)";
/// The end of the pruned quarter hours from ?1 until ?2.
const LAST_PRUNED: &str =
    "SELECT max(min(last + 1, ?2)) FROM pruned WHERE first < ?2 AND last >= ?1";
const NEXT_SUM: &str = "SELECT min(quarter) FROM bucket WHERE quarter >= ?1";
const NEXT_ACTIVITY: &str = "SELECT started_at FROM activity WHERE id >= ?1 ORDER BY id LIMIT 1";
const LAST_ACTIVITY: &str = "SELECT started_at FROM activity ORDER BY id DESC LIMIT 1";
const ROWS: &str = "SELECT started_at, status, duration_ns, name, project, brand, seq, agent, \
     kind = (SELECT id FROM text WHERE value = ?3), root IS NULL FROM activity WHERE id >= ?1 AND id < ?2";
const DELETE_QUARTERS: &str = "DELETE FROM bucket WHERE quarter >= ?1 AND quarter < ?2";

/// Quarter hours compared per call, so few that no read transaction is open for long.
const STEP: u64 = 8;

/// The result of comparing some quarter hours.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// How many were compared.
    pub(crate) compared: u64,
    /// Those whose stored sums differ from their activities.
    pub(crate) differing: Vec<i64>,
    /// Where to continue; `None` at the end.
    pub(crate) next: Option<i64>,
    /// The fraction done (0 to 1).
    pub(crate) progress: f64,
}

/// Compares the stored sums of some quarter hours, from this one on, with their activities. Quarter hours with pruned
/// activities are skipped.
///
/// Call it within one transaction.
pub(crate) fn compare(connection: &Connection, from: i64) -> rusqlite::Result<Comparison> {
    let first = sums_from(connection)?;
    let has_pruned = has_pruned(connection)?;
    let mut result = Comparison {
        next: Some(from.max(first)),
        ..Comparison::default()
    };
    while let Some(from) = result.next
        && result.compared < STEP
    {
        result.next = next(connection, from)?;
        if let Some(quarter) = result.next {
            if !(has_pruned && is_pruned(connection, quarter)?) {
                result.compared += 1;
                if !equals(connection, quarter, first)? {
                    result.differing.push(quarter);
                }
            }
            result.next = Some(quarter + 1);
        }
    }
    if let Some(next) = result.next {
        let newest = connection.query_row(LAST_ACTIVITY, (), |row| row.get::<_, i64>(0));
        let newest = quarter_of(newest.optional()?.unwrap_or_default());
        // Sums are kept for a month by default, which is 2,880 quarter hours.
        let left = (newest - next).clamp(0, 2_880);
        result.progress = 1.0 - left as f64 / 2_880.0;
    }
    Ok(result)
}

/// Returns true if the stored sums of a quarter hour, and of its hour, are those of its activities. `first` is the first quarter hour
/// from which on sums are complete.
fn equals(connection: &Connection, quarter: i64, first: i64) -> rusqlite::Result<bool> {
    let quarters = quarter..quarter + 1;
    let (mut buckets, mut agents) = sums_of(connection, &quarters)?;
    let sums = std::mem::take(&mut agents.sums);
    buckets.add_agents(sums);
    if !buckets::equals(connection, &buckets, quarter)? {
        return Ok(false);
    }
    if !has_groups(connection)? {
        // A file of an earlier schema.
        return Ok(true);
    }
    let ids = first_id(quarters.start)..first_id(quarters.end);
    let are_grouped = quarter < failures_from(connection)?
        || failures::equals(connection, quarter, &ids, FAILURES.up_to(connection)?)?;
    Ok(are_grouped
        && agents::equals(connection, &agents, quarter, first)?
        && hours::equals(connection, first_of_hour(quarter))?)
}

/// Returns false for a file of a schema before groups of failures.
fn has_groups(connection: &Connection) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(HAS_GROUPS)?;
    statement.query_row((), |row| row.get(0))
}

/// Returns the first quarter hour from which on sums are complete; `i64::MIN` if they always were.
pub(crate) fn sums_from(connection: &Connection) -> rusqlite::Result<i64> {
    let first = meta::complete_from(connection)?;
    if !has_pruned(connection)? {
        return Ok(first);
    }
    // Late activities that are older than the retention of sums are not added to all of them.
    let kept = quarter_of(retention::sums_from_us(connection)?);
    Ok(first.max(kept.saturating_add(1)))
}

/// Returns the first quarter hour from which on groups of failures are complete.
pub(crate) fn failures_from(connection: &Connection) -> rusqlite::Result<i64> {
    let ungrouped = MetaKey::UngroupedPruned.get(connection)?;
    Ok(sums_from(connection)?.max(ungrouped.unwrap_or(i64::MIN)))
}

/// Returns false for a file of schema 1.
pub(crate) fn has_pruned(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(HAS_PRUNED)?
        .query_row((), |row| row.get(0))
}

/// Finds the first quarter hour from this one on that has sums or activities.
fn next(connection: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
    let sum: Option<i64> = connection
        .prepare_cached(NEXT_SUM)?
        .query_row([from], |row| row.get(0))?;
    let id = first_id(from);
    let started: Option<i64> = connection
        .prepare_cached(NEXT_ACTIVITY)?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    // One behind the last has no activities, though an id may be its bound.
    let started = started.filter(|_| from <= LAST_QUARTER);
    let activity = started.map(|us| quarter_of(us).max(from));
    Ok(sum.into_iter().chain(activity).min())
}

/// Adds up the activities of some quarter hours; for the sums of agents, only those up to the watermark.
pub(crate) fn sums_of(
    connection: &Connection,
    quarters: &Range<i64>,
) -> rusqlite::Result<(Buckets, AgentSums)> {
    let (mut buckets, mut agents) = (Buckets::default(), AgentSums::default());
    let counted_up_to = ACTIVITIES.up_to(connection)?;
    let mut statement = connection.prepare_cached(ROWS)?;
    let (first, end) = (first_id(quarters.start), first_id(quarters.end));
    let turn = Kind::Turn.as_str();
    let mut rows = statement.query(params![first.as_bytes(), end.as_bytes(), turn])?;
    while let Some(row) = rows.next()? {
        let code: i64 = row.get(1)?;
        let Some(status) = Status::from_code(code) else {
            // A status that another program wrote: not counted in any sum.
            continue;
        };
        let duration_ns: Option<i64> = row.get(2)?;
        let fold = BucketRow {
            started_at_us: row.get(0)?,
            status,
            duration_ns: duration_ns.map(unsigned),
            name: row.get(3)?,
            project: row.get(4)?,
            brand: row.get(5)?,
        };
        buckets.add(fold);
        // Indexing adds the later ones to the sums of agents.
        if row.get::<_, i64>(6)? <= counted_up_to
            && let Some(agent) = row.get(7)?
        {
            agents.add(AgentRow {
                agent,
                project: fold.project,
                started_at_us: fold.started_at_us,
                status,
                duration_ns: fold.duration_ns,
                nesting: Nesting::new(row.get(8)?, row.get(9)?),
            });
        }
    }
    Ok((buckets, agents))
}

/// Replaces the stored sums of some quarter hours by the sums of their activities.
pub(crate) fn rebuild(transaction: &Transaction<'_>, quarters: Range<i64>) -> rusqlite::Result<()> {
    transaction.execute(DELETE_QUARTERS, params![quarters.start, quarters.end])?;
    let (mut buckets, agents) = sums_of(transaction, &quarters)?;
    let mut changed = buckets::fold(transaction, &mut buckets)?;
    changed.append(&mut agents::rebuild(transaction, &quarters, agents)?);
    regroup(transaction, &quarters)?;
    extend_kept(transaction, &quarters)?;
    // Quarter hours that have no sums any more change the hour, too.
    changed.extend(quarters);
    hours::roll_up(transaction, changed)
}

/// Groups the failures of some quarter hours anew.
pub(crate) fn regroup(
    transaction: &Transaction<'_>,
    quarters: &Range<i64>,
) -> rusqlite::Result<()> {
    let ids = first_id(quarters.start)..first_id(quarters.end);
    failures::rebuild(transaction, quarters, &ids, FAILURES.up_to(transaction)?)
}

/// Returns true if activities of a quarter hour were pruned.
pub(crate) fn is_pruned(connection: &Connection, quarter: i64) -> rusqlite::Result<bool> {
    let mut is_pruned = connection.prepare_cached(IS_PRUNED)?;
    is_pruned.query_row([quarter], |row| row.get(0))
}

/// Moves the watermark of deleted sums back if these quarter hours are the last ones before it: they have sums again.
fn extend_kept(transaction: &Transaction<'_>, quarters: &Range<i64>) -> rusqlite::Result<()> {
    let Some(deleted) = MetaKey::SumsDeleted.get(transaction)? else {
        return Ok(());
    };
    let between = next(transaction, quarters.end)?;
    if quarters.start < deleted && between.is_none_or(|quarter| quarter >= deleted) {
        let mut pruned = transaction.prepare_cached(LAST_PRUNED)?;
        let pruned: Option<i64> = pruned.query_row([quarters.start, deleted], |row| row.get(0))?;
        MetaKey::SumsDeleted.set(transaction, pruned.unwrap_or(quarters.start))?;
    }
    Ok(())
}
