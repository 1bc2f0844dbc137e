//! The schema of each version, and the migration to the newest.

use std::path::Path;

use rusqlite::{Connection, params};

use super::lock;
use crate::{record::InstanceId, store::sqlite::columns::folded};

/// Each entry migrates the schema by one version. Entries are only ever appended.
const MIGRATIONS: &[&str] = &[
    include_str!("../schema.sql"),
    include_str!("../schema-2.sql"),
    include_str!("../schema-3.sql"),
    include_str!("../schema-4.sql"),
];
/// The schema version that this code writes.
pub(super) const SCHEMA: i64 = MIGRATIONS.len() as i64;
/// The instances that have not shut down, those that died included.
const REGISTERED: &str = "SELECT uuid, pid FROM instance WHERE stopped_at IS NULL";

/// Applies the steps after a version, in the caller's transaction.
pub(super) fn migrate(connection: &Connection, from: i64) -> rusqlite::Result<()> {
    for step in MIGRATIONS.iter().skip(from as usize) {
        connection.execute_batch(step)?;
    }
    fold_texts(connection)
}

/// Creates an empty in-memory database with the schema of this version, to compare others with.
pub(crate) fn reference_schema(version: i64) -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    let steps = usize::try_from(version).unwrap_or_default();
    for step in MIGRATIONS.iter().take(steps) {
        connection.execute_batch(step)?;
    }
    Ok(connection)
}

/// Returns the id of another live process that records into a file of an earlier schema. After a migration it would go on
/// without what the new schema needs: its sums would miss what later versions count.
pub(super) fn earlier_process(
    path: &Path,
    connection: &Connection,
    own: Option<InstanceId>,
) -> rusqlite::Result<Option<i64>> {
    let mut registered = connection.prepare(REGISTERED)?;
    let mut rows = registered.query(())?;
    while let Some(row) = rows.next()? {
        let id = InstanceId::from_bytes(row.get(0)?);
        if Some(id) != own && lock::is_alive(path, id) {
            return row.get(1).map(Some);
        }
    }
    Ok(None)
}

/// Folds the texts of a file of schema 1 or 2.
fn fold_texts(connection: &Connection) -> rusqlite::Result<()> {
    let mut texts = connection.prepare("SELECT id, value FROM text")?;
    let mut update = connection.prepare("UPDATE text SET folded = ?2 WHERE id = ?1")?;
    let mut rows = texts.query(())?;
    while let Some(row) = rows.next()? {
        if let Some(folded) = folded(row.get_ref(1)?.as_str()?) {
            update.execute(params![row.get::<_, i64>(0)?, folded])?;
        }
    }
    Ok(())
}
