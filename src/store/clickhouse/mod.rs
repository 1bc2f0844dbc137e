//! A central store in ClickHouse, 26: several logs are forwarded to it, and read as one.

mod address;
mod client;
mod intake;
mod lease;
mod migrate;
mod order;
mod read;
mod row_binary;
mod rows;
mod words;

use std::{fmt, sync::Arc};

use self::{address::Address, client::Client, intake::ClickHouseIntake, read::ClickHouseReader};
use crate::{
    error::{Error, Result},
    store::{CentralStore, Intake, Maintenance, Reader, Store},
};

/// A central store in a ClickHouse database.
#[derive(Clone)]
pub struct ClickHouseStore {
    address: Arc<Address>,
}

impl ClickHouseStore {
    /// Returns the store in the database at this address: `clickhouse://user@host/database`. Does not connect.
    ///
    /// It is that of the server's HTTP interface; the default port is 8443. Without a password in the address it is taken from the environment
    /// variable `CLICKHOUSE_PASSWORD`. A server on another machine must have a certificate for its host name. The parameter
    /// `secure=1` also encrypts requests to a local server, `secure=0` encrypts none; the default port is then 8123.
    ///
    /// # Errors
    ///
    /// If the address is malformed. Passwords do not appear in the error.
    pub fn new(url: &str) -> Result<Self> {
        Ok(ClickHouseStore {
            address: Arc::new(Address::parse(url)?),
        })
    }
}

impl Store for ClickHouseStore {
    fn reader(&self) -> Result<Box<dyn Reader>> {
        let client = Client::new(self.address.clone());
        Ok(Box::new(ClickHouseReader::open(client)?))
    }

    fn maintenance(&self) -> Result<Box<dyn Maintenance>> {
        Err(Error::invalid(
            "cannot prune, erase, rebuild, set limits or create tokens in ClickHouse yet: the store keeps everything",
        ))
    }

    fn name(&self) -> String {
        self.address.name()
    }
}

impl CentralStore for ClickHouseStore {
    fn intake(&self) -> Result<Box<dyn Intake>> {
        let client = Client::new(self.address.clone());
        Ok(Box::new(ClickHouseIntake::open(client)?))
    }
}

impl fmt::Debug for ClickHouseStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClickHouseStore({})", self.address.name())
    }
}
