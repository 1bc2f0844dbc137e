//! Activities that got a new id on import: updates the references to their old ids.

use rusqlite::{Connection, Transaction, params};

use super::connection::SqliteMaintenance;
use crate::{error::Result, record::ActivityId};

/// Rows per transaction.
const STEP: i64 = 1_000;

const ADD: &str = "INSERT INTO renamed (old, new) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const ANY: &str = "SELECT EXISTS (SELECT 1 FROM renamed)";
/// Mappings whose activity was pruned, and those whose old id is in use by an activity.
const FORGET: &str = "DELETE FROM renamed WHERE EXISTS (SELECT 1 FROM activity WHERE id = old) \
     OR NOT EXISTS (SELECT 1 FROM activity WHERE id = new) AND NOT EXISTS (SELECT 1 FROM open WHERE id = new)";

const ACTIVITIES: &str = "SELECT seq FROM activity WHERE seq > ?1 \
     AND EXISTS (SELECT 1 FROM renamed WHERE old IN (parent, root)) ORDER BY seq LIMIT ?2";
const EVENTS: &str = "SELECT seq FROM event WHERE seq > ?1 \
     AND EXISTS (SELECT 1 FROM renamed WHERE old = activity) ORDER BY seq LIMIT ?2";
// Keeps the trace id derived from the old root: other systems know the trace by it.
const RELINK_ACTIVITY: &str = "UPDATE activity SET \
     trace_id = coalesce(trace_id, (SELECT old FROM renamed WHERE old = root)), \
     parent = coalesce((SELECT new FROM renamed WHERE old = parent), parent), \
     root = coalesce((SELECT new FROM renamed WHERE old = root), root) WHERE seq = ?1";
const RELINK_EVENT: &str =
    "UPDATE event SET activity = (SELECT new FROM renamed WHERE old = activity) WHERE seq = ?1";
/// Open rows, which the end of the import writes as abandoned.
const RELINK_OPEN: &str = "UPDATE open SET \
     trace_id = coalesce(trace_id, (SELECT old FROM renamed WHERE old = root)), \
     parent = coalesce((SELECT new FROM renamed WHERE old = parent), parent), \
     root = coalesce((SELECT new FROM renamed WHERE old = root), root) \
     WHERE EXISTS (SELECT 1 FROM renamed WHERE old IN (parent, root))";

/// Stores mappings from old to new ids.
pub(super) fn add_renamed(
    transaction: &Transaction<'_>,
    ids: &[(ActivityId, ActivityId)],
) -> rusqlite::Result<()> {
    let mut add = transaction.prepare_cached(ADD)?;
    for (old, new) in ids {
        add.execute(params![old.as_bytes(), new.as_bytes()])?;
    }
    Ok(())
}

impl SqliteMaintenance {
    /// Updates the references of rows after these seqs of the activity and event table.
    pub(super) fn relink_renamed(&self, activity: i64, event: i64) -> Result<()> {
        if !self.read(|connection| connection.query_row(ANY, (), |row| row.get(0)))? {
            return Ok(());
        }
        self.write(|transaction| {
            transaction.execute(FORGET, ())?;
            transaction.execute(RELINK_OPEN, ())
        })?;
        for (find, relink, mut after) in [
            (ACTIVITIES, RELINK_ACTIVITY, activity),
            (EVENTS, RELINK_EVENT, event),
        ] {
            loop {
                let found = self.read(|connection| seqs(connection, find, after))?;
                let Some(last) = found.last() else { break };
                self.write(|transaction| {
                    let mut relink = transaction.prepare_cached(relink)?;
                    found
                        .iter()
                        .try_for_each(|seq| relink.execute([seq]).map(drop))
                })?;
                after = *last;
            }
        }
        Ok(())
    }
}

fn seqs(connection: &Connection, find: &str, after: i64) -> rusqlite::Result<Vec<i64>> {
    let mut find = connection.prepare_cached(find)?;
    let found = find.query_map([after, STEP], |row| row.get(0))?;
    found.collect()
}
