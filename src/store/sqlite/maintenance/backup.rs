//! Online backup of a store into one file, verified before it gets its final name.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use crate::{
    error::{Error, ErrorKind, Result},
    store::{
        BackupProgress,
        sqlite::open::{
            connection,
            file::Access,
            lock::is_held,
            side_files::{beside, numbered},
        },
    },
};

/// Marks the temporary name of an incomplete copy; a number follows.
const PART: &str = ".part-";
/// Suffix of the lock file that the backup's process holds until the copy is complete.
const LOCK: &str = ".lock";
/// Suffix of the lock file's temporary name, until the lock is held.
const NEW_LOCK: &str = ".new";

/// Pages per step, which are 8 MB.
const STEP: i32 = 1_024;

const ROWS: &str = "SELECT (SELECT count(*) FROM activity), (SELECT count(*) FROM event), \
     (SELECT count(*) FROM recording), (SELECT count(*) FROM chunk)";

/// Copies the store into a new file, and returns the file's size in bytes.
///
/// The copy is a snapshot: it has nothing that is committed after it began. It is written under a temporary name, verified
/// by reading all of it, and then renamed. An existing file is never replaced.
pub(crate) fn backup(
    from: &Access,
    to: &Path,
    progress: &mut dyn FnMut(BackupProgress),
) -> Result<u64> {
    remove_dead(to);
    if fs::symlink_metadata(to).is_ok() {
        let what = format!(
            "cannot write the backup {}: the file exists, choose another name",
            to.display()
        );
        return Err(Error::invalid(what));
    }
    let part =
        PartialCopy::new(to).map_err(|cause| failed(to, "create the file").with_source(cause))?;
    let source = from.lock(|_| Ok(()))?;
    let sqlite = |what| move |cause: rusqlite::Error| failed(to, what).with_source(cause);
    // Every step copies from this snapshot, whatever is committed in between.
    let snapshot = source
        .unchecked_transaction()
        .map_err(sqlite("read the store"))?;
    let rows = count(&snapshot).map_err(sqlite("read the store"))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(&part.path, flags)
        .map_err(|cause| connection::sqlite_error(&part.path, cause))?;
    let steps = Backup::new(&snapshot, &mut copy).map_err(sqlite("begin to copy"))?;
    loop {
        let step = steps
            .step(STEP)
            .map_err(|cause| connection::sqlite_error(&part.path, cause))?;
        let state = steps.progress();
        let pages = u64::try_from(state.pagecount).unwrap_or_default();
        let left = u64::try_from(state.remaining).unwrap_or_default();
        progress(BackupProgress {
            pages,
            copied: pages.saturating_sub(left),
        });
        match step {
            StepResult::Done => break,
            StepResult::More => {}
            _ => return Err(failed(to, "copy the store: it is locked")),
        }
    }
    drop(steps);
    drop(snapshot);
    drop(source);
    verify(&copy, rows).map_err(|why| failed(to, &why))?;
    // The last connection removes the WAL and its index.
    drop(copy);
    let bytes = part
        .finish(to)
        .map_err(|cause| failed(to, "rename the file").with_source(cause))?;
    Ok(bytes)
}

fn count(connection: &Connection) -> rusqlite::Result<[i64; 4]> {
    connection.query_row(ROWS, (), |row| {
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
    })
}

/// Checks the integrity of the copy and its numbers of rows.
fn verify(copy: &Connection, rows: [i64; 4]) -> Result<(), String> {
    let check = || {
        let found: String = copy.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))?;
        Ok((found, count(copy)?))
    };
    match check() {
        Ok((found, _)) if found != "ok" => Err(format!("verify it: {found}")),
        Ok((_, found)) if found != rows => Err(format!(
            "verify it: it has {found:?} of {rows:?} activities, events, recordings and chunks"
        )),
        Ok(_) => Ok(()),
        Err(cause) => {
            let cause: rusqlite::Error = cause;
            Err(format!("verify it: {cause}"))
        }
    }
}

fn failed(to: &Path, what: &str) -> Error {
    let what = format!("cannot write the backup {}: could not {what}", to.display());
    Error::new(ErrorKind::Store, what)
}

/// An incomplete copy under its temporary name. Dropping it removes the file.
#[derive(Debug)]
struct PartialCopy {
    path: PathBuf,
    /// `None` on a file system without locks, where abandoned copies cannot be detected.
    _lock: Option<File>,
}

impl PartialCopy {
    fn new(to: &Path) -> io::Result<Self> {
        let path = beside(to, &format!("{PART}{:016x}", fastrand::u64(..)));
        let part = PartialCopy {
            _lock: lock(&path)?,
            path,
        };
        // Opening and closing it is harmless: it is new, so no SQLite lock of this process depends on it.
        create(&part.path)?;
        Ok(part)
    }

    /// Syncs the file and gives it its final name. Returns its size in bytes.
    fn finish(self, to: &Path) -> io::Result<u64> {
        let file = fs::OpenOptions::new().write(true).open(&self.path)?;
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        // Unlike a rename, a link never replaces an existing file.
        match fs::hard_link(&self.path, to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            // A file system without hard links: a file that is created between this check and the rename is replaced.
            Err(_) if fs::symlink_metadata(to).is_ok() => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Err(_) => fs::rename(&self.path, to)?,
        }
        if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            // So that the name survives a power loss. Windows cannot sync folders, and does not need to.
            if let Ok(folder) = fs::File::open(folder) {
                let _ = folder.sync_all();
            }
        }
        Ok(bytes)
    }
}

impl Drop for PartialCopy {
    fn drop(&mut self) {
        // Once the copy has its final name, this removes only the temporary one.
        remove(&self.path, LOCK);
    }
}

/// Creates and locks the lock file, which gets its final name only once it is locked: so others never find the lock of a
/// living backup free. `None` on a file system without locks.
fn lock(part: &Path) -> io::Result<Option<File>> {
    let new = beside(part, NEW_LOCK);
    loop {
        let lock = create(&new)?;
        if lock.try_lock().is_err() {
            fs::remove_file(&new)?;
            return Ok(None);
        }
        match fs::rename(&new, beside(part, LOCK)) {
            // Another backup found it before it was locked, and removed it as dead.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => return renamed.map(|()| Some(lock)),
        }
    }
}

/// Removes the files of killed backups to the same name.
fn remove_dead(to: &Path) {
    for suffix in [LOCK, NEW_LOCK] {
        for lock in numbered(to, PART, suffix) {
            if is_held(&lock) == Some(false) {
                remove(&lock.with_extension(""), suffix);
            }
        }
    }
}

/// Removes a copy with its side files, the lock last. The next backup retries what could not be removed.
fn remove(part: &Path, lock: &str) {
    for suffix in ["", "-wal", "-shm", "-journal", lock] {
        let _ = fs::remove_file(beside(part, suffix));
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
