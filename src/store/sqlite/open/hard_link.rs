//! Refuses a file that is open under another name (a hard link).
//!
//! SQLite keeps the WAL beside the name by which a file was opened. Two names would have two WALs, each undoing the other's
//! commits (<https://sqlite.org/howtocorrupt.html>, "Multiple links to the same file").

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::side_files::{FileId, beside, identity};
use crate::error::{Error, ErrorKind, Result};

/// Refuses a file that another process has open under another name. A link that no process opens, like one made by a
/// backup tool, does no harm. Without `/proc` nothing is refused.
pub(super) fn check(path: &Path) -> Result<()> {
    let Some(id) = linked(path) else {
        return Ok(());
    };
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    // Every connection locks its `-shm` file, which belongs to one name.
    let shm = identity(&beside(path, "-shm"));
    if shm.is_some_and(|(_, number)| lock_holders(&locks, number).next().is_some()) {
        // It is open under this name.
        return Ok(());
    }
    match lock_holders(&locks, id.1).find_map(|pid| other_name(pid, id, path)) {
        Some(first) => Err(open_by_other_name(path, &first)),
        None => Ok(()),
    }
}

/// The error for a file that is open under another name.
pub(super) fn open_by_other_name(path: &Path, first: &Path) -> Error {
    let what = format!(
        "cannot open the store {}: it is the same file as {}, which is open under that name: use that name",
        path.display(),
        first.display()
    );
    Error::new(ErrorKind::Store, what)
}

/// Returns the file's id if it has more than one name.
fn linked(path: &Path) -> Option<FileId> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (fs::metadata(path).ok()?.nlink() > 1).then_some(())?;
    }
    identity(path)
}

/// Returns the processes that hold a lock on the file with this inode, from the lines of `/proc/locks` (proc_locks(5)).
fn lock_holders(locks: &str, number: u64) -> impl Iterator<Item = u32> {
    let suffix = format!(":{number}");
    locks.lines().filter_map(move |line| {
        let mut fields = line.split_whitespace().skip(4);
        let pid = fields.next()?.parse().ok()?;
        fields.next()?.ends_with(&suffix).then_some(pid)
    })
}

/// Finds the other name under which a process has the file open.
fn other_name(pid: u32, id: FileId, path: &Path) -> Option<PathBuf> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    descriptors
        .filter_map(|descriptor| Some(descriptor.ok()?.path()))
        .filter(|descriptor| identity(descriptor) == Some(id))
        .filter_map(|descriptor| fs::read_link(descriptor).ok())
        .find(|name| name != path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_holders_are_found_by_inode() {
        let locks = "\
1: POSIX  ADVISORY  READ  4711 fe:00:131075 1073741826 1073742335
2: FLOCK  ADVISORY  WRITE 99 fe:00:5 0 EOF
3: POSIX  ADVISORY  READ  12 fe:00:31075 128 128
malformed
";
        assert_eq!(lock_holders(locks, 131_075).collect::<Vec<_>>(), [4711]);
        assert_eq!(lock_holders(locks, 31_075).collect::<Vec<_>>(), [12]);
        assert_eq!(lock_holders(locks, 1).count(), 0);
    }
}
