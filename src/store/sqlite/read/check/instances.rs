//! What each instance should have, and what it has.

use std::collections::HashMap;

use rusqlite::{Connection, Row};

use super::rows::Found;
use crate::{
    error::Result,
    record::{ActivityId, InstanceId},
    store::{
        Check, Count, Counts, InstanceCheck,
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

/// Compares what the instances of the database, and those of the lock files, should have with what was found.
pub(super) fn compare(
    connection: &Connection,
    check: &mut Check,
    mut witnesses: HashMap<InstanceId, CommitCounts>,
    mut found: HashMap<i64, Found>,
) -> Result<()> {
    let attempt = || failed("read the ledger");
    let mut statement = connection.prepare(INSTANCES).map_err(attempt())?;
    let mut rows = statement.query(()).map_err(attempt())?;
    while let Some(row) = rows.next().map_err(attempt())? {
        let number: i64 = row.get(0).map_err(attempt())?;
        let id = InstanceId::from_bytes(row.get(1).map_err(attempt())?);
        let witness = witnesses.remove(&id).unwrap_or_default();
        let found = found.remove(&number).unwrap_or_default();
        let saved_at: Option<i64> = row.get(5).map_err(attempt())?;
        let one = InstanceCheck {
            id: Some(id),
            host: row.get(2).map_err(attempt())?,
            pid: row.get(3).map_err(attempt())?,
            started_at: Some(instant(row.get(4).map_err(attempt())?)?),
            saved_at: saved_at.map(instant).transpose()?,
            counts: counts(row, witness, found).map_err(attempt())?,
        };
        add(check, one);
    }
    unknown(check, witnesses);
    let mut numbers: Vec<_> = found.into_iter().collect();
    numbers.sort_by_key(|(number, _)| *number);
    for (_, found) in numbers {
        add(check, of_unknown(CommitCounts::default(), found));
    }
    Ok(())
}

/// Instances that only the lock files know.
pub(super) fn unknown(check: &mut Check, witnesses: HashMap<InstanceId, CommitCounts>) {
    let mut witnesses: Vec<_> = witnesses.into_iter().collect();
    witnesses.sort_by_key(|(id, _)| *id);
    for (id, witness) in witnesses {
        let one = InstanceCheck {
            id: Some(id),
            started_at: Some(ActivityId::from_bytes(*id.as_bytes()).started_at()),
            ..of_unknown(witness, Found::default())
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

/// What the database does not know the instance of.
fn of_unknown(witness: CommitCounts, found: Found) -> InstanceCheck {
    InstanceCheck {
        id: None,
        host: None,
        pid: None,
        started_at: None,
        saved_at: None,
        counts: Counts {
            commits: Count::new(witness.commits, 0),
            activities: Count::new(witness.activities, found.activities),
            events: Count::new(witness.events, found.events),
            recordings: Count::new(witness.recordings, found.recordings),
            chunks: Count::new(witness.chunks, found.chunks),
        },
    }
}

fn counts(row: &Row<'_>, witness: CommitCounts, found: Found) -> rusqlite::Result<Counts> {
    // What the lock file says and the ledger does not is missing, like what the ledger says and the rows do not.
    let count = |column: usize, witness: u64, found| {
        let (added, removed): (i64, i64) = (row.get(column)?, row.get(column + 1)?);
        let added = added.max(signed(witness));
        let expected = unsigned(added.saturating_sub(removed));
        Ok::<_, rusqlite::Error>(Count::new(expected, found))
    };
    let commits = unsigned(row.get::<_, i64>(6)?);
    Ok(Counts {
        commits: Count::new(commits.max(witness.commits), commits),
        activities: count(7, witness.activities, found.activities)?,
        events: count(9, witness.events, found.events)?,
        recordings: count(11, witness.recordings, found.recordings)?,
        chunks: count(13, witness.chunks, found.chunks)?,
    })
}
