//! A copy of a log while others record: complete, in one file, and verified before it gets its name.

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

/// What the name of a copy has that is not complete, before a number.
const PART: &str = ".part-";
/// Beside it, held for as long as its process is at it.
const LOCK: &str = ".lock";
/// The same before it is held.
const UNNAMED: &str = ".new";

/// Pages that one step copies: 8 MB.
const STEP: i32 = 1_024;

const ROWS: &str = "SELECT (SELECT count(*) FROM activity), (SELECT count(*) FROM event), \
     (SELECT count(*) FROM recording), (SELECT count(*) FROM chunk)";

/// Copies the log that `from` reads into a new file.
///
/// The copy is that of one moment: what is committed while it is made is not in it. It is written under another name,
/// read once with all checks, and gets its name at the end, never that of a file that is there.
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
    let part = Part::new(to).map_err(|cause| failed(to, "make the file").with_source(cause))?;
    let source = from.lock(|_| Ok(()))?;
    let sqlite = |what| move |cause: rusqlite::Error| failed(to, what).with_source(cause);
    // While it is open, every step copies from the same state, whatever is committed in between.
    let snapshot = source
        .unchecked_transaction()
        .map_err(sqlite("read the log"))?;
    let rows = count(&snapshot).map_err(sqlite("read the log"))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(&part.path, flags)
        .map_err(|cause| connection::sqlite_error(&part.path, cause))?;
    let steps = Backup::new(&snapshot, &mut copy).map_err(sqlite("begin"))?;
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
            _ => return Err(failed(to, "copy the log: it is locked")),
        }
    }
    drop(steps);
    drop(snapshot);
    drop(source);
    verify(&copy, rows).map_err(|why| failed(to, &why))?;
    // As its only connection it leaves no side files.
    drop(copy);
    let bytes = part
        .finish(to)
        .map_err(|cause| failed(to, "give the file its name").with_source(cause))?;
    Ok(bytes)
}

fn count(connection: &Connection) -> rusqlite::Result<[i64; 4]> {
    connection.query_row(ROWS, (), |row| {
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
    })
}

/// Reads all of the copy.
fn verify(copy: &Connection, rows: [i64; 4]) -> Result<(), String> {
    let check = || {
        let found: String = copy.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))?;
        Ok((found, count(copy)?))
    };
    match check() {
        Ok((found, _)) if found != "ok" => Err(format!("verify it: {found}")),
        Ok((_, found)) if found != rows => {
            Err(format!("verify it: it has {found:?} rows of {rows:?}"))
        }
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

/// A copy that is not complete: removed when it is given up.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    /// `None` on a file system without locks: there nobody can tell whether it is given up.
    _lock: Option<File>,
}

impl Part {
    fn new(to: &Path) -> io::Result<Self> {
        let path = beside(to, &format!("{PART}{:016x}", fastrand::u64(..)));
        let part = Part {
            _lock: lock(&path)?,
            path,
        };
        // A file that nobody has open: no lock can depend on it.
        create(&part.path)?;
        Ok(part)
    }

    /// Gives it its name. Returns its size.
    fn finish(self, to: &Path) -> io::Result<u64> {
        let file = fs::OpenOptions::new().write(true).open(&self.path)?;
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        // Unlike a renaming it takes no other file's place.
        match fs::hard_link(&self.path, to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            // A file system without links: somebody who takes the name in this moment loses it.
            Err(_) if fs::symlink_metadata(to).is_ok() => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Err(_) => fs::rename(&self.path, to)?,
        }
        if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            // The name is there after a loss of power, too. Windows cannot sync folders, and does so by itself.
            if let Ok(folder) = fs::File::open(folder) {
                let _ = folder.sync_all();
            }
        }
        Ok(bytes)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After it has got its name, this takes the other one away.
        remove(&self.path, LOCK);
    }
}

/// A lock that is held before it has its name: whoever looks never finds that of a living backup free. None where the file
/// system has no locks.
fn lock(part: &Path) -> io::Result<Option<File>> {
    let unnamed = beside(part, UNNAMED);
    loop {
        let lock = create(&unnamed)?;
        if lock.try_lock().is_err() {
            fs::remove_file(&unnamed)?;
            return Ok(None);
        }
        match fs::rename(&unnamed, beside(part, LOCK)) {
            // Somebody found it before it was locked, and took it for one of the dead.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => return renamed.map(|()| Some(lock)),
        }
    }
}

/// Removes what backups to this name have left that were killed.
fn remove_dead(to: &Path) {
    for suffix in [LOCK, UNNAMED] {
        for lock in numbered(to, PART, suffix) {
            if is_held(&lock) == Some(false) {
                remove(&lock.with_extension(""), suffix);
            }
        }
    }
}

/// Removes a copy and what stands beside it, the lock at last. What cannot be removed is left to the next backup.
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
