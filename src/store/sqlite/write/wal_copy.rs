//! A write-ahead log that was removed while it is open: it is written anew from what the process still has open.
//!
//! With it the log is what it was, whatever stands in the main file: a checkpoint that a reader kept from being complete
//! leaves pages of several states there, and only the write-ahead log makes one state of them.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::store::sqlite::open::side_files::{
    FileId, FileStats, beside, descriptor, set_aside, temporary_name,
};

/// A copy of it, which has another name.
#[derive(Debug)]
pub(super) struct WalCopy {
    path: PathBuf,
}

/// Copies the write-ahead log that this process has open. `None` where that cannot be done: on systems without `/proc`, and
/// where the disk is full.
pub(super) fn copy_open_wal(path: &Path, wal: FileId) -> Option<WalCopy> {
    // Opened a second time, and closed: SQLite holds no locks on this file.
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
            tracing::debug!(target: "tower_activity::store", %error, "the write-ahead log could not be copied");
            None
        }
    }
}

/// Moves the write-ahead log to a main file that was moved away without it, where it needs that. Returns false where it
/// does not, where that cannot be done, and where another program has opened the main file there.
pub(super) fn move_to_main(
    path: &Path,
    main: FileId,
    known: Option<(u64, SystemTime)>,
    needs_it: impl FnOnce(&Path) -> bool,
) -> bool {
    let Some(moved) = descriptor(main).and_then(|open| fs::read_link(open).ok()) else {
        return false;
    };
    let look = FileStats::read(&moved);
    let is_as_it_was = known.is_none() || known == look.main;
    let is_untouched = look.ids.main == Some(main) && look.ids.shm.is_none() && is_as_it_was;
    if !is_untouched || !needs_it(&moved) {
        return false;
    }
    let wal = beside(path, "-wal");
    // Unlike a new name, a link takes no other file's name.
    fs::hard_link(&wal, beside(&moved, "-wal")).is_ok() && fs::remove_file(wal).is_ok()
}

impl WalCopy {
    /// Gives it the name of the write-ahead log, where nobody has begun another one and the main file is as it was. False
    /// where that cannot be done.
    pub(super) fn restore(&self, path: &Path, main: Option<(u64, SystemTime)>) -> bool {
        // Unlike a new name, a link takes no other file's name.
        if fs::hard_link(&self.path, beside(path, "-wal")).is_err() {
            return false;
        }
        if FileStats::read(path).main == main {
            return true;
        }
        // Somebody has written it without the write-ahead log.
        let _ = set_aside(path, "-wal", "replaced");
        false
    }
}

impl Drop for WalCopy {
    fn drop(&mut self) {
        // It has its name, or is of no use; the second name of a file harms nothing.
        let _ = fs::remove_file(&self.path);
    }
}
