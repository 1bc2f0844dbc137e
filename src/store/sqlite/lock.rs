//! Who lives: every open log holds a lock that the kernel takes back when its process dies.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

use crate::{record::InstanceId, store::sqlite::process::Connected};

/// The lock of one open log.
#[derive(Debug)]
pub(crate) struct InstanceLock {
    /// Which file it is; another may stand under its name when this one was removed.
    identity: Option<(u64, u64)>,
    _file: File,
    path: PathBuf,
    /// The connection of the writer that lives with it.
    _connected: Connected,
}

impl InstanceLock {
    /// Takes the lock of an instance beside the store.
    fn take(store: &Path, id: InstanceId) -> io::Result<Self> {
        let connected = Connected::to(store).map_err(io::Error::other)?;
        let folder = folder(store);
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        let path = folder.join(format!("{id}.lock"));
        // Locked before it has its name: nobody ever sees it unlocked while its process lives.
        let unnamed = folder.join(format!("{id}.new"));
        let file = File::create(&unnamed)?;
        file.try_lock().map_err(io::Error::other)?;
        fs::rename(&unnamed, &path)?;
        Ok(InstanceLock {
            identity: identity(&path),
            _file: file,
            path,
            _connected: connected,
        })
    }
}

/// The lock of a store's instance, shared by a writer and the one that replaces it after a failure: in
/// between nobody may find the instance dead.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedLock(Arc<Mutex<HashMap<InstanceId, Weak<InstanceLock>>>>);

impl SharedLock {
    /// The lock of this instance, taken where nobody holds it yet.
    pub(crate) fn take(&self, store: &Path, id: InstanceId) -> io::Result<Arc<InstanceLock>> {
        let mut held = self.0.lock();
        if let Some(lock) = held.get(&id).and_then(Weak::upgrade)
            && identity(&lock.path) == lock.identity
        {
            return Ok(lock);
        }
        let lock = Arc::new(InstanceLock::take(store, id)?);
        held.retain(|_, lock| lock.strong_count() > 0);
        held.insert(id, Arc::downgrade(&lock));
        Ok(lock)
    }
}

impl Drop for InstanceLock {
    fn drop(&mut self) {
        if identity(&self.path) == self.identity {
            // What is left of it would only be found dead, and removed, by the next writer.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// True while the process of this instance lives.
pub(crate) fn alive(store: &Path, id: InstanceId) -> bool {
    let path = folder(store).join(format!("{id}.lock"));
    match File::open(path) {
        // In doubt it lives: an activity is never called abandoned because a file could not be read.
        Ok(file) => !matches!(file.try_lock_shared(), Ok(())),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Removes the lock files of the dead. Their open activities must have been written as abandoned before.
pub(crate) fn remove_dead(store: &Path) {
    let Ok(files) = fs::read_dir(folder(store)) else {
        return;
    };
    for path in files.filter_map(|file| Some(file.ok()?.path())) {
        let name = path.file_name().and_then(|name| name.to_str());
        let id = name.and_then(|name| name.strip_suffix(".lock")?.parse().ok());
        if id.is_some_and(|id| !alive(store, id)) {
            // What could not be removed is found dead again by the next writer.
            let _ = fs::remove_file(path);
        }
    }
}

/// The path of an existing store without links.
pub(crate) fn real(store: &Path) -> PathBuf {
    fs::canonicalize(store).unwrap_or_else(|_| store.to_owned())
}

/// Which file stands under a name: device and number. `None` where there is none, or the system has no numbers.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

fn folder(store: &Path) -> PathBuf {
    let mut folder = store.as_os_str().to_owned();
    folder.push("-instances");
    folder.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_lives_as_long_as_it_holds_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("activity.db");
        let id = InstanceId::from_parts(1_700_000_000_000_000, 7);
        assert!(!alive(&store, id), "never opened");
        let lock = InstanceLock::take(&store, id).unwrap();
        assert!(alive(&store, id));
        assert!(alive(&store, id), "asking does not end it");
        drop(lock);
        assert!(!alive(&store, id));
    }

    #[test]
    fn a_lock_file_that_nobody_holds_is_dead() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("activity.db");
        let id = InstanceId::from_parts(1_700_000_000_000_000, 7);
        let lock = InstanceLock::take(&store, id).unwrap();
        let path = lock.path.clone();
        drop(lock);
        File::create(path).unwrap();
        assert!(!alive(&store, id));
    }
}
