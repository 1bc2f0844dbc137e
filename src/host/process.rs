//! A process, and with it those that it started.

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

/// How often a process that was asked to end is looked at.
#[cfg(unix)]
const LOOK: Duration = Duration::from_millis(10);

/// The most that a command may print, in bytes. It is kept in memory, and one line of it is used.
const MOST: u64 = 16 << 20;

/// A process that leads a group of its own, which is killed when this is dropped before the process was waited for.
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

    /// Runs a command to its end. What it leaves running is left, unless it is broken off.
    pub(super) async fn output(command: &mut Command) -> io::Result<Output> {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::spawn(command)?;
        let (stdout, stderr) = (process.child.stdout.take(), process.child.stderr.take());
        let (stdout, stderr) = printed(stdout, stderr).await?;
        let status = process.child.wait().await?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }

    /// Its number, until it was waited for.
    pub(super) fn number(&self) -> Option<u32> {
        self.child.id()
    }

    /// Whether the process itself runs. It is not waited for: its number stays its own, and so does that of its group.
    #[cfg(unix)]
    pub(super) fn is_alive(&self) -> io::Result<bool> {
        use rustix::process::{WaitId, WaitIdOptions, waitid};

        let Some(id) = self.id() else {
            return Ok(false);
        };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(id), look)?.is_none())
    }

    #[cfg(not(unix))]
    pub(super) fn is_alive(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Asks all of the group to end. Kills what is left of it once the process itself has ended, or the time is up.
    #[cfg(unix)]
    pub(super) async fn end(&mut self, grace: Duration) -> io::Result<ExitStatus> {
        use rustix::process::Signal;

        self.signal(Signal::TERM)?;
        let ended = async {
            while self.is_alive()? {
                time::sleep(LOOK).await;
            }
            Ok::<_, io::Error>(())
        };
        if let Ok(looked) = time::timeout(grace, ended).await {
            looked?;
        }
        self.signal(Signal::KILL)?;
        self.child.wait().await
    }

    #[cfg(not(unix))]
    pub(super) async fn end(&mut self, _grace: Duration) -> io::Result<ExitStatus> {
        self.child.start_kill()?;
        self.child.wait().await
    }

    /// Sends a signal to the group. Nothing happens once the process was waited for.
    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) -> io::Result<()> {
        let sent = self
            .id()
            .map(|group| rustix::process::kill_process_group(group, signal));
        match sent {
            // Some systems refuse where nobody is left to get it.
            Some(Err(error)) if self.is_alive()? => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Its number. While it has not been waited for, that is nobody else's.
    #[cfg(unix)]
    fn id(&self) -> Option<rustix::process::Pid> {
        let id = self.number().and_then(|id| i32::try_from(id).ok());
        id.and_then(rustix::process::Pid::from_raw)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        #[cfg(unix)]
        {
            // Where all of it has ended already there is nothing to do.
            let _ = self.signal(rustix::process::Signal::KILL);
        }
    }
}

/// Reads what a command prints, until nobody can print more.
pub(super) async fn printed(
    stdout: Option<impl AsyncRead + Unpin>,
    stderr: Option<impl AsyncRead + Unpin>,
) -> io::Result<(Vec<u8>, Vec<u8>)> {
    try_join!(read(stdout), read(stderr))
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if let Some(stream) = stream {
        stream.take(MOST).read_to_end(&mut text).await?;
    }
    match text.len() as u64 >= MOST {
        true => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it has printed more than {} MiB", MOST >> 20),
        )),
        false => Ok(text),
    }
}
