//! Network file systems, on which a log would be damaged sooner or later.
//!
//! SQLite's write-ahead log needs memory that all its users share, so that all have to be on one machine
//! (<https://sqlite.org/wal.html>, "Overview"), and locks that hold (<https://sqlite.org/howtocorrupt.html>,
//! "Filesystems with broken or missing lock implementations").

#[cfg(not(target_os = "macos"))]
mod mountinfo;
#[cfg(target_os = "macos")]
mod statfs;

use std::path::Path;

#[cfg(not(target_os = "macos"))]
use self::mountinfo::network;
#[cfg(target_os = "macos")]
use self::statfs::network;
use crate::{
    error::{Error, ErrorKind, Result},
    store::real,
};

/// Refuses a file on a network file system. Where the system does not tell, nothing is refused.
pub(super) fn check(path: &Path) -> Result<()> {
    // First, because it has mounted what an automounter mounts on use.
    let place = real(path);
    let Some(found) = network(&place) else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::Store,
        format!(
            "cannot open the log {}: it is on a network file system ({found}), where SQLite loses data: \
             keep it on a disk of this machine",
            path.display()
        ),
    ))
}
