//! The connection of maintenance, and its transactions.

use std::{sync::Arc, time::Duration};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::clock::{self, Running};
use crate::{
    error::Result,
    store::{
        ClockReading,
        sqlite::{
            open::{
                connection,
                file::{Access, Guard, Location, OpenFile},
            },
            write::wal,
        },
    },
};

/// How long a step waits for the writers' transactions, which come one after the other.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// 64 MB: every agent adds to pages of its own, and those of some thousands are to stay in memory.
const CACHE: &str = "PRAGMA cache_size = -65536";

/// A connection that tends a store: one for all of a process.
#[derive(Debug)]
pub(crate) struct SqliteMaintenance {
    pub(crate) access: Arc<Access>,
    /// What it has seen of the store's clock.
    pub(super) running: Option<Running>,
}

impl SqliteMaintenance {
    /// Opens the store in this place, which must exist.
    pub(crate) fn open(location: &Location) -> Result<Self> {
        let access = match location {
            Location::Memory(connection) => Arc::new(Access::memory(connection.clone())),
            Location::File(path) => OpenFile::for_path(path)?.maintenance(),
        };
        let upkeep = SqliteMaintenance {
            access,
            running: None,
        };
        // Says what is wrong with a file before it is used.
        drop(upkeep.connection()?);
        Ok(upkeep)
    }

    /// The connection, opened where it is not.
    fn connection(&self) -> Result<Guard<'_>> {
        self.access.lock(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.execute_batch(CACHE)
        })
    }

    /// Brings the store's clock up to date.
    pub(super) fn tick(&mut self, reading: ClockReading) -> Result<Running> {
        let before = self.running;
        let running = self.write(|transaction| clock::tick(transaction, before, reading))?;
        self.running = Some(running);
        Ok(running)
    }

    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        work(&*self.connection()?)
            .map_err(|cause| connection::sqlite_error(self.access.path(), cause))
    }

    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut connection = self.connection()?;
        let all = || {
            let immediate = TransactionBehavior::Immediate;
            let transaction = connection.transaction_with_behavior(immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            if let Some(file) = self.access.open_file() {
                wal::limit_size(&connection, file.path())?;
            }
            Ok(done)
        };
        all().map_err(|cause| connection::sqlite_error(self.access.path(), cause))
    }
}
