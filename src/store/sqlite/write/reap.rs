//! Reaping: the open rows of dead instances become `abandoned`.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{instance_writer::InstanceWriter, ledger, recording_rows, writer::json};
use crate::{
    error::Result,
    record::{InstanceId, Status},
    store::{
        Accounting, Durability,
        sqlite::open::{lock, lock_counts::CommitCounts},
        sums::BucketRow,
    },
};

/// Open rows that one transaction reaps, so that reaping never holds up the batches.
const STEP: i64 = 1_000;

const OTHERS: &str = "
SELECT id, uuid FROM instance WHERE id <> ?1
  AND id IN (SELECT instance FROM open UNION SELECT instance FROM recording WHERE status = 0)";
const SOME_OPEN: &str = "
SELECT id, started_at, name, project, brand FROM open WHERE instance = ?1 AND handle = coalesce(?3, handle)
ORDER BY id LIMIT ?2";
const ABANDON: &str = "
INSERT INTO activity (id, parent, root, kind, name, status, started_at, instance, project, agent, actor, brand,
                      environment, session, request, attributes, truncated, trace_id, span_id, remote_parent)
SELECT id, parent, root, kind, name, 5, started_at, instance, project, agent, actor, brand,
       environment, session, request, attributes, truncated, trace_id, span_id, remote_parent FROM open WHERE id = ?1
ON CONFLICT (id) DO NOTHING";
const KEEP_INPUT: &str = "
INSERT INTO preview (activity, input, input_bytes, input_truncated)
SELECT ?2, input, input_bytes, input_truncated FROM open WHERE id = ?1 AND input IS NOT NULL";
const ACCOUNTING: &str = "SELECT accounting FROM instance WHERE id = ?1";
// Other fields, such as the time, stay.
const RECOUNT: &str = "UPDATE instance SET accounting = json_patch(accounting, ?2) WHERE id = ?1";
const UNLIST: &str = "DELETE FROM open WHERE id = ?1";

impl InstanceWriter {
    /// Marks the open rows of all dead instances as abandoned. Returns their number.
    pub(super) fn reap_dead(&mut self) -> Result<u64> {
        let Some(path) = self.path().map(ToOwned::to_owned) else {
            return Ok(0);
        };
        self.check_files()?;
        self.register_instance()?;
        let found = others(&*self.connection()?, self.row());
        let mut reaped = 0;
        for (instance, id) in found.map_err(|cause| self.error(cause))? {
            if !lock::is_dead(&path, id) {
                continue;
            }
            self.transaction(Durability::Process, |work| {
                recording_rows::abandon(work.transaction, instance, None)
            })?;
            loop {
                match self.abandon(instance, None)? {
                    0 => break,
                    count => reaped += count,
                }
            }
        }
        self.adopt_dead_counts(&path)?;
        lock::remove_dead_lock_files(&path);
        Ok(reaped)
    }

    /// Enters the lock-file counts of dead instances into the ledger, so that rows lost with a WAL count as missing.
    fn adopt_dead_counts(&mut self, path: &Path) -> Result<()> {
        let mut unknown = {
            let connection = self.connection()?;
            ledger::unknown_counts(&connection, path).map_err(|cause| self.error(cause))?
        };
        unknown.retain(|(id, _)| !lock::is_alive(path, *id));
        if unknown.is_empty() {
            return Ok(());
        }
        self.transaction(Durability::Process, |work| {
            ledger::adopt_counts(work.transaction, &unknown)
        })?;
        // The lost rows' seqs will be given again.
        self.start_new_order()?;
        self.record_continuation()
    }

    /// Marks one step of an instance's open rows, or of those of one of its log handles, as abandoned. Returns their number; 0
    /// if none are left.
    pub(super) fn abandon(&mut self, instance: i64, handle: Option<i64>) -> Result<u64> {
        let (count, inserted) = self.transaction(Durability::Process, |work| {
            let transaction = work.transaction;
            let rows = some_open(transaction, instance, handle)?;
            let mut added = CommitCounts::default();
            for (id, row) in &rows {
                let inserted = transaction.prepare_cached(ABANDON)?.execute([id])? == 1;
                if inserted {
                    let seq = transaction.last_insert_rowid();
                    transaction
                        .prepare_cached(KEEP_INPUT)?
                        .execute(params![id, seq])?;
                    work.buckets.add(*row);
                    added.activities += 1;
                }
                transaction.prepare_cached(UNLIST)?.execute([id])?;
            }
            let count = rows.len() as u64;
            if count > 0 {
                ledger::add(transaction, instance, &added)?;
                let stored: String = transaction
                    .prepare_cached(ACCOUNTING)?
                    .query_row([instance], |row| row.get(0))?;
                // Malformed accounting is left for `doctor` to report.
                if let Ok(mut accounting) = serde_json::from_str::<Accounting>(&stored) {
                    accounting.activities.abandon(count);
                    transaction
                        .prepare_cached(RECOUNT)?
                        .execute(params![instance, json(&accounting)?])?;
                }
            }
            Ok((count, added))
        })?;
        if instance == self.row() {
            inserted.add_to(&mut self.committed);
            self.write_lock_counts();
        }
        Ok(count)
    }
}

/// Returns the other instances with open rows or unfinished recordings.
fn others(connection: &Connection, own: i64) -> rusqlite::Result<Vec<(i64, InstanceId)>> {
    connection
        .prepare_cached(OTHERS)?
        .query_map([own], |row| {
            Ok((row.get(0)?, InstanceId::from_bytes(row.get(1)?)))
        })?
        .collect()
}

fn some_open(
    connection: &Connection,
    instance: i64,
    handle: Option<i64>,
) -> rusqlite::Result<Vec<([u8; 16], BucketRow)>> {
    connection
        .prepare_cached(SOME_OPEN)?
        .query_map(params![instance, STEP, handle], |row| {
            let fold = BucketRow {
                started_at_us: row.get(1)?,
                status: Status::Abandoned,
                duration_ns: None,
                name: row.get(2)?,
                project: row.get(3)?,
                brand: row.get(4)?,
            };
            Ok((row.get(0)?, fold))
        })?
        .collect()
}
