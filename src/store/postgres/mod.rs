//! A central store in PostgreSQL, 15 to 18: several logs are forwarded to it, and read as one.

mod address;
mod columns;
mod connection;
mod credentials;
mod dictionary;
mod explain;
mod fold;
mod intake;
mod maintenance;
mod marks;
mod migrate;
mod name;
mod partition;
mod passwords;
mod read;
mod recount;
mod request;
mod role;
mod rows;
mod schema;
mod terms;
mod tls;
mod webhooks;

use std::{fmt, sync::Arc};

pub use self::credentials::{password_in, without_password};

use self::{
    address::Address, connection::Connection, intake::PostgresIntake,
    maintenance::PostgresMaintenance, read::PostgresReader, role::Role, webhooks::WebhookTables,
};
use crate::{
    error::Result,
    store::{CentralStore, Intake, Maintenance, Reader, Store, sealed::Tables},
};

/// A central store in a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresStore {
    address: Arc<Address>,
}

impl PostgresStore {
    /// Returns the store in the database at this address: `postgres://user@host/database`. Does not connect.
    ///
    /// Without a password in the address it is taken from the environment variable `PGPASSWORD`, or from `~/.pgpass` (or the file
    /// that `PGPASSFILE` names). A server on another machine must have a certificate for its host name. Parameters of the address
    /// change that: `sslrootcert=FILE` trusts the certificates in a file instead of those of Mozilla, `sslmode=verify-full` also
    /// verifies a local server, `sslmode=require` encrypts without verifying, `sslmode=disable` does neither.
    ///
    /// # Errors
    ///
    /// If the address is malformed, or the file with passwords can be read by others. Passwords do not appear in the error.
    pub fn new(url: &str) -> Result<Self> {
        Ok(PostgresStore {
            address: Arc::new(Address::parse(url)?),
        })
    }
}

impl Store for PostgresStore {
    fn reader(&self) -> Result<Box<dyn Reader>> {
        Ok(Box::new(PostgresReader::open(Connection::open(
            self.address.clone(),
            Role::Reader,
        )?)?))
    }

    fn maintenance(&self) -> Result<Box<dyn Maintenance>> {
        Ok(Box::new(PostgresMaintenance::open(Connection::open(
            self.address.clone(),
            Role::Maintainer,
        )?)?))
    }

    fn webhook_tables(&self) -> Option<Box<dyn Tables>> {
        Some(Box::new(WebhookTables::new(self.address.clone())))
    }

    fn name(&self) -> String {
        name::name(&self.address.config)
    }
}

impl CentralStore for PostgresStore {
    fn intake(&self) -> Result<Box<dyn Intake>> {
        Ok(Box::new(PostgresIntake::open(Connection::open(
            self.address.clone(),
            Role::Forwarder,
        )?)?))
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresStore({})", name::name(&self.address.config))
    }
}
