//! Restores a WAL that was removed while it is open, from the descriptor that the process still has.
//!
//! An incomplete checkpoint leaves pages of several commits in the main file: only together with its WAL it is a consistent
//! database.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::store::sqlite::open::side_files::{
    FileId, FileStats, beside, descriptor, set_aside, temporary_name,
};

/// A copy of a WAL under a temporary name, which is removed on drop.
#[derive(Debug)]
pub(super) struct WalCopy {
    path: PathBuf,
}

/// Copies the WAL that this process has open. `None` if that fails: without `/proc`, or on a full disk.
pub(super) fn copy_open_wal(path: &Path, wal: FileId) -> Option<WalCopy> {
    // A second descriptor may be closed: SQLite holds no locks on the WAL.
    let mut from = File::open(descriptor(wal)?).ok()?;
    let copy = WalCopy {
        path: temporary_name(path, "-wal", "again"),
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        options.mode(from.metadata().ok()?.permissions().mode());
    }
    let mut written = || -> io::Result<()> {
        let mut to = options.open(&copy.path)?;
        io::copy(&mut from, &mut to)?;
        to.sync_all()
    };
    match written() {
        Ok(()) => Some(copy),
        Err(error) => {
            tracing::debug!(target: "tower_activity::store", %error, "could not copy the WAL");
            None
        }
    }
}

/// Moves the WAL to a main file that was moved away without it, if the file needs it. Returns false if it does not, if the
/// move fails, or if another program has opened the main file under its new name.
pub(super) fn move_to_main(
    path: &Path,
    main: FileId,
    known: Option<(u64, SystemTime)>,
    needs_it: impl FnOnce(&Path) -> bool,
) -> bool {
    let Some(moved) = descriptor(main).and_then(|open| fs::read_link(open).ok()) else {
        return false;
    };
    let stats = FileStats::read(&moved);
    let is_unchanged = known.is_none() || known == stats.main;
    let is_untouched = stats.ids.main == Some(main) && stats.ids.shm.is_none() && is_unchanged;
    if !is_untouched || !needs_it(&moved) {
        return false;
    }
    let wal = beside(path, "-wal");
    // Unlike a rename, a link never replaces another file.
    fs::hard_link(&wal, beside(&moved, "-wal")).is_ok() && fs::remove_file(wal).is_ok()
}

impl WalCopy {
    /// Gives the copy the WAL's name, if there is no new WAL and the main file is unchanged. Returns false if not.
    pub(super) fn restore(&self, path: &Path, main: Option<(u64, SystemTime)>) -> bool {
        // Unlike a rename, a link never replaces another file.
        if fs::hard_link(&self.path, beside(path, "-wal")).is_err() {
            return false;
        }
        if FileStats::read(path).main == main {
            return true;
        }
        // Another program has written the main file without the WAL.
        let _ = set_aside(path, "-wal", "replaced");
        false
    }
}

impl Drop for WalCopy {
    fn drop(&mut self) {
        // The copy has the WAL's name by now, or is of no use. If this fails, the extra name does no harm.
        let _ = fs::remove_file(&self.path);
    }
}
