//! Files that commands write: for their owner alone, as what is in the log is.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// The files of a log: none is an output.
const FILES: [&str; 7] = [
    "",
    "-wal",
    "-shm",
    "-webhooks",
    "-webhooks-wal",
    "-webhooks-shm",
    "-webhooks.lock",
];

/// Refuses an output that is a file of the log that is read: opening it would empty the log.
///
/// # Errors
///
/// When it is one, by whatever name.
pub(crate) fn check(output: &Path, store: &str) -> Result<(), Failure> {
    let is_file = FILES.iter().any(|suffix| {
        let file = PathBuf::from(format!("{store}{suffix}"));
        is_same(output, &file)
    });
    let locks = PathBuf::from(format!("{store}-instances"));
    let is_lock = output
        .parent()
        .is_some_and(|folder| is_same(folder, &locks));
    if is_file || is_lock {
        return Err(Failure::Usage(format!(
            "cannot write to {}: it is a file of the log {store} itself; choose another name",
            output.display()
        )));
    }
    Ok(())
}

/// True where two names are of one file.
fn is_same(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let id = |path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
        matches!((id(one), id(other)), (Ok(one), Ok(other)) if one == other)
    }
    #[cfg(not(unix))]
    {
        let real = |path| fs::canonicalize(path).ok();
        real(one).is_some() && real(one) == real(other)
    }
}

/// Makes a file, or empties the one that is there.
///
/// # Errors
///
/// When it cannot be written.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    private().truncate(true).open(path)
}

/// Opens a file to write at its end, and makes it where there is none.
///
/// # Errors
///
/// When it cannot be written.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    private().append(true).open(path)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
