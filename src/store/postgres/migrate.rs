//! Creates the schema, and migrates it to the newest version.

use tokio_postgres::Transaction;

use super::{
    connection::{Connection, Failed, query},
    role::Role,
};
use crate::error::{Error, ErrorKind, Result};

/// Each entry migrates the schema by one version. Entries are only ever appended.
const MIGRATIONS: &[&str] = &[concat!(
    include_str!("schema.sql"),
    include_str!("functions.sql")
)];
/// The schema version that this code writes.
const SCHEMA: i64 = MIGRATIONS.len() as i64;
/// A lock that ends with its transaction: one of a session would be handed to another client by a pooler.
const LOCK: &str = "SELECT pg_advisory_xact_lock(6079225713172475748)";
const EXISTS: &str = "SELECT to_regclass('tower_activity.mark') IS NOT NULL";
const VERSION: &str = "SELECT value FROM tower_activity.mark WHERE name = 'schema'";
const SET_VERSION: &str = "UPDATE tower_activity.mark SET value = $1 WHERE name = 'schema'";

/// Creates the schema, or migrates it to the newest version.
///
/// # Errors
///
/// If the schema is newer, or the user may not create or migrate it.
pub(super) fn create_or_migrate(connection: &mut Connection) -> Result<()> {
    connection.transaction(LOCK, async |transaction| {
        let from = version(transaction).await?.unwrap_or_default();
        migrate_from(transaction, from).await
    })
}

/// Migrates the schema to the newest version.
///
/// # Errors
///
/// If there is none yet, it is newer, or the user may not migrate it.
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    connection.transaction(LOCK, async |transaction| {
        let from = version(transaction).await?.ok_or(Failed::NoSchema)?;
        migrate_from(transaction, from).await
    })
}

async fn migrate_from(transaction: &Transaction<'_>, from: i64) -> Result<(), Failed> {
    check(from)?;
    for step in MIGRATIONS.iter().skip(from as usize) {
        transaction.batch_execute(step).await.map_err(|cause| {
            match Role::explain_migration(from, &cause) {
                Some(error) => Failed::Other(error),
                None => cause.into(),
            }
        })?;
    }
    if from < SCHEMA {
        let parameters = [(&SCHEMA as _, tokio_postgres::types::Type::INT8)];
        query(transaction, SET_VERSION, &parameters).await?;
    }
    Ok(())
}

/// Checks that the schema is of this version.
///
/// # Errors
///
/// If there is none yet, or it has another version.
pub(super) async fn check_current(transaction: &Transaction<'_>) -> Result<(), Failed> {
    let found = version(transaction).await?.ok_or(Failed::NoSchema)?;
    check(found)?;
    match found == SCHEMA {
        true => Ok(()),
        false => Err(Failed::Other(Error::store(format!(
            "the database has schema {found}, this version of tower-activity reads {SCHEMA} · it is migrated by the next \
             forwarder of this version"
        )))),
    }
}

async fn version(transaction: &Transaction<'_>) -> Result<Option<i64>, Failed> {
    let exists: bool = query(transaction, EXISTS, &[]).await?[0].get(0);
    if !exists {
        return Ok(None);
    }
    let found = query(transaction, VERSION, &[]).await?;
    Ok(found.first().map(|row| row.get(0)))
}

fn check(found: i64) -> Result<()> {
    if found > SCHEMA {
        return Err(Error::new(
            ErrorKind::NewerSchema,
            format!(
                "the database has schema {found}, this version of tower-activity knows {SCHEMA}: it was left untouched, \
                 upgrade to read it"
            ),
        ));
    }
    Ok(())
}
