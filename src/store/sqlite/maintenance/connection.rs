//! The connection of maintenance, and its transactions.

use std::{sync::Arc, time::Duration};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::clock::{self, RunningClock};
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

/// Busy timeout of a step, long enough for several successive transactions of writers.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// 64 MB: every agent updates its own pages, and those of a few thousand agents should stay in memory.
const CACHE: &str = "PRAGMA cache_size = -65536";

/// The number of rows of each table that the first indexing step takes.
const FIRST_INDEXED: i64 = 500;

/// Maintains a SQLite store, on one connection per process.
#[derive(Debug)]
pub(crate) struct SqliteMaintenance {
    pub(crate) access: Arc<Access>,
    /// The store's clock, as this handle last advanced it.
    pub(super) running: Option<RunningClock>,
    /// The number of rows that the next indexing step takes: as many as can be indexed in a short transaction.
    pub(super) index_limit: i64,
}

impl SqliteMaintenance {
    /// Opens the store in this location, which must exist.
    pub(crate) fn open(location: &Location) -> Result<Self> {
        let access = match location {
            Location::Memory(connection) => Arc::new(Access::memory(connection.clone())),
            Location::File(path) => OpenFile::for_path(path)?.maintenance(),
        };
        let maintenance = SqliteMaintenance {
            access,
            running: None,
            index_limit: FIRST_INDEXED,
        };
        // Reports what is wrong with the file before it is used.
        drop(maintenance.connection()?);
        Ok(maintenance)
    }

    /// Locks the connection; opens it the first time.
    fn connection(&self) -> Result<Guard<'_>> {
        self.access.lock(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.execute_batch(CACHE)
        })
    }

    /// Advances the store's clock.
    pub(super) fn tick(&mut self, reading: ClockReading) -> Result<RunningClock> {
        let before = self.running;
        let running = self.write(|transaction| clock::tick(transaction, before, reading))?;
        self.running = Some(running);
        Ok(running)
    }

    /// Reads outside of a transaction.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        work(&*self.connection()?)
            .map_err(|cause| connection::sqlite_error(self.access.path(), cause))
    }

    /// Writes in one `BEGIN IMMEDIATE` transaction, which is rolled back on an error.
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
