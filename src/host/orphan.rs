//! Finds and stops a host process left by another provider, in another program or before a crash.
//!
//! The process is identified by the PID written when it was started. That PID is valid while the lock on the output file
//! is held: the process inherits the lock with its output, and the kernel releases it when the last holder exits.

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

/// Output file of the process, in the host's directory.
pub(super) const OUTPUT: &str = "output.log";

/// File that contains the PID.
const PID_FILE: &str = "process.id";

/// Interval between checks whether the process has exited.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Timeout for the exit of a killed process.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// Locks the output file before it is passed to a process.
pub(super) fn lock_output(output: &File) {
    #[cfg(unix)]
    {
        // If it fails, the process runs, but other providers do not find it.
        let _ = output.try_lock();
    }
    // On other systems the lock would prevent the process from writing.
    #[cfg(not(unix))]
    let _ = output;
}

/// Writes the PID of a started process.
pub(super) async fn write_pid(directory: PathBuf, pid: Option<u32>) -> Result<()> {
    blocking(move || {
        let path = directory.join(PID_FILE);
        let line = format!("{}\n", pid.unwrap_or_default());
        fs::write(&path, line).map_err(|cause| io_error(format!("cannot write {path:?}"), cause))
    })
    .await
}

/// Returns whether a process of this host directory is running.
pub(super) async fn is_running(directory: PathBuf) -> Result<bool> {
    Ok(running_pid(directory).await?.is_some())
}

/// Terminates the process group of this host directory: SIGTERM, then SIGKILL after the grace period.
pub(super) async fn terminate(directory: PathBuf, grace: Duration) -> Result<()> {
    for (signal, timeout) in [(StopSignal::Term, grace), (StopSignal::Kill, KILL_TIMEOUT)] {
        let Some(pid) = running_pid(directory.clone()).await? else {
            return Ok(());
        };
        send(pid, signal);
        let exited = async {
            while is_running(directory.clone()).await? {
                time::sleep(POLL_INTERVAL).await;
            }
            Ok(())
        };
        if let Ok(result) = time::timeout(timeout, exited).await {
            return result;
        }
    }
    Err(Error::new(
        ErrorKind::Timeout,
        format!("cannot stop the process in {directory:?}: it is still running after SIGKILL"),
    ))
}

async fn running_pid(directory: PathBuf) -> Result<Option<i32>> {
    blocking(move || {
        let pid = find(&directory);
        pid.map_err(|cause| {
            io_error(
                format!("cannot check whether a process is running in {directory:?}"),
                cause,
            )
        })
    })
    .await
}

#[derive(Clone, Copy)]
enum StopSignal {
    Term,
    Kill,
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
    let text = match fs::read_to_string(directory.join(PID_FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let pid = text.trim().parse().ok();
    // The holder of the lock may be a child that left the process group.
    Ok(pid.filter(|pid| Pid::from_raw(*pid).is_some_and(|pid| test_kill_process(pid).is_ok())))
}

#[cfg(unix)]
fn send(pid: i32, signal: StopSignal) {
    use rustix::process::{Pid, Signal, kill_process_group};

    let signal = match signal {
        StopSignal::Term => Signal::TERM,
        StopSignal::Kill => Signal::KILL,
    };
    if let Some(group) = Pid::from_raw(pid) {
        // Ignored: either the group has exited, or the caller finds it still running.
        let _ = kill_process_group(group, signal);
    }
}

#[cfg(not(unix))]
fn find(_directory: &Path) -> io::Result<Option<i32>> {
    Ok(None)
}

#[cfg(not(unix))]
fn send(_pid: i32, _signal: StopSignal) {}
