//! Output files of commands: readable by their owner only, like the log.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// The files of a log, by their suffix.
const LOG_FILES: [&str; 7] = [
    "",
    "-wal",
    "-shm",
    "-webhooks",
    "-webhooks-wal",
    "-webhooks-shm",
    "-webhooks.lock",
];

/// Refuses an output file that belongs to the log itself: opening it would truncate the log.
///
/// # Errors
///
/// If it is one, under any name.
pub(crate) fn check(output: &Path, store: &str) -> Result<(), Failure> {
    let is_log_file = LOG_FILES.iter().any(|suffix| {
        let file = PathBuf::from(format!("{store}{suffix}"));
        is_same(output, &file)
    });
    let locks = PathBuf::from(format!("{store}-instances"));
    let is_lock_file = output
        .parent()
        .is_some_and(|folder| is_same(folder, &locks));
    if is_log_file || is_lock_file {
        return Err(Failure::Usage(format!(
            "cannot write to {}: it belongs to the log {store}; use another name",
            output.display()
        )));
    }
    Ok(())
}

/// Returns true if two paths name the same file.
fn is_same(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let id = |path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
        matches!((id(one), id(other)), (Ok(one), Ok(other)) if one == other)
    }
    #[cfg(not(unix))]
    {
        let canonical = |path| fs::canonicalize(path).ok();
        canonical(one).is_some() && canonical(one) == canonical(other)
    }
}

/// Creates or truncates a file.
///
/// # Errors
///
/// If it cannot be opened for writing.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    options().truncate(true).open(path)
}

/// Opens a file for appending, or creates it.
///
/// # Errors
///
/// If it cannot be opened for writing.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    options().append(true).open(path)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
