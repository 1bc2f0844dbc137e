//! Refuses network file systems, on which a database gets corrupted sooner or later.
//!
//! SQLite's WAL mode needs memory that all processes share, so all of them must run on one machine
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
    store::canonical_path,
};

/// Refuses a file on a network file system. If the system cannot tell, nothing is refused.
pub(super) fn check(path: &Path) -> Result<()> {
    // First, because it triggers automounters.
    let place = canonical_path(path);
    let Some(found) = network(&place) else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::Store,
        format!(
            "cannot open the store {}: it is on a network file system ({found}), where SQLite loses data: \
             keep it on a disk of this machine",
            path.display()
        ),
    ))
}
