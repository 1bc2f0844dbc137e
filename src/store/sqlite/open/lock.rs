//! Which instances are alive: each holds a lock that the kernel releases when its process dies.

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

/// How long the lock file of an instance may be missing before the instance is taken for dead: a living one makes it
/// anew within seconds.
const GRACE_PERIOD: Duration = Duration::from_secs(30);

/// What the name of a lock file ends with until it is locked.
const TEMPORARY_EXTENSION: &str = "new";

/// The lock of one instance, in the folder beside its log.
#[derive(Debug)]
pub(crate) struct InstanceLock {
    file: File,
    path: PathBuf,
    /// Which file it is; another may stand under its name when this one was removed.
    identity: Option<FileId>,
    written: CommitCounts,
}

impl InstanceLock {
    /// Takes the lock of an instance beside the log.
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

    /// Makes the lock file anew where somebody has removed or replaced it.
    pub(crate) fn recreate_if_missing(&mut self) -> io::Result<()> {
        let found = identity(&self.path);
        if found.is_some() && found == self.identity {
            return Ok(());
        }
        if found.is_none() && self.identity.is_none() && self.path.exists() {
            // The system has no numbers for files, and keeps open ones from being removed.
            return Ok(());
        }
        let file = lock(&self.path)?;
        self.written.write(&file)?;
        self.identity = identity(&self.path);
        self.file = file;
        Ok(())
    }

    /// Says how much the instance has committed.
    pub(crate) fn write(&mut self, committed: CommitCounts) -> io::Result<()> {
        if self.written != committed {
            committed.write(&self.file)?;
            self.written = committed;
        }
        Ok(())
    }

    /// Removes the lock file: the instance has ended in good order.
    pub(crate) fn release(self) {
        if identity(&self.path) == self.identity {
            // What is left of it is found dead, and removed, by the next writer.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes a lock file that is locked before it has its name: nobody ever sees it unlocked while its process lives.
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

/// True while the process of this instance lives.
pub(crate) fn is_alive(log: &Path, id: InstanceId) -> bool {
    is_held(&path_of(log, id)).unwrap_or(false)
}

/// True when the process of this instance is known to have ended. Where somebody has removed its lock file nothing is
/// known for some time, in which a living one makes it anew.
pub(crate) fn is_dead(log: &Path, id: InstanceId) -> bool {
    let path = path_of(log, id);
    let missing = path.with_extension("missing");
    match is_held(&path) {
        Some(held) => {
            // It was made anew, or never missing.
            let _ = fs::remove_file(missing);
            !held
        }
        None => {
            match missing.exists() {
                true => is_past_grace_period(&missing),
                false => {
                    // Where it cannot be noted down, the instance is looked at again later.
                    let _ = create_missing_marker(&missing);
                    false
                }
            }
        }
    }
}

/// Whether a lock file is held; `None` where there is none. One that cannot be read counts as held: an activity is never
/// called abandoned for that.
pub(crate) fn is_held(path: &Path) -> Option<bool> {
    match File::open(path) {
        Ok(file) => Some(file.try_lock_shared().is_err()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(_) => Some(true),
    }
}

/// Makes the folder of a lock file, for its owner alone.
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

/// True when a file was last changed longer ago than a living process would leave it.
fn is_past_grace_period(path: &Path) -> bool {
    let since = fs::metadata(path).and_then(|found| found.modified());
    let age = since.map(|since| SystemTime::now().duration_since(since));
    matches!(age, Ok(Ok(age)) if age >= GRACE_PERIOD)
}

fn create_missing_marker(path: &Path) -> io::Result<()> {
    make_folder(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// The living instances of a log, with what each has committed.
pub(crate) fn live_instances(log: &Path) -> Vec<(InstanceId, CommitCounts)> {
    let mut all = CommitCounts::read_all(&folder(log));
    all.retain(|(id, _)| is_alive(log, *id));
    all
}

/// Removes the lock files of the dead. Their open activities must have been written as abandoned before.
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
            // Its process died between making and locking it, or before it had its name.
            (Ok(_), TEMPORARY_EXTENSION) => {
                is_past_grace_period(&path) && is_held(&path) == Some(false)
            }
            // Its writer died while it was written.
            _ => {
                name.is_some_and(|name| name.starts_with(TotalCounts::TEMPORARY))
                    && is_past_grace_period(&path)
            }
        };
        if is_dead {
            // What could not be removed is found dead again by the next writer.
            let _ = fs::remove_file(path);
        }
    }
}

fn path_of(log: &Path, id: InstanceId) -> PathBuf {
    folder(log).join(format!("{id}.lock"))
}

/// The folder of the instances' locks.
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
        assert!(is_alive(&log, id()), "asking does not end it");
        lock.release();
        assert!(!is_alive(&log, id()));
    }

    #[test]
    fn a_lock_file_that_nobody_holds_is_dead() {
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
    fn a_lock_file_without_its_name_is_removed_when_its_process_is_dead() {
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
    fn an_instance_whose_lock_file_was_removed_is_not_called_dead_at_once_and_makes_it_anew() {
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
