//! The sums of quarters of an hour, added up from the activities of these, and compared with them where none of these was
//! pruned.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{retention, search::ACTIVITIES};
use crate::{
    record::{ActivityId, Kind, Status},
    store::{
        meaning::{AgentRow, Agents, Buckets, Code, Fold, Nesting, QUARTER_US, quarter_of},
        sqlite::{
            columns::unsigned,
            meta,
            write::sums::{agents, bucket, hour},
        },
    },
};

/// A file of schema 1 has no such table, and says with a mark until when activities were pruned.
const KNOWS_PRUNED: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'pruned')";
const IS_PRUNED: &str = "SELECT EXISTS (SELECT 1 FROM pruned WHERE first <= ?1 AND last >= ?1)";
const NEXT_SUM: &str = "SELECT min(quarter) FROM bucket WHERE quarter >= ?1";
const NEXT_ACTIVITY: &str = "SELECT started_at FROM activity WHERE id >= ?1 ORDER BY id LIMIT 1";
const LAST_ACTIVITY: &str = "SELECT started_at FROM activity ORDER BY id DESC LIMIT 1";
const ROWS: &str = "SELECT started_at, status, duration_ns, name, project, brand, seq, agent, \
     kind = (SELECT id FROM text WHERE value = ?3), root IS NULL FROM activity WHERE id >= ?1 AND id < ?2";
const DELETE_QUARTERS: &str = "DELETE FROM bucket WHERE quarter >= ?1 AND quarter < ?2";

/// What is compared at a time, so that no view of the store is held for long.
const AT_ONCE: usize = 8;

/// Some quarters that were compared.
#[derive(Debug, Default)]
pub(crate) struct Quarters {
    /// How many.
    pub(crate) compared: u64,
    /// Whose sums differ.
    pub(crate) differing: Vec<i64>,
    /// Where to go on; `None` where there is nothing more.
    pub(crate) next: Option<i64>,
    /// How far that is.
    pub(crate) progress: f64,
}

/// Compares the sums of some quarters from this one on; within one transaction.
pub(crate) fn compare(connection: &Connection, from: i64) -> rusqlite::Result<Quarters> {
    let mut first = meta::complete_from(connection)?;
    let knows_pruned: bool = connection.query_row(KNOWS_PRUNED, (), |row| row.get(0))?;
    if knows_pruned {
        // Whatever comes in late that is older than sums are kept is not added to all of them.
        let kept = quarter_of(retention::sums_from_us(connection)?);
        first = first.max(kept.saturating_add(1));
    }
    let mut quarters = Quarters {
        next: Some(from.max(first)),
        ..Quarters::default()
    };
    while let Some(from) = quarters.next
        && quarters.compared < AT_ONCE as u64
    {
        quarters.next = next(connection, from)?;
        if let Some(quarter) = quarters.next {
            let is_pruned = knows_pruned
                && connection.query_row(IS_PRUNED, [quarter], |row| row.get::<_, bool>(0))?;
            if !is_pruned {
                quarters.compared += 1;
                let (mut buckets, agents) = add_up(connection, &(quarter..quarter + 1))?;
                buckets.add_agents(agents.sums);
                if !bucket::equals(connection, &buckets, quarter)? {
                    quarters.differing.push(quarter);
                }
            }
            quarters.next = Some(quarter + 1);
        }
    }
    if let Some(next) = quarters.next {
        let newest = connection.query_row(LAST_ACTIVITY, (), |row| row.get::<_, i64>(0));
        let newest = quarter_of(newest.optional()?.unwrap_or_default());
        // A month at most is usual.
        let left = (newest - next).clamp(0, 2_880);
        quarters.progress = 1.0 - left as f64 / 2_880.0;
    }
    Ok(quarters)
}

/// The first quarter from this one on that has sums or activities.
fn next(connection: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
    let sum: Option<i64> = connection
        .prepare_cached(NEXT_SUM)?
        .query_row([from], |row| row.get(0))?;
    let id = first_id(from);
    let started: Option<i64> = connection
        .prepare_cached(NEXT_ACTIVITY)?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    let activity = started.map(|us| quarter_of(us).max(from));
    Ok(sum.into_iter().chain(activity).min())
}

/// Adds up the activities of some quarters, and of those that are indexed, by agents.
pub(crate) fn add_up(
    connection: &Connection,
    quarters: &Range<i64>,
) -> rusqlite::Result<(Buckets, Agents)> {
    let (mut buckets, mut agents) = (Buckets::default(), Agents::default());
    let followed = ACTIVITIES.indexed_up_to(connection)?;
    let mut statement = connection.prepare_cached(ROWS)?;
    let (first, end) = (first_id(quarters.start), first_id(quarters.end));
    let turn = Kind::Turn.as_str();
    let mut rows = statement.query(params![first.as_bytes(), end.as_bytes(), turn])?;
    while let Some(row) = rows.next()? {
        let code: i64 = row.get(1)?;
        let Some(status) = Status::from_code(code) else {
            // No status of ours: no sum counts it.
            continue;
        };
        let duration_ns: Option<i64> = row.get(2)?;
        let fold = Fold {
            started_at_us: row.get(0)?,
            status,
            duration_ns: duration_ns.map(unsigned),
            name: row.get(3)?,
            project: row.get(4)?,
            brand: row.get(5)?,
        };
        buckets.add(fold);
        // What comes after that is added to the sums of agents later.
        if row.get::<_, i64>(6)? <= followed
            && let Some(agent) = row.get(7)?
        {
            agents.add(AgentRow {
                agent,
                project: fold.project,
                started_at_us: fold.started_at_us,
                status,
                duration_ns: fold.duration_ns,
                nesting: Nesting::of(row.get(8)?, row.get(9)?),
            });
        }
    }
    Ok((buckets, agents))
}

/// Puts the sums of some quarters that their activities add up to in place of those that are stored.
pub(crate) fn rebuild(transaction: &Transaction<'_>, quarters: Range<i64>) -> rusqlite::Result<()> {
    transaction.execute(DELETE_QUARTERS, params![quarters.start, quarters.end])?;
    let (mut buckets, agents) = add_up(transaction, &quarters)?;
    let mut changed = bucket::fold(transaction, &mut buckets)?;
    changed.append(&mut agents::rebuild(transaction, &quarters, agents)?);
    // Also where there is nothing any more.
    changed.extend(quarters);
    hour::add_up(transaction, changed)
}

fn first_id(quarter: i64) -> ActivityId {
    ActivityId::from_parts(quarter.saturating_mul(QUARTER_US), 0)
}
