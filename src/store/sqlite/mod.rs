//! The embedded store: one SQLite file, several processes, no service to run.
//!
//! Beside `activity.db` stand SQLite's own `-wal` and `-shm` files and the folder `activity.db-instances`,
//! where every open log holds one lock file that the kernel releases when its process dies.

mod agents;
mod bucket;
pub(crate) mod connection;
mod dictionary;
mod ended;
mod erase;
mod event;
mod hour;
pub(crate) mod lock;
mod network;
mod process;
mod prune;
mod read;
mod recording;
mod search;
mod size;
mod sweep;
mod upkeep;
mod write;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use rusqlite::Connection;

use self::{lock::SharedLock, process::Process};
use crate::{
    error::{Error, Result},
    store::{Instance, Reader, Store, Upkeep, Writer},
};

/// A store in one SQLite file, or in memory.
#[derive(Clone)]
pub struct SqliteStore {
    place: Place,
    process: Process,
}

/// Where a store is.
#[derive(Clone)]
pub(crate) enum Place {
    File(PathBuf, SharedLock),
    /// In memory there is one connection for all, since the database ends with it.
    Memory(Arc<Mutex<Connection>>),
}

impl SqliteStore {
    /// Names the store in this file; `:memory:` for one that ends with its last handle. The file is made
    /// when a log first opens it for writing.
    ///
    /// # Errors
    ///
    /// When the path cannot be made absolute.
    pub fn at(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let place = if path.as_os_str() == ":memory:" {
            Place::Memory(Arc::new(Mutex::new(connection::in_memory()?)))
        } else {
            let path = std::path::absolute(path).map_err(|cause| {
                Error::invalid(format!("cannot use the path {path:?}")).with_source(cause)
            })?;
            Place::File(path, SharedLock::default())
        };
        Ok(SqliteStore {
            place,
            process: Process::own(),
        })
    }
}

impl Store for SqliteStore {
    fn writer(&self, instance: &Instance) -> Result<Box<dyn Writer>> {
        self.process.check()?;
        Ok(Box::new(write::SqliteWriter::open(&self.place, instance)?))
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        self.process.check()?;
        Ok(Box::new(read::SqliteReader::open(&self.place)?))
    }

    fn upkeep(&self) -> Result<Box<dyn Upkeep>> {
        self.process.check()?;
        Ok(Box::new(upkeep::SqliteUpkeep::open(&self.place)?))
    }

    fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path, _) => Some(path),
            Place::Memory(_) => None,
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(path, _) => f.debug_tuple("SqliteStore").field(path).finish(),
            Place::Memory(_) => f.write_str("SqliteStore(\":memory:\")"),
        }
    }
}
