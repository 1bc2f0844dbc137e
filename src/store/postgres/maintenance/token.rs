//! The tokens of the HTTP API: every server that reads the store accepts them.

use chrono::{DateTime, Utc};
use tokio_postgres::{Row, types::Type};

use super::PostgresMaintenance;
use crate::{
    error::{Error, Result},
    store::{AccessToken, postgres::connection::Parameter},
};

pub(in crate::store::postgres) const READ: &str =
    "SELECT name, hash, filter, created_at, expires_at FROM tower_activity.token ORDER BY name";
const CREATE: &str = "INSERT INTO tower_activity.token (name, hash, filter, created_at, expires_at) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT DO NOTHING";
const REVOKE: &str = "DELETE FROM tower_activity.token WHERE name = $1";

impl PostgresMaintenance {
    /// Adds a token. Returns false if there is one of this name.
    pub(super) fn add_token(&mut self, token: &AccessToken) -> Result<bool> {
        token.check()?;
        let hash = token.hash.as_slice();
        let created_at = token.created_at.timestamp_micros();
        let expires_at = token.expires_at.map(|at| at.timestamp_micros());
        let create: [Parameter<'_>; 5] = [
            (&token.name, Type::TEXT),
            (&hash, Type::BYTEA),
            (&token.filter, Type::TEXT),
            (&created_at, Type::INT8),
            (&expires_at, Type::INT8),
        ];
        Ok(self.change(CREATE, &create)? > 0)
    }

    /// Deletes a token. Returns false if there is none of this name.
    pub(super) fn delete_token(&mut self, name: &str) -> Result<bool> {
        Ok(self.change(REVOKE, &[(&name, Type::TEXT)])? > 0)
    }
}

/// Reads a row of [`READ`].
pub(in crate::store::postgres) fn read(row: &Row) -> Result<AccessToken> {
    let instant = |us: i64| {
        DateTime::<Utc>::from_timestamp_micros(us)
            .ok_or_else(|| Error::store(format!("{us} µs is not an instant")))
    };
    let hash: [u8; 32] = (row.get::<_, &[u8]>(1).try_into())
        .map_err(|_| Error::store("the hash of a token has not 32 bytes"))?;
    let mut token = AccessToken::new(
        row.get::<_, String>(0),
        hash,
        row.get::<_, String>(2),
        instant(row.get(3))?,
    );
    token.expires_at = row.get::<_, Option<i64>>(4).map(instant).transpose()?;
    Ok(token)
}
