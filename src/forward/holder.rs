//! One process at a time forwards a file to a target.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use uuid::Uuid;

use crate::{
    error::Result,
    store::{hostname, lock_file, sqlite::random_id},
};

/// The lock of the process that forwards a file.
#[derive(Debug)]
pub(super) struct Holder {
    /// Names the holder of a lease at the target. It stays the same when the process is restarted, so that it need not wait
    /// until its own lease ends; a copy of the files has another one.
    pub(super) id: Uuid,
    _lock: Option<File>,
}

impl Holder {
    /// Takes the lock beside a file; `None` while another process forwards the file to this target.
    pub(super) fn try_new(file: &Path, target: &str) -> Result<Option<Self>> {
        let lock = lock_file::try_lock(&lock_path(file, target))?;
        Ok(lock.map(|lock| Holder {
            id: identity(&lock).unwrap_or_else(random_id),
            _lock: Some(lock),
        }))
    }

    /// The holder of a file that cannot be written, and so is not locked.
    pub(super) fn without_lock() -> Self {
        Holder {
            id: random_id(),
            _lock: None,
        }
    }
}

/// A file's lock for a target: `activity.db-forward-<hash of the target>`.
fn lock_path(file: &Path, target: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(format!("-forward-{:016x}", hash(target)));
    path.into()
}

/// Derives an id from what the lock file has in common with no copy of it.
#[cfg(unix)]
fn identity(lock: &File) -> Option<Uuid> {
    use std::os::unix::fs::MetadataExt;

    let of = lock.metadata().ok()?;
    let place = format!("{} {} {}", hostname(), of.dev(), of.ino());
    let made = format!("{} {}", of.mtime(), of.mtime_nsec());
    Some(Uuid::from_u64_pair(hash(&place), hash(&made)))
}

#[cfg(not(unix))]
fn identity(_lock: &File) -> Option<Uuid> {
    None
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    crate::record::fnv1a(text.bytes())
}
