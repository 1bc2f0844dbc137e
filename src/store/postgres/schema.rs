//! The schema of a database: which version it has, and whether it is ours.

use tokio_postgres::GenericClient;

use super::request::{Failed, query};
use crate::error::{Error, ErrorKind, Result};

/// Each entry migrates the schema by one version. Entries are only ever appended.
pub(super) const MIGRATIONS: &[&str] = &[concat!(
    include_str!("schema.sql"),
    include_str!("functions.sql")
)];
/// The schema version that this code writes.
pub(super) const SCHEMA: i64 = MIGRATIONS.len() as i64;
/// Whether the schema has anything in it, and our marks. No row: there is no schema.
const FOUND: &str = "SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid) OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = n.oid) \
       OR EXISTS (SELECT FROM pg_type WHERE typnamespace = n.oid), \
     (SELECT count(*) = 2 FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid WHERE c.relnamespace = n.oid \
       AND c.relname = 'mark' AND (a.attname, a.atttypid::regtype::text) IN (('name', 'text'), ('value', 'bigint'))) \
     FROM pg_namespace AS n WHERE n.nspname = 'tower_activity'";
const VERSION: &str = "SELECT value FROM tower_activity.mark WHERE name = 'schema'";

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
pub(super) async fn version(client: &impl GenericClient) -> Result<Option<i64>, Failed> {
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

/// Refuses a newer schema.
pub(super) fn check(found: i64) -> Result<()> {
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
