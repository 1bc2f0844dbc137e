//! Lock files of threads that only one process of those that share a store may run.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::Path,
};

use crate::error::{Error, Result};

/// Takes a lock; `None` while another process holds it. The kernel releases it when that dies.
pub(crate) fn try_lock(path: &Path) -> Result<Option<File>> {
    let failed = |cause: io::Error| {
        let what = format!("could not lock {}", path.display());
        Error::store(what).with_source(cause)
    };
    let file = open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

/// Opens the lock file, accessible to its owner only: anyone who can open it could block the thread.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Earlier versions created it with the mode of the umask.
        if file.metadata()?.permissions().mode() & 0o777 != 0o600 {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(file)
}
