//! Activities whose process died: their open rows become `abandoned`.

use rusqlite::{Connection, params};

use crate::{
    error::Result,
    record::{InstanceId, Status},
    store::{
        Accounting,
        sqlite::{
            bucket::Fold,
            lock, recording,
            write::{SqliteWriter, json},
        },
    },
};

/// Open rows that one transaction takes, so that a sweep never stalls the batches.
const STEP: i64 = 1_000;

const OTHERS: &str = "
SELECT id, uuid FROM instance WHERE id <> ?1
  AND id IN (SELECT instance FROM open UNION SELECT instance FROM recording WHERE status = 0)";
const SOME_OPEN: &str = "
SELECT id, started_at, name, project, brand FROM open WHERE instance = ?1 ORDER BY id LIMIT ?2";
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
// What else its writer said there, such as when, stays.
const RECOUNT: &str = "UPDATE instance SET accounting = json_patch(accounting, ?2) WHERE id = ?1";
const UNLIST: &str = "DELETE FROM open WHERE id = ?1";

impl SqliteWriter {
    /// Writes the open rows of every dead instance as abandoned. Returns how many.
    pub(super) fn sweep_dead(&mut self) -> Result<u64> {
        let Some(path) = self.path.clone() else {
            return Ok(0);
        };
        let others = {
            let connection = self.connection.lock();
            others(&connection, self.instance).map_err(|cause| self.error(cause))?
        };
        let mut swept = 0;
        for (instance, id) in others {
            if lock::alive(&path, id) {
                continue;
            }
            self.transaction(|transaction, _, _| recording::abandon(transaction, instance))?;
            loop {
                match self.abandon(instance)? {
                    0 => break,
                    count => swept += count,
                }
            }
        }
        lock::remove_dead(&path);
        Ok(swept)
    }

    /// Writes some open rows of an instance as abandoned. Returns how many; 0 when none is left.
    pub(super) fn abandon(&mut self, instance: i64) -> Result<u64> {
        self.transaction(|transaction, _, buckets| {
            let rows = some_open(transaction, instance)?;
            for (id, row) in &rows {
                let inserted = transaction.prepare_cached(ABANDON)?.execute([id])? == 1;
                if inserted {
                    let seq = transaction.last_insert_rowid();
                    transaction
                        .prepare_cached(KEEP_INPUT)?
                        .execute(params![id, seq])?;
                    buckets.add(*row);
                }
                transaction.prepare_cached(UNLIST)?.execute([id])?;
            }
            let count = rows.len() as u64;
            if count > 0 {
                let said: String = transaction
                    .prepare_cached(ACCOUNTING)?
                    .query_row([instance], |row| row.get(0))?;
                // What cannot be read is left for whoever looks for damages.
                if let Ok(mut accounting) = serde_json::from_str::<Accounting>(&said) {
                    accounting.abandon(count);
                    transaction
                        .prepare_cached(RECOUNT)?
                        .execute(params![instance, json(&accounting)?])?;
                }
            }
            Ok(count)
        })
    }
}

fn others(connection: &Connection, own: i64) -> rusqlite::Result<Vec<(i64, InstanceId)>> {
    connection
        .prepare_cached(OTHERS)?
        .query_map([own], |row| {
            Ok((row.get(0)?, InstanceId::from_bytes(row.get(1)?)))
        })?
        .collect()
}

fn some_open(connection: &Connection, instance: i64) -> rusqlite::Result<Vec<([u8; 16], Fold)>> {
    connection
        .prepare_cached(SOME_OPEN)?
        .query_map([instance, STEP], |row| {
            let fold = Fold {
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
