//! Creates the tables, and checks their version.

use super::{
    client::{Client, INTAKE_TIMEOUT, READ_TIMEOUT, Statement},
    row_binary::RowReader,
};
use crate::error::{Error, ErrorKind, Result};

/// Each of its statements may run again, also by several at once.
const TABLES: &str = include_str!("schema.sql");
/// The version of the tables that this code writes.
const SCHEMA: i64 = 1;
/// The name is an identifier, which no parameter of a statement that is not a query can be.
const CREATE: &str = "CREATE DATABASE IF NOT EXISTS ";
const MARKS: &str = "SELECT name, value FROM mark";

/// The marks of a store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    /// A random number, which positions of followers name.
    pub(super) store: i64,
}

/// Creates the database and its tables, as far as they are missing.
///
/// # Errors
///
/// If the schema is newer, or the user may not create them.
pub(super) fn migrate(client: &Client) -> Result<Marks> {
    if let Some(marks) = marks(client)? {
        return Ok(marks);
    }
    let name = &client.address().database;
    let name = name.replace('\\', "\\\\").replace('`', "\\`");
    client.execute_outside(&Statement::new(format!("{CREATE}`{name}`")))?;
    for statement in statements(TABLES) {
        client.query(&Statement::new(statement).reading(), INTAKE_TIMEOUT)?;
    }
    marks(client)?.ok_or_else(|| client.address().no_log_yet())
}

/// Returns the marks of a store of this version.
///
/// # Errors
///
/// If there is none yet, or it has another version.
pub(super) fn check_current(client: &Client) -> Result<Marks> {
    marks(client)?.ok_or_else(|| client.address().no_log_yet())
}

/// Returns the marks; `None` if the store is not there, or not complete.
fn marks(client: &Client) -> Result<Option<Marks>> {
    let answer = match client.query(&Statement::new(MARKS).reading(), READ_TIMEOUT) {
        Err(error) if error.is_not_found() => return Ok(None),
        answer => answer?,
    };
    let mut rows = RowReader::new(&answer);
    let (mut schema, mut store) = (None, None);
    while !rows.is_at_end() {
        let name: String = rows.next()?;
        let value = Some(rows.next()?);
        match name.as_str() {
            "schema" => schema = value,
            "store" => store = value,
            _ => {}
        }
    }
    match (schema, store) {
        (Some(found), _) if found > SCHEMA => Err(Error::new(
            ErrorKind::NewerSchema,
            format!(
                "the database has schema {found}, this version of tower-activity knows {SCHEMA}: it was left untouched, \
                 upgrade to read it"
            ),
        )),
        (Some(_), Some(store)) => Ok(Some(Marks { store })),
        _ => Ok(None),
    }
}

/// Splits a script into its statements.
fn statements(script: &str) -> impl Iterator<Item = &str> {
    let all = script.split(";\n").map(str::trim);
    all.filter(|one| !one.is_empty())
}
