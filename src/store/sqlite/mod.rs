//! The embedded store: one SQLite file, shared by several processes, with no service to run.
//!
//! Beside `activity.db` are SQLite's `-wal` and `-shm` files and the folder `activity.db-instances`, in which every
//! instance holds a lock file that the kernel releases when its process dies.

mod columns;
mod last_seqs;
mod maintenance;
mod meta;
mod open;
mod read;
mod write;

use std::{fmt, path::Path, sync::Arc};

use parking_lot::Mutex;

pub(crate) use self::{
    maintenance::target::{Target, random_id},
    open::create,
    read::{Spool, SqliteReader},
};
use self::{
    maintenance::{backup, connection::SqliteMaintenance},
    open::{
        connection::{self, Role},
        file::{Access, Location, OpenFile},
        process::Process,
    },
    write::writer,
};
use crate::{
    error::{Error, Result},
    store::{BackupProgress, Check, Instance, Maintenance, Reader, Store, Writer},
};

/// A store in one SQLite file, or in memory.
#[derive(Clone)]
pub struct SqliteStore {
    location: Location,
    process: Process,
}

impl SqliteStore {
    /// Returns the store at this path, or an in-memory store for `:memory:`, which ends with its last handle. The file is
    /// created when a log first opens it for writing.
    ///
    /// # Errors
    ///
    /// If the path cannot be made absolute.
    pub fn new(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let location = if path.as_os_str() == ":memory:" {
            Location::Memory(Arc::new(Mutex::new(connection::in_memory()?)))
        } else {
            let path = std::path::absolute(path).map_err(|cause| {
                Error::invalid(format!("cannot use the path {path:?}")).with_source(cause)
            })?;
            Location::File(path)
        };
        Ok(SqliteStore {
            location,
            process: Process::current(),
        })
    }

    /// Opens the file, to forward it.
    pub(crate) fn spool(&self) -> Result<Spool> {
        self.process.check()?;
        Spool::open(&self.location)
    }

    /// Reports what was committed according to the lock files, for a database that cannot be read; `None` if they hold no
    /// counts.
    pub fn check_lock_files(&self) -> Option<Check> {
        let Location::File(path) = &self.location else {
            return None;
        };
        let file = OpenFile::for_path(path).ok()?;
        let check = read::check_lock_files(file.path());
        (!check.differing.is_empty()).then_some(check)
    }
}

impl Store for SqliteStore {
    fn writer(&self, instance: &Instance) -> Result<Box<dyn Writer>> {
        self.process.check()?;
        Ok(Box::new(writer::SqliteWriter::open(
            &self.location,
            instance,
        )?))
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        self.process.check()?;
        Ok(Box::new(read::SqliteReader::open(&self.location)?))
    }

    fn maintenance(&self) -> Result<Box<dyn Maintenance>> {
        self.process.check()?;
        Ok(Box::new(SqliteMaintenance::open(&self.location)?))
    }

    fn backup(&self, to: &Path, progress: &mut dyn FnMut(BackupProgress)) -> Result<u64> {
        self.process.check()?;
        let access = match &self.location {
            Location::Memory(connection) => Access::memory(connection.clone()),
            Location::File(path) => Access::file(OpenFile::for_path(path)?, Role::Read),
        };
        backup::backup(&access, to, progress)
    }

    fn file(&self) -> Option<&Path> {
        match &self.location {
            Location::File(path) => Some(path),
            Location::Memory(_) => None,
        }
    }

    fn name(&self) -> String {
        match &self.location {
            Location::File(path) => path.display().to_string(),
            Location::Memory(_) => ":memory:".into(),
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Location::File(path) => f.debug_tuple("SqliteStore").field(path).finish(),
            Location::Memory(_) => f.write_str("SqliteStore(\":memory:\")"),
        }
    }
}
