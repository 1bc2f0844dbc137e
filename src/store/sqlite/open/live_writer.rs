//! What an opening waits for: that a living instance has noticed what was done to its files.

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
/// The main file until its schema is committed.
const FIRST_PAGE: u64 = 8_192;

/// Waits where somebody has removed the side files of a living instance: until that has noticed, a part of what it
/// has committed is in a file without a name.
pub(super) fn wait_for_side_files(path: &Path, own: Option<InstanceId>) -> Result<()> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let ids = FileStats::read(path).ids;
        if ids.main.is_none() || (ids.wal.is_some() && ids.shm.is_some()) {
            return Ok(());
        }
        let unsaved = |(id, said): &(_, CommitCounts)| Some(*id) != own && !said.checkpointed;
        if !lock::live_instances(path).iter().any(unsaved) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let what = format!(
                "cannot open the log {}: its -wal or -shm file was removed while another process has it open, \
                 and that process has not made them anew: look whether it hangs",
                path.display()
            );
            return Err(Error::new(ErrorKind::Busy, what));
        }
        thread::sleep(PAUSE);
    }
}

/// Opens it to read. A writer whose file was taken from it makes the next one, which is empty until that is done.
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
