//! The tokens of the HTTP API, kept in the file.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params, types::Type};

use crate::store::AccessToken;

const READ: &str = "SELECT name, hash, filter, created_at, expires_at FROM token ORDER BY name";
const EXISTS: &str =
    "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'token')";
const CREATE: &str = "INSERT OR IGNORE INTO token (name, hash, filter, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)";
const REVOKE: &str = "DELETE FROM token WHERE name = ?1";

/// Reads the tokens by name; none from a file of an older schema.
pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Vec<AccessToken>> {
    if !connection
        .prepare_cached(EXISTS)?
        .query_row((), |row| row.get(0))?
    {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(READ)?;
    let tokens = statement.query_map((), |row| {
        let mut token = AccessToken::new(
            row.get::<_, String>(0)?,
            row.get(1)?,
            row.get::<_, String>(2)?,
            instant(row.get(3)?)?,
        );
        let expires_at: Option<i64> = row.get(4)?;
        token.expires_at = expires_at.map(instant).transpose()?;
        Ok(token)
    })?;
    tokens.collect()
}

/// Adds a token. Returns false if there is one of this name.
pub(super) fn create(connection: &Connection, token: &AccessToken) -> rusqlite::Result<bool> {
    let added = connection.execute(
        CREATE,
        params![
            token.name,
            token.hash,
            token.filter,
            token.created_at.timestamp_micros(),
            token.expires_at.map(|at| at.timestamp_micros())
        ],
    )?;
    Ok(added > 0)
}

/// Deletes a token. Returns false if there is none of this name.
pub(super) fn revoke(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    Ok(connection.execute(REVOKE, [name])? > 0)
}

fn instant(us: i64) -> rusqlite::Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(us).ok_or_else(|| {
        let cause = format!("{us} µs is not an instant");
        rusqlite::Error::FromSqlConversionFailure(3, Type::Integer, cause.into())
    })
}
