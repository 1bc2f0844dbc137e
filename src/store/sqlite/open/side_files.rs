//! The names beside a log: which files stand under them now.
//!
//! SQLite keeps its side files open and never looks at their names again. Whoever moves, removes or replaces one makes
//! SQLite write into a file that nobody else will ever open. So the names are looked at before each use, by path
//! alone: a descriptor of ours on one of these files would drop all locks of the process when it is closed
//! (POSIX, <https://sqlite.org/howtocorrupt.html>, "Posix advisory locks canceled by a separate thread doing close()").

use std::{
    ffi::{OsStr, OsString},
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// A file's device and number.
pub(crate) type FileId = (u64, u64);

/// Which files stand under the names of a log; `None` where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FileIds {
    pub(crate) main: Option<FileId>,
    pub(crate) wal: Option<FileId>,
    pub(crate) shm: Option<FileId>,
}

/// The names, and what their files look like from outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FileStats {
    pub(crate) ids: FileIds,
    /// The size of the write-ahead log, in bytes.
    pub(crate) wal_bytes: u64,
    /// A part of it was never written: it was cut off, and then written behind its end. SQLite appends, and leaves none out.
    pub(crate) wal_has_holes: bool,
    /// The size of the index of the write-ahead log, in bytes.
    pub(super) shm_bytes: u64,
    /// Size and time of the last change of the main file: SQLite changes it in checkpoints only.
    pub(crate) main: Option<(u64, SystemTime)>,
}

impl FileStats {
    /// Looks at the names of this log.
    pub(crate) fn read(path: &Path) -> Self {
        let [main, wal, shm] =
            ["", "-wal", "-shm"].map(|suffix| fs::metadata(beside(path, suffix)).ok());
        FileStats {
            ids: FileIds {
                main: main.as_ref().and_then(file_id),
                wal: wal.as_ref().and_then(file_id),
                shm: shm.as_ref().and_then(file_id),
            },
            wal_has_holes: wal.as_ref().is_some_and(has_holes),
            wal_bytes: wal.map_or(0, |wal| wal.len()),
            shm_bytes: shm.map_or(0, |shm| shm.len()),
            main: main.and_then(|main| Some((main.len(), main.modified().ok()?))),
        }
    }
}

/// The name of a side file.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The files beside a log whose names are its own, `before`, a number of 16 hexadecimal digits, and `after`.
pub(crate) fn numbered(path: &Path, before: &str, after: &str) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(OsStr::to_str))
    else {
        return Vec::new();
    };
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let is_numbered = |found: &str| {
        let rest = found
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(before));
        let number = rest.and_then(|rest| rest.strip_suffix(after));
        number.is_some_and(|number| number.len() == 16 && u64::from_str_radix(number, 16).is_ok())
    };
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let found = files.filter(|file| file.file_name().to_str().is_some_and(is_numbered));
    found.map(|file| file.path()).collect()
}

/// Which file stands under a name. `None` where there is none, or the system has no numbers for files.
pub(super) fn identity(path: &Path) -> Option<FileId> {
    file_id(&fs::metadata(path).ok()?)
}

/// A name for a file that gets its final one later.
pub(crate) fn temporary_name(path: &Path, suffix: &str, why: &str) -> PathBuf {
    beside(path, &format!("{suffix}.{why}-{}", stamp()))
}

/// The entry of a file among the open ones of this process, as far as the system says.
pub(crate) fn descriptor(file: FileId) -> Option<PathBuf> {
    let descriptors = fs::read_dir("/proc/self/fd").ok()?;
    let mut paths = descriptors.filter_map(|one| Some(one.ok()?.path()));
    paths.find(|path| identity(path) == Some(file))
}

/// True when no name is left of a file that this process has open, and where the system does not say.
pub(crate) fn is_deleted(file: Option<FileId>) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let open = file.and_then(descriptor);
        let found = open.and_then(|open| fs::metadata(open).ok());
        found.is_none_or(|found| found.nlink() == 0)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        false
    }
}

/// Gives a side file another name, so that SQLite does not take it for the log's. Returns the new name; `None` where
/// there was no such file.
pub(crate) fn set_aside(path: &Path, suffix: &str, why: &str) -> io::Result<Option<PathBuf>> {
    let to = temporary_name(path, suffix, why);
    Ok(rename(&beside(path, suffix), &to)?.then_some(to))
}

/// Gives a log another name, and its side files the names that belong to it. Returns the new name.
pub(crate) fn set_aside_together(path: &Path, why: &str) -> io::Result<PathBuf> {
    let to = temporary_name(path, "", why);
    // The side files first: alone, none is taken for that of the file that comes next.
    for suffix in ["-wal", "-shm", ""] {
        rename(&beside(path, suffix), &beside(&to, suffix))?;
    }
    Ok(to)
}

fn stamp() -> u128 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_micros())
}

/// False where there was no such file.
fn rename(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// File systems that compress take less, too: it is a reason to look.
fn has_holes(found: &Metadata) -> bool {
    /// Less than a page of a log, and one of most file systems.
    const SLACK: u64 = 4 << 10;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        found.blocks().saturating_mul(512).saturating_add(SLACK) < found.len()
    }
    #[cfg(not(unix))]
    {
        let _ = (found, SLACK);
        false
    }
}

#[cfg(unix)]
fn file_id(found: &Metadata) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    Some((found.dev(), found.ino()))
}

/// Windows keeps open files from being moved, removed or replaced.
#[cfg(not(unix))]
fn file_id(_: &Metadata) -> Option<FileId> {
    None
}
