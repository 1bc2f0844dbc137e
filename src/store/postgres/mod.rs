//! A central store in PostgreSQL, 15 to 18: several logs are forwarded to it, and read as one.

mod columns;
mod connection;
mod dictionary;
mod fold;
mod intake;
mod migrate;
mod partition;
mod read;
mod rows;
mod terms;

use std::{fmt, sync::Arc};

use tokio_postgres::Config;

use self::{connection::Connection, intake::PostgresIntake, read::PostgresReader};
use crate::{
    error::{Error, Result},
    store::{CentralStore, Intake, Reader, Store},
};

/// A central store in a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresStore {
    config: Arc<Config>,
}

impl PostgresStore {
    /// Returns the store in the database at this address: `postgres://user@host/database`. Does not connect.
    ///
    /// # Errors
    ///
    /// If the address is malformed. Passwords in it do not appear in the error.
    pub fn new(url: &str) -> Result<Self> {
        // The cause may repeat a part of the address.
        let config = url.parse::<Config>().map_err(|_| {
            Error::invalid(
                "the address of the PostgreSQL database is malformed: it has the form postgres://user@host:5432/database",
            )
        })?;
        Ok(PostgresStore {
            config: Arc::new(config),
        })
    }
}

impl Store for PostgresStore {
    fn reader(&self) -> Result<Box<dyn Reader>> {
        Ok(Box::new(PostgresReader::open(Connection::open(
            self.config.clone(),
        )?)?))
    }
}

impl CentralStore for PostgresStore {
    fn intake(&self) -> Result<Box<dyn Intake>> {
        Ok(Box::new(PostgresIntake::open(Connection::open(
            self.config.clone(),
        )?)?))
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresStore({})", connection::name(&self.config))
    }
}
