//! The process of a local host that this provider did not start: another did, in another program or before a crash.
//!
//! It is known by the number that was written when it was started, which counts for as long as somebody holds the lock
//! on its output. The process gets that lock with its output, and the kernel lets go of it with the last that has it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time;

use crate::{
    error::{Error, ErrorKind, Result},
    host::{blocking::blocking, failure::io_error},
};

/// What it prints, in the host's directory.
pub(super) const OUTPUT: &str = "output.log";

/// Where its number is written.
const NUMBER: &str = "process.id";

/// How often one that was asked to end is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// How long one that was killed may take to be gone.
const GONE: Duration = Duration::from_secs(5);

/// Locks the output that a process is about to be given.
pub(super) fn lock(output: &File) {
    #[cfg(unix)]
    {
        // Where it fails, nobody else finds the process, which runs all the same.
        let _ = output.try_lock();
    }
    // Elsewhere a lock would keep the process from writing.
    #[cfg(not(unix))]
    let _ = output;
}

/// Writes down the number of a process that was started.
pub(super) async fn note(directory: PathBuf, number: Option<u32>) -> Result<()> {
    blocking(move || {
        let path = directory.join(NUMBER);
        let line = format!("{}\n", number.unwrap_or_default());
        fs::write(&path, line).map_err(|cause| io_error(format!("cannot write {path:?}"), cause))
    })
    .await
}

/// Whether one runs in this directory.
pub(super) async fn runs(directory: PathBuf) -> Result<bool> {
    Ok(look(directory).await?.is_some())
}

/// Asks one that runs in this directory to end with all of its group, and kills what has not ended in time.
pub(super) async fn end(directory: PathBuf, grace: Duration) -> Result<()> {
    for (signal, patience) in [(Ask::End, grace), (Ask::Die, GONE)] {
        let Some(number) = look(directory.clone()).await? else {
            return Ok(());
        };
        send(number, signal);
        let gone = async {
            while runs(directory.clone()).await? {
                time::sleep(LOOK).await;
            }
            Ok(())
        };
        if let Ok(looked) = time::timeout(patience, gone).await {
            return looked;
        }
    }
    Err(Error::new(
        ErrorKind::Timeout,
        format!("cannot end the process in {directory:?}: it was killed and runs on"),
    ))
}

async fn look(directory: PathBuf) -> Result<Option<i32>> {
    blocking(move || {
        let found = find(&directory);
        found.map_err(|cause| {
            io_error(
                format!("cannot tell whether a process runs in {directory:?}"),
                cause,
            )
        })
    })
    .await
}

#[derive(Clone, Copy)]
enum Ask {
    End,
    Die,
}

#[cfg(unix)]
fn find(directory: &Path) -> io::Result<Option<i32>> {
    use rustix::process::{Pid, test_kill_process};

    let output = match File::open(directory.join(OUTPUT)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match output.try_lock_shared() {
        Ok(()) => return Ok(None),
        Err(fs::TryLockError::WouldBlock) => {}
        Err(fs::TryLockError::Error(error)) => return Err(error),
    }
    let text = match fs::read_to_string(directory.join(NUMBER)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let number = text.trim().parse().ok();
    // The lock may be held by one that it started and that left its group.
    Ok(number
        .filter(|number| Pid::from_raw(*number).is_some_and(|id| test_kill_process(id).is_ok())))
}

#[cfg(unix)]
fn send(number: i32, ask: Ask) {
    use rustix::process::{Pid, Signal, kill_process_group};

    let signal = match ask {
        Ask::End => Signal::TERM,
        Ask::Die => Signal::KILL,
    };
    if let Some(group) = Pid::from_raw(number) {
        // Where it has just ended there is nothing to do; where it may not be sent, it is found to run on.
        let _ = kill_process_group(group, signal);
    }
}

#[cfg(not(unix))]
fn find(_directory: &Path) -> io::Result<Option<i32>> {
    Ok(None)
}

#[cfg(not(unix))]
fn send(_number: i32, _ask: Ask) {}
