//! Lock files: each instance holds one, which the kernel releases when its process dies.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{
    lock_counts::{CommitCounts, TotalCounts},
    side_files::{FileId, beside, identity},
};
use crate::record::InstanceId;

/// How long an instance's lock file may be missing before the instance counts as dead: a live one recreates it within
/// seconds.
const GRACE_PERIOD: Duration = Duration::from_secs(30);

/// Extension of a lock file that is not locked yet.
const TEMPORARY_EXTENSION: &str = "new";

/// The lock file of one instance, in the folder beside its store.
#[derive(Debug)]
pub(crate) struct InstanceLock {
    file: File,
    path: PathBuf,
    /// The locked file: after it was removed there may be another at its path.
    identity: Option<FileId>,
    written: CommitCounts,
}

impl InstanceLock {
    /// Creates and locks the lock file of an instance.
    pub(crate) fn acquire(log: &Path, id: InstanceId) -> io::Result<Self> {
        let path = path_of(log, id);
        let file = lock(&path)?;
        let identity = identity(&path);
        let written = CommitCounts::default();
        written.write(&file)?;
        Ok(InstanceLock {
            file,
            path,
            identity,
            written,
        })
    }

    /// Recreates the lock file if it was removed or replaced.
    pub(crate) fn recreate_if_missing(&mut self) -> io::Result<()> {
        let found = identity(&self.path);
        if found.is_some() && found == self.identity {
            return Ok(());
        }
        if found.is_none() && self.identity.is_none() && self.path.exists() {
            // A system without file ids, which does not let open files be removed.
            return Ok(());
        }
        let file = lock(&self.path)?;
        self.written.write(&file)?;
        self.identity = identity(&self.path);
        self.file = file;
        Ok(())
    }

    /// Writes how much the instance has committed.
    pub(crate) fn write(&mut self, committed: CommitCounts) -> io::Result<()> {
        if self.written != committed {
            committed.write(&self.file)?;
            self.written = committed;
        }
        Ok(())
    }

    /// Removes the lock file: the instance has shut down.
    pub(crate) fn release(self) {
        if identity(&self.path) == self.identity {
            // If that fails, the next writer finds it dead and removes it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Creates a lock file that is locked before it gets its name: no process ever sees it unlocked while its owner lives.
fn lock(path: &Path) -> io::Result<File> {
    make_folder(path)?;
    let temporary = path.with_extension(TEMPORARY_EXTENSION);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&temporary)?;
    file.try_lock().map_err(io::Error::other)?;
    fs::rename(&temporary, path)?;
    Ok(file)
}

/// Returns true while the instance's process lives.
pub(crate) fn is_alive(log: &Path, id: InstanceId) -> bool {
    is_held(&path_of(log, id)).unwrap_or(false)
}

/// Returns true if the instance's process has certainly ended. A missing lock file is no proof before the grace period is
/// over, in which a live instance recreates it.
pub(crate) fn is_dead(log: &Path, id: InstanceId) -> bool {
    let path = path_of(log, id);
    let missing = path.with_extension("missing");
    match is_held(&path) {
        Some(held) => {
            // It was recreated, or never missing.
            let _ = fs::remove_file(missing);
            !held
        }
        None => {
            match missing.exists() {
                true => is_past_grace_period(&missing),
                false => {
                    // Without a marker the grace period starts later.
                    let _ = create_missing_marker(&missing);
                    false
                }
            }
        }
    }
}

/// Returns whether a lock file is locked; `None` if there is none. An unreadable one counts as locked, so that no activity is
/// marked abandoned because of it.
pub(crate) fn is_held(path: &Path) -> Option<bool> {
    match File::open(path) {
        Ok(file) => Some(file.try_lock_shared().is_err()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(_) => Some(true),
    }
}

/// Creates the folder of a lock file, with mode 0700.
fn make_folder(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Returns true if a file was last modified longer ago than the grace period.
fn is_past_grace_period(path: &Path) -> bool {
    let since = fs::metadata(path).and_then(|found| found.modified());
    let age = since.map(|since| SystemTime::now().duration_since(since));
    matches!(age, Ok(Ok(age)) if age >= GRACE_PERIOD)
}

/// Creates the file whose age says since when a lock file is missing.
fn create_missing_marker(path: &Path) -> io::Result<()> {
    make_folder(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Returns the live instances of a store, and what each has committed.
pub(crate) fn live_instances(log: &Path) -> Vec<(InstanceId, CommitCounts)> {
    let mut all = CommitCounts::read_all(&folder(log));
    all.retain(|(id, _)| is_alive(log, *id));
    all
}

/// Removes the lock files of dead instances, whose open activities must have been reaped before.
pub(crate) fn remove_dead_lock_files(log: &Path) {
    let Ok(files) = fs::read_dir(folder(log)) else {
        return;
    };
    for path in files.filter_map(|file| Some(file.ok()?.path())) {
        let name = path.file_name().and_then(|name| name.to_str());
        let (id, kind) = name
            .and_then(|name| name.split_once('.'))
            .unwrap_or_default();
        let id = id.parse::<InstanceId>();
        let is_dead = match (id, kind) {
            (Ok(id), "lock") => !is_alive(log, id),
            // Its process died before it was locked, or before it had its name.
            (Ok(_), TEMPORARY_EXTENSION) => {
                is_past_grace_period(&path) && is_held(&path) == Some(false)
            }
            // Its process died while writing it.
            _ => {
                name.is_some_and(|name| name.starts_with(TotalCounts::TEMPORARY))
                    && is_past_grace_period(&path)
            }
        };
        if is_dead {
            // If that fails, the next writer finds it dead again.
            let _ = fs::remove_file(path);
        }
    }
}

fn path_of(log: &Path, id: InstanceId) -> PathBuf {
    folder(log).join(format!("{id}.lock"))
}

/// Returns the folder of the lock files.
pub(crate) fn folder(log: &Path) -> PathBuf {
    beside(log, "-instances")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> InstanceId {
        InstanceId::from_parts(1_700_000_000_000_000, 7)
    }

    #[test]
    fn an_instance_lives_as_long_as_it_holds_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("activity.db");
        assert!(!is_alive(&log, id()), "never opened");
        let lock = InstanceLock::acquire(&log, id()).unwrap();
        assert!(is_alive(&log, id()));
        assert!(is_alive(&log, id()), "the check does not release it");
        lock.release();
        assert!(!is_alive(&log, id()));
    }

    #[test]
    fn an_instance_whose_lock_file_is_not_locked_is_dead() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("activity.db");
        let lock = InstanceLock::acquire(&log, id()).unwrap();
        let path = lock.path.clone();
        lock.release();
        File::create(path).unwrap();
        assert!(!is_alive(&log, id()));
        assert!(is_dead(&log, id()));
    }

    #[test]
    fn a_temporary_lock_file_is_removed_when_its_process_is_dead() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("activity.db");
        let lock = InstanceLock::acquire(&log, id()).unwrap();
        let named = |number: u64| {
            // The last two bits are not a part of an id.
            let id = InstanceId::from_parts(1_700_000_000_000_000, number << 2);
            path_of(&log, id).with_extension(TEMPORARY_EXTENSION)
        };
        let (dead, living, new) = (named(1), named(2), named(3));
        let foreign = super::folder(&log).join("notes.new");
        let held = [&dead, &living, &foreign].map(|path| {
            let file = File::create(path).unwrap();
            let long_ago = SystemTime::now() - 2 * GRACE_PERIOD;
            file.set_modified(long_ago).unwrap();
            file
        });
        held[1].try_lock().unwrap();
        File::create(&new).unwrap();
        remove_dead_lock_files(&log);
        let left = [&dead, &living, &foreign, &new].map(|path| path.exists());
        assert_eq!(left, [false, true, true, true]);
        assert!(is_alive(&log, id()));
        drop((lock, held));
    }

    #[test]
    fn an_instance_whose_lock_file_was_removed_is_not_dead_at_once_and_recreates_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("activity.db");
        let mut lock = InstanceLock::acquire(&log, id()).unwrap();
        fs::remove_dir_all(super::folder(&log)).unwrap();
        assert!(!is_dead(&log, id()));
        lock.recreate_if_missing().unwrap();
        assert!(is_alive(&log, id()));
        assert!(!is_dead(&log, id()));
    }
}
