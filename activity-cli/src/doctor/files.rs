//! The side files of a store, listed before the store is opened. They are never opened here.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tower_activity::store::Health;

use crate::print::human;

/// The side files of a store.
#[derive(Debug)]
pub(super) struct SideFiles {
    store: PathBuf,
    /// Bytes of the WAL; `None` if there is none.
    wal: Option<u64>,
    /// True if the shared memory file of the WAL exists.
    shm: bool,
    /// Bytes of a rollback journal, which only other programs write.
    journal: Option<u64>,
    /// Instances with a lock file.
    lock_files: Vec<String>,
}

impl SideFiles {
    /// Lists the side files of a store.
    pub(super) fn list(store: &str) -> Self {
        let store = fs::canonicalize(store).unwrap_or_else(|_| PathBuf::from(store));
        let bytes = |suffix: &str| size(&with_suffix(&store, suffix));
        SideFiles {
            wal: bytes("-wal"),
            shm: bytes("-shm").is_some(),
            journal: bytes("-journal").filter(|bytes| *bytes > 0),
            lock_files: lock_files(&with_suffix(&store, "-instances")).unwrap_or_default(),
            store,
        }
    }

    /// Explains the files that need an explanation.
    pub(super) fn notes(&self, health: &Health) -> Vec<String> {
        let alive: Vec<_> = health
            .instances
            .iter()
            .filter(|one| one.alive)
            .map(|one| one.id.to_string())
            .collect();
        let name = |suffix| with_suffix(&self.store, suffix).display().to_string();
        let mut notes = Vec::new();
        if let Some(bytes) = self.wal.filter(|bytes| *bytes > 0)
            && alive.is_empty()
        {
            notes.push(format!(
                "{} ({}) holds commits that are not in the main file yet: do not remove it",
                name("-wal"),
                human::bytes(bytes)
            ));
        }
        if self.shm && self.wal.is_none() {
            notes.push(format!(
                "{} has no write-ahead log: it is a leftover",
                name("-shm")
            ));
        }
        if let Some(bytes) = self.journal {
            notes.push(format!(
                "{} ({}) is a rollback journal of another program, which is writing the file or was killed while writing",
                name("-journal"),
                human::bytes(bytes)
            ));
        }
        let dead = self
            .lock_files
            .iter()
            .filter(|id| !alive.contains(id))
            .count() as u64;
        if dead > 0 {
            notes.push(format!(
                "{} of dead processes: the next process that opens the log cleans up after them",
                human::many(dead, "lock file", "lock files")
            ));
        }
        notes
    }
}

fn with_suffix(store: &Path, suffix: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn size(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|found| found.len())
}

fn lock_files(folder: &Path) -> io::Result<Vec<String>> {
    let names = fs::read_dir(folder)?.filter_map(|file| file.ok()?.file_name().into_string().ok());
    Ok(names
        .filter_map(|name| Some(name.strip_suffix(".lock")?.to_owned()))
        .collect())
}
