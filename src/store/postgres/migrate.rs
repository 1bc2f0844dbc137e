//! Creates the schema, and migrates it to the newest version.

use tokio_postgres::{GenericClient, Transaction};

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
/// Whether the schema has anything in it, and our marks. No row: there is no schema.
const FOUND: &str = "SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid) OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = n.oid) \
       OR EXISTS (SELECT FROM pg_type WHERE typnamespace = n.oid), \
     (SELECT count(*) = 2 FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid WHERE c.relnamespace = n.oid \
       AND c.relname = 'mark' AND (a.attname, a.atttypid::regtype::text) IN (('name', 'text'), ('value', 'bigint'))) \
     FROM pg_namespace AS n WHERE n.nspname = 'tower_activity'";
/// The owner of an empty schema, if that is an ordinary user: functions that it adds would be called with our rights.
const STRANGER: &str = "SELECT o.rolname::text FROM pg_namespace AS n JOIN pg_roles AS o ON o.oid = n.nspowner \
     WHERE n.nspname = 'tower_activity' AND NOT o.rolsuper AND o.rolname <> current_user \
       AND o.oid <> (SELECT datdba FROM pg_database WHERE datname = current_database())";
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
        if from == 0
            && let Some(owner) = query(transaction, STRANGER, &[]).await?.first()
        {
            return Err(Failed::Other(stranger(owner.get(0))));
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

fn stranger(owner: &str) -> Error {
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

/// Checks that the schema is of this version.
///
/// # Errors
///
/// If there is none yet, or it has another version.
pub(super) async fn check_current(client: &impl GenericClient) -> Result<(), Failed> {
    let found = version(client).await?.ok_or(Failed::NoSchema)?;
    check(found)?;
    match found == SCHEMA {
        true => Ok(()),
        false => Err(Failed::Other(Error::store(format!(
            "the database has schema {found}, this version of tower-activity reads {SCHEMA} · it is migrated by the next \
             forwarder of this version"
        )))),
    }
}

/// Returns the version of the schema; `None` if there is none, or it is empty.
async fn version(client: &impl GenericClient) -> Result<Option<i64>, Failed> {
    let found = query(client, FOUND, &[]).await?;
    let Some(found) = found.first() else {
        return Ok(None);
    };
    match (found.get(0), found.get(1)) {
        (false, _) => Ok(None),
        (true, false) => Err(Failed::OtherSchema),
        (true, true) => {
            let version = query(client, VERSION, &[]).await?;
            let version = version.first().map(|row| row.get(0));
            version
                .filter(|version| *version > 0)
                .map(Some)
                .ok_or(Failed::OtherSchema)
        }
    }
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
