//! The full check: compares the ledger and the lock files with the rows.

mod accepted_changes;
mod instances;
mod rows;

use std::{collections::HashMap, path::Path};

use rusqlite::Connection;

use self::accepted_changes::accepted_changes;
use super::failed;
use crate::{
    error::Result,
    record::InstanceId,
    store::{
        Check, CheckCount, CheckCounts,
        sqlite::{
            open::{
                lock,
                lock_counts::{CommitCounts, TotalCounts},
                schema,
            },
            write::ledger,
        },
    },
};

/// The first schema that has a ledger.
const LEDGER_SCHEMA: i64 = 2;
const SCHEMA: &str = "PRAGMA user_version";

/// Reads the total counts that the last clean shutdown left beside the store.
///
/// Read them before the database.
pub(super) fn total_counts(store: Option<&Path>) -> Option<TotalCounts> {
    TotalCounts::read(&lock::folder(store?))
}

/// Reads the counts in the lock files beside the store.
///
/// Read them before the database: see [`CommitCounts`].
pub(super) fn lock_counts(store: Option<&Path>) -> HashMap<InstanceId, CommitCounts> {
    let all = store.map(|store| CommitCounts::read_all(&lock::folder(store)));
    all.unwrap_or_default().into_iter().collect()
}

/// Returns what the lock files beside a store say was committed to it; for a store that cannot be read.
pub(crate) fn check_lock_files(store: &Path) -> Check {
    let mut check = Check {
        has_ledger: true,
        ..Check::default()
    };
    instances::add_from_locks(&mut check, lock_counts(Some(store)));
    check
}

/// Returns the commits that the file had at its last clean shutdown and has not now: an older copy has replaced it.
fn older(connection: &Connection, then: &TotalCounts) -> Result<Option<CheckCounts>> {
    let now = ledger::total(connection).map_err(failed("add up the ledger"))?;
    let Some(now) = now.filter(|now| now.is_same_file(then)) else {
        // Not a copy of the same file.
        return Ok(None);
    };
    let (then, now) = (&then.committed, &now.committed);
    let counts = CheckCounts {
        commits: CheckCount::new(then.commits.max(now.commits), now.commits),
        activities: CheckCount::new(then.activities.max(now.activities), now.activities),
        events: CheckCount::new(then.events.max(now.events), now.events),
        recordings: CheckCount::new(then.recordings.max(now.recordings), now.recordings),
        chunks: CheckCount::new(then.chunks.max(now.chunks), now.chunks),
    };
    Ok((!now.covers(then)).then_some(counts))
}

/// True if the file has a ledger.
pub(super) fn has_ledger(connection: &Connection) -> Result<bool> {
    let version = connection.query_row(SCHEMA, (), |row| row.get::<_, i64>(0));
    Ok(version.map_err(failed("read the schema's version"))? >= LEDGER_SCHEMA)
}

/// Compares the ledger with the rows, but not the sums.
///
/// Call it within one transaction.
pub(super) fn compare(
    connection: &Connection,
    (lock_counts, total): (HashMap<InstanceId, CommitCounts>, Option<TotalCounts>),
    progress: &mut dyn FnMut(f64),
) -> Result<Check> {
    let mut check = Check {
        has_ledger: has_ledger(connection)?,
        foreign: schema::foreign_objects(connection).map_err(failed("read the schema"))?,
        ..Check::default()
    };
    if check.has_ledger {
        check.accepted = accepted_changes(connection)?;
        let found = rows::count(connection, progress).map_err(failed("count the rows"))?;
        instances::compare(connection, &mut check, lock_counts, found)?;
        if let Some(total) = total {
            check.older = older(connection, &total)?;
        }
    }
    Ok(check)
}
