//! The files beside a store, as they are before it is opened. They are only looked at by name.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tower_activity::store::Health;

use crate::print::human;

/// Which files stand beside a store.
#[derive(Debug)]
pub(super) struct Files {
    store: PathBuf,
    /// The bytes of the write-ahead log; `None` where there is none.
    wal: Option<u64>,
    /// Whether there is an index of it.
    shm: bool,
    /// The bytes of a rollback journal, which none of our programs writes.
    journal: Option<u64>,
    /// The names of the lock files without their ending.
    locks: Vec<String>,
}

impl Files {
    /// Looks which files there are.
    pub(super) fn beside(store: &str) -> Self {
        let store = fs::canonicalize(store).unwrap_or_else(|_| PathBuf::from(store));
        let bytes = |ending: &str| length(&named(&store, ending));
        Files {
            wal: bytes("-wal"),
            shm: bytes("-shm").is_some(),
            journal: bytes("-journal").filter(|bytes| *bytes > 0),
            locks: locks(&named(&store, "-instances")).unwrap_or_default(),
            store,
        }
    }

    /// What they say of a store.
    pub(super) fn notes(&self, health: &Health) -> Vec<String> {
        let alive: Vec<_> = health
            .instances
            .iter()
            .filter(|one| one.alive)
            .map(|one| one.id.to_string())
            .collect();
        let name = |ending| named(&self.store, ending).display().to_string();
        let mut notes = Vec::new();
        if let Some(bytes) = self.wal.filter(|bytes| *bytes > 0)
            && alive.is_empty()
        {
            notes.push(format!(
                "{} ({}) is a part of the log that was not yet taken into the file: do not remove it",
                name("-wal"),
                human::bytes(bytes)
            ));
        }
        if self.shm && self.wal.is_none() {
            notes.push(format!(
                "{} belongs to nobody: its write-ahead log is not there",
                name("-shm")
            ));
        }
        if let Some(bytes) = self.journal {
            notes.push(format!(
                "{} ({}) belongs to another program that changes the file, or was killed while it did",
                name("-journal"),
                human::bytes(bytes)
            ));
        }
        let dead = self.locks.iter().filter(|id| !alive.contains(id)).count() as u64;
        if dead > 0 {
            notes.push(format!(
                "{} of dead processes: the next log that opens the file takes over what they left",
                human::many(dead, "lock file", "lock files")
            ));
        }
        notes
    }
}

fn named(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn length(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|found| found.len())
}

fn locks(folder: &Path) -> io::Result<Vec<String>> {
    let names = fs::read_dir(folder)?.filter_map(|file| file.ok()?.file_name().into_string().ok());
    Ok(names
        .filter_map(|name| Some(name.strip_suffix(".lock")?.to_owned()))
        .collect())
}
