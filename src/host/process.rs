//! Process groups: a process and its children.

use std::{
    io,
    process::{ExitStatus, Output, Stdio},
    time::Duration,
};

#[cfg(unix)]
use tokio::time;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    try_join,
};

/// Interval between checks whether the process has exited.
#[cfg(unix)]
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Maximum output of a command in bytes. All of it is held in memory, although only one line is used.
const MAX_OUTPUT: u64 = 16 << 20;

/// A process that leads its own group. Dropping it before the process was waited for kills the group.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
}

impl Process {
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        #[cfg(unix)]
        command.process_group(0);
        let child = command.stdin(Stdio::null()).kill_on_drop(true).spawn()?;
        Ok(Process { child })
    }

    /// Runs a command until it exits and its output is closed. Its background processes keep running, unless the future
    /// is dropped.
    pub(super) async fn output(command: &mut Command) -> io::Result<Output> {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::spawn(command)?;
        let (stdout, stderr) = (process.child.stdout.take(), process.child.stderr.take());
        let (stdout, stderr) = read_output(stdout, stderr).await?;
        let status = process.child.wait().await?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }

    /// Returns the PID, until the process was waited for.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Returns whether the process itself is running. Does not reap it, so that neither its PID nor its group's is
    /// reused.
    #[cfg(unix)]
    pub(super) fn is_alive(&self) -> io::Result<bool> {
        use rustix::process::{WaitId, WaitIdOptions, waitid};

        let Some(pid) = self.group() else {
            return Ok(false);
        };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(pid), options)?.is_none())
    }

    #[cfg(not(unix))]
    pub(super) fn is_alive(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Sends SIGTERM to the group, and SIGKILL once the process itself has exited or `grace` is over.
    #[cfg(unix)]
    pub(super) async fn terminate(&mut self, grace: Duration) -> io::Result<ExitStatus> {
        use rustix::process::Signal;

        self.signal(Signal::TERM)?;
        let exited = async {
            while self.is_alive()? {
                time::sleep(POLL_INTERVAL).await;
            }
            Ok::<_, io::Error>(())
        };
        if let Ok(result) = time::timeout(grace, exited).await {
            result?;
        }
        self.signal(Signal::KILL)?;
        self.child.wait().await
    }

    #[cfg(not(unix))]
    pub(super) async fn terminate(&mut self, _grace: Duration) -> io::Result<ExitStatus> {
        self.child.start_kill()?;
        self.child.wait().await
    }

    /// Sends a signal to the group. Does nothing once the process was waited for.
    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) -> io::Result<()> {
        let sent = self
            .group()
            .map(|group| rustix::process::kill_process_group(group, signal));
        match sent {
            // Some systems return an error if no process of the group is left.
            Some(Err(error)) if self.is_alive()? => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Returns the ID of the group, which is the PID of its leader. It is not reused until the process was waited for.
    #[cfg(unix)]
    fn group(&self) -> Option<rustix::process::Pid> {
        let pid = self.pid().and_then(|pid| i32::try_from(pid).ok());
        pid.and_then(rustix::process::Pid::from_raw)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        #[cfg(unix)]
        {
            // Ignored: the group has exited already.
            let _ = self.signal(rustix::process::Signal::KILL);
        }
    }
}

/// Reads the output of a command until both streams are closed.
pub(super) async fn read_output(
    stdout: Option<impl AsyncRead + Unpin>,
    stderr: Option<impl AsyncRead + Unpin>,
) -> io::Result<(Vec<u8>, Vec<u8>)> {
    try_join!(read(stdout), read(stderr))
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if let Some(stream) = stream {
        stream.take(MAX_OUTPUT).read_to_end(&mut text).await?;
    }
    match text.len() as u64 >= MAX_OUTPUT {
        true => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("output exceeds {} MiB", MAX_OUTPUT >> 20),
        )),
        false => Ok(text),
    }
}
