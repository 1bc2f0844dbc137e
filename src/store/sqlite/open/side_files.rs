//! A database's main file, WAL and `-shm` file: which files are at their paths now, and names beside them.
//!
//! SQLite keeps these files open and never looks at their paths again. After one is moved, removed or replaced, SQLite writes
//! into a file that no other process will ever open. So the paths are checked before each use, with `stat` alone: closing a
//! descriptor of our own would drop all locks of the process on the file (POSIX, <https://sqlite.org/howtocorrupt.html>,
//! "Posix advisory locks canceled by a separate thread doing close()").

use std::{
    ffi::{OsStr, OsString},
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// A file's device and inode.
pub(crate) type FileId = (u64, u64);

/// The files at a database's paths; `None` for a missing one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FileIds {
    pub(crate) main: Option<FileId>,
    pub(crate) wal: Option<FileId>,
    pub(crate) shm: Option<FileId>,
}

/// The files at a database's paths, and their metadata.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FileStats {
    pub(crate) ids: FileIds,
    /// Size of the WAL, in bytes.
    pub(crate) wal_bytes: u64,
    /// The WAL is sparse: it was truncated and then written beyond its end. SQLite itself only appends.
    pub(crate) wal_has_holes: bool,
    /// Size of the `-shm` file, in bytes.
    pub(super) shm_bytes: u64,
    /// Size and modification time of the main file, which SQLite writes only in checkpoints.
    pub(crate) main: Option<(u64, SystemTime)>,
}

impl FileStats {
    /// Reads the metadata of all three files.
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

/// Appends a suffix to a path's file name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Lists the files named like `path` with `before`, 16 hexadecimal digits and `after` appended.
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

/// Returns the file at a path; `None` if there is none, or the system has no file ids.
pub(super) fn identity(path: &Path) -> Option<FileId> {
    file_id(&fs::metadata(path).ok()?)
}

/// Returns a new name beside a path, with the reason and the time.
pub(crate) fn temporary_name(path: &Path, suffix: &str, why: &str) -> PathBuf {
    beside(path, &format!("{suffix}.{why}-{}", stamp()))
}

/// Finds the entry of an open file in `/proc/self/fd`; `None` without `/proc`.
pub(crate) fn descriptor(file: FileId) -> Option<PathBuf> {
    let descriptors = fs::read_dir("/proc/self/fd").ok()?;
    let mut paths = descriptors.filter_map(|one| Some(one.ok()?.path()));
    paths.find(|path| identity(path) == Some(file))
}

/// Returns true if this process has all of these files open, or the system cannot tell. With `all`, none may be missing.
pub(super) fn are_open(files: FileIds, all: bool) -> bool {
    let Ok(descriptors) = fs::read_dir("/proc/self/fd") else {
        return true;
    };
    let mut missing = vec![files.main, files.wal, files.shm];
    if !all {
        missing.retain(Option::is_some);
    }
    for open in descriptors.flatten() {
        let open = identity(&open.path());
        missing.retain(|file| file.is_none() || *file != open);
    }
    missing.is_empty()
}

/// Returns true if an open file has no name left, or the system cannot tell.
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

/// Renames a side file, so that SQLite does not use it. Returns the new name; `None` if there was no such file.
pub(crate) fn set_aside(path: &Path, suffix: &str, why: &str) -> io::Result<Option<PathBuf>> {
    let to = temporary_name(path, suffix, why);
    Ok(rename(&beside(path, suffix), &to)?.then_some(to))
}

/// Renames a main file together with its side files. Returns the new name.
pub(crate) fn set_aside_together(path: &Path, why: &str) -> io::Result<PathBuf> {
    let to = temporary_name(path, "", why);
    // The side files first: one that stayed alone would be used with the next main file.
    for suffix in ["-wal", "-shm", ""] {
        rename(&beside(path, suffix), &beside(&to, suffix))?;
    }
    Ok(to)
}

fn stamp() -> u128 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_micros())
}

/// Renames a file. Returns false if there was none.
fn rename(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns true if a file takes less space than its size. Compressing file systems cause that, too.
fn has_holes(found: &Metadata) -> bool {
    /// Less than a database page; one block of most file systems.
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

/// Windows does not let open files be moved, removed or replaced.
#[cfg(not(unix))]
fn file_id(_: &Metadata) -> Option<FileId> {
    None
}
