//! Waits, while opening, until a live instance has noticed that its files were changed.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{
    connection, lock,
    lock_counts::CommitCounts,
    side_files::{FileIds, FileStats},
};
use crate::{
    error::{Error, ErrorKind, Result},
    record::InstanceId,
};

const TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);
/// Size of the main file until its schema is committed.
const FIRST_PAGE: u64 = 8_192;

/// Waits until a live instance has recreated side files that were removed. Until then a part of its commits is in a file
/// without a name.
///
/// # Errors
///
/// If it has not done so within the timeout.
pub(super) fn wait_for_side_files(path: &Path, own: Option<InstanceId>) -> Result<()> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let ids = FileStats::read(path).ids;
        if ids.main.is_none() || (ids.wal.is_some() && ids.shm.is_some()) {
            return Ok(());
        }
        let unsaved = |(id, counts): &(_, CommitCounts)| Some(*id) != own && !counts.checkpointed;
        if !lock::live_instances(path).iter().any(unsaved) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let what = format!(
                "cannot open the store {}: its -wal or -shm file was removed while another process has it open, \
                 and that process has not recreated it: check whether it hangs",
                path.display()
            );
            return Err(Error::new(ErrorKind::Busy, what));
        }
        thread::sleep(PAUSE);
    }
}

/// Opens a file for reading, waiting while a live writer is creating it: after its file was taken away, a writer creates a
/// new one, which is empty at first.
pub(super) fn open_to_read(path: &Path, known: Option<FileIds>) -> Result<Connection> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        match connection::open_to_read(path, known) {
            Err(error)
                if error.kind() == ErrorKind::NotAStore
                    && fs::metadata(path).is_ok_and(|main| main.len() <= FIRST_PAGE)
                    && Instant::now() < deadline
                    && !lock::live_instances(path).is_empty() => {}
            opened => return opened,
        }
        thread::sleep(PAUSE);
    }
}
