//! Creates the schema, and migrates it to the newest version.

use tokio_postgres::Transaction;

use super::{
    connection::{Connection, Failed, query},
    role::Role,
    schema::{MIGRATIONS, SCHEMA, check, version},
};
use crate::error::{Error, ErrorKind, Result};

/// A lock that ends with its transaction: one of a session would be handed to another client by a pooler.
const LOCK: &str = "SELECT pg_advisory_xact_lock(6079225713172475748)";
/// The owner of an empty schema, if that is an ordinary user, and no role that we are a member of: functions that it adds would be
/// called with our rights.
const UNTRUSTED_OWNER: &str = "SELECT o.rolname::text FROM pg_namespace AS n JOIN pg_roles AS o ON o.oid = n.nspowner \
     WHERE n.nspname = 'tower_activity' AND NOT o.rolsuper AND o.rolname <> current_user \
       AND NOT EXISTS (SELECT 1 FROM pg_auth_members WHERE roleid = o.oid AND member = current_user::regrole) \
       AND o.oid <> (SELECT datdba FROM pg_database WHERE datname = current_database())";
const SET_VERSION: &str = "UPDATE tower_activity.mark SET value = $1 WHERE name = 'schema'";

/// Creates the schema, or migrates it to the newest version.
///
/// # Errors
///
/// If the schema is newer, or the user may not create or migrate it.
pub(super) fn create_or_migrate(connection: &mut Connection) -> Result<()> {
    connection.transaction(LOCK, async |transaction| {
        let from = version(transaction).await?.unwrap_or_default();
        if from == 0
            && let Some(owner) = query(transaction, UNTRUSTED_OWNER, &[]).await?.first()
        {
            return Err(Failed::Other(untrusted(owner.get(0))));
        }
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

fn untrusted(owner: &str) -> Error {
    Error::new(
        ErrorKind::NotAStore,
        format!(
            "the schema tower_activity of the database is empty and belongs to {owner:?}, who could change what is created in it · \
             drop it, or forward as that user"
        ),
    )
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
