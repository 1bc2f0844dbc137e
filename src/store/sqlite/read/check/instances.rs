//! Compares the counts of each instance with its rows.

use std::collections::HashMap;

use rusqlite::{Connection, Row};

use super::rows::RowCounts;
use crate::{
    error::Result,
    record::{ActivityId, InstanceId},
    store::{
        Check, CheckCount, CheckCounts, InstanceCheck,
        sqlite::{
            columns::{signed, unsigned},
            open::lock_counts::CommitCounts,
            read::{failed, row::instant},
        },
    },
};

const INSTANCES: &str = "SELECT id, uuid, host, pid, started_at, \
       iif(json_valid(accounting), json_extract(accounting, '$.saved_at'), NULL), commits, \
       activities_added, activities_removed, events_added, events_removed, \
       recordings_added, recordings_removed, chunks_added, chunks_removed FROM instance ORDER BY id";

/// Compares the counts in the database and in the lock files with the rows found, and adds the result to `check`.
pub(super) fn compare(
    connection: &Connection,
    check: &mut Check,
    mut lock_counts: HashMap<InstanceId, CommitCounts>,
    mut found: HashMap<i64, RowCounts>,
) -> Result<()> {
    let attempt = || failed("read the ledger");
    let mut statement = connection.prepare(INSTANCES).map_err(attempt())?;
    let mut rows = statement.query(()).map_err(attempt())?;
    while let Some(row) = rows.next().map_err(attempt())? {
        let number: i64 = row.get(0).map_err(attempt())?;
        let id = InstanceId::from_bytes(row.get(1).map_err(attempt())?);
        let lock_counts = lock_counts.remove(&id).unwrap_or_default();
        let found = found.remove(&number).unwrap_or_default();
        let saved_at: Option<i64> = row.get(5).map_err(attempt())?;
        let one = InstanceCheck {
            id: Some(id),
            host: row.get(2).map_err(attempt())?,
            pid: row.get(3).map_err(attempt())?,
            started_at: Some(instant(row.get(4).map_err(attempt())?)?),
            saved_at: saved_at.map(instant).transpose()?,
            counts: counts(row, lock_counts, found).map_err(attempt())?,
        };
        add(check, one);
    }
    add_from_locks(check, lock_counts);
    let mut numbers: Vec<_> = found.into_iter().collect();
    numbers.sort_by_key(|(number, _)| *number);
    for (_, found) in numbers {
        add(check, unknown_instance(CommitCounts::default(), found));
    }
    Ok(())
}

/// Adds the instances that only have a lock file.
pub(super) fn add_from_locks(check: &mut Check, lock_counts: HashMap<InstanceId, CommitCounts>) {
    let mut lock_counts: Vec<_> = lock_counts.into_iter().collect();
    lock_counts.sort_by_key(|(id, _)| *id);
    for (id, counts) in lock_counts {
        let one = InstanceCheck {
            id: Some(id),
            started_at: Some(ActivityId::from_bytes(*id.as_bytes()).started_at()),
            ..unknown_instance(counts, RowCounts::default())
        };
        add(check, one);
    }
}

fn add(check: &mut Check, one: InstanceCheck) {
    check.total.add(&one.counts);
    if !one.counts.agree() {
        check.differing.push(one);
    }
}

/// The check of an instance that the database does not have.
fn unknown_instance(lock_counts: CommitCounts, found: RowCounts) -> InstanceCheck {
    InstanceCheck {
        id: None,
        host: None,
        pid: None,
        started_at: None,
        saved_at: None,
        counts: CheckCounts {
            commits: CheckCount::new(lock_counts.commits, 0),
            activities: CheckCount::new(lock_counts.activities, found.activities),
            events: CheckCount::new(lock_counts.events, found.events),
            recordings: CheckCount::new(lock_counts.recordings, found.recordings),
            chunks: CheckCount::new(lock_counts.chunks, found.chunks),
        },
    }
}

fn counts(
    row: &Row<'_>,
    lock_counts: CommitCounts,
    found: RowCounts,
) -> rusqlite::Result<CheckCounts> {
    // The larger of both counts is expected: rows missing in the ledger are missing as those missing in the table are.
    let count = |column: usize, lock_counts: u64, found| {
        let (added, removed): (i64, i64) = (row.get(column)?, row.get(column + 1)?);
        let added = added.max(signed(lock_counts));
        let expected = unsigned(added.saturating_sub(removed));
        Ok::<_, rusqlite::Error>(CheckCount::new(expected, found))
    };
    let commits = unsigned(row.get::<_, i64>(6)?);
    Ok(CheckCounts {
        commits: CheckCount::new(commits.max(lock_counts.commits), commits),
        activities: count(7, lock_counts.activities, found.activities)?,
        events: count(9, lock_counts.events, found.events)?,
        recordings: count(11, lock_counts.recordings, found.recordings)?,
        chunks: count(13, lock_counts.chunks, found.chunks)?,
    })
}
