//! The server's process, and the threads that pass its streams on.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    process::{Child, ChildStderr, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tower_activity::mcp::Tap;

use super::status::Ended;
use crate::{failure::Failure, print::safe};

/// What is read at once.
const BUFFER: usize = 64 << 10;
/// The longest line of the server's log that is recorded.
const LONGEST_LINE: usize = 8 << 10;
/// After the server's end, how long its streams may be silent while another process keeps them open.
const SILENCE: Duration = Duration::from_millis(500);

/// A server that runs.
pub(super) struct Running(Child);

impl Running {
    /// Starts the server.
    pub(super) fn start(command: &[OsString]) -> Result<Self, Failure> {
        let (program, arguments) = command.split_first().ok_or_else(|| {
            Failure::Usage(String::from("name the command of a server after `--`"))
        })?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        child.map(Running).map_err(|cause| {
            anstream::eprintln!(
                "activity: cannot start {}: {cause}",
                safe::line(&program.to_string_lossy())
            );
            // As a shell's.
            Failure::Exited(match cause.kind() {
                io::ErrorKind::NotFound => 127,
                _ => 126,
            })
        })
    }

    /// Passes on all three streams until the server has ended.
    pub(super) fn pass_on(self, tap: &Tap) -> io::Result<Ended> {
        let Running(mut child) = self;
        let is_closed = Arc::new(AtomicBool::new(false));
        forward_signals(&child, &is_closed)?;
        // Taken once, just here.
        let mut input = child.stdin.take().expect("the input is a pipe");
        let mut output = child.stdout.take().expect("the output is a pipe");
        let errors = child.stderr.take().expect("the errors are a pipe");

        let mut reader = tap.client_reader();
        let by_client = is_closed.clone();
        // Ends with the process: it may wait for a client that sends nothing.
        spawn("proxy-client", move || {
            let read = |bytes: &[u8]| reader.read(bytes);
            copy(&mut io::stdin().lock(), &mut input, read);
            by_client.store(true, Relaxed);
        })?;
        let passed = Arc::new(AtomicU64::new(0));
        let count = passed.clone();
        let mut reader = tap.server_reader();
        let by_client = is_closed.clone();
        let output = spawn("proxy-server", move || {
            let ended = copy(&mut output, &mut io::stdout().lock(), |bytes| {
                count.fetch_add(1, Relaxed);
                reader.read(bytes);
            });
            if ended == CopyEnd::Output {
                by_client.store(true, Relaxed);
            }
        })?;
        let errors = pass_errors(errors, tap.clone(), passed.clone())?;

        let status = child.wait()?;
        // A process that it has started may go on writing.
        wait_for([output, errors], &passed);
        Ok(Ended::new(status, is_closed.load(Relaxed)))
    }
}

/// Why copying has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CopyEnd {
    Input,
    Output,
}

/// Passes bytes on as they are, after showing them to `read`.
fn copy(from: &mut impl Read, to: &mut impl Write, mut read: impl FnMut(&[u8])) -> CopyEnd {
    let mut buffer = vec![0; BUFFER];
    loop {
        let bytes = match from.read(&mut buffer) {
            Ok(0) => return CopyEnd::Input,
            Ok(length) => &buffer[..length],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return CopyEnd::Input,
        };
        read(bytes);
        if to.write_all(bytes).and_then(|()| to.flush()).is_err() {
            return CopyEnd::Output;
        }
    }
}

/// Passes the server's errors on, and records their lines.
fn pass_errors(
    mut errors: ChildStderr,
    tap: Tap,
    passed: Arc<AtomicU64>,
) -> io::Result<JoinHandle<()>> {
    spawn("proxy-errors", move || {
        let mut line = Vec::new();
        copy(&mut errors, &mut io::stderr().lock(), |bytes| {
            passed.fetch_add(1, Relaxed);
            for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                let room = LONGEST_LINE.saturating_sub(line.len());
                line.extend_from_slice(&part[..room.min(part.len())]);
                if part.ends_with(b"\n") {
                    let text = String::from_utf8_lossy(&line);
                    let text = text.trim();
                    if !text.is_empty() {
                        tap.log_line(text);
                    }
                    line.clear();
                }
            }
        });
    })
}

/// Waits for both threads, unless their streams are silent.
fn wait_for(threads: [JoinHandle<()>; 2], passed: &AtomicU64) {
    let mut before = None;
    while threads.iter().any(|thread| !thread.is_finished()) {
        let now = passed.load(Relaxed);
        if before == Some(now) {
            return;
        }
        before = Some(now);
        for _ in 0..50 {
            if threads.iter().all(JoinHandle::is_finished) {
                return;
            }
            thread::sleep(SILENCE / 50);
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.into()).spawn(work)
}

/// Passes signals on to the server, whose end is then ours.
#[cfg(unix)]
fn forward_signals(child: &Child, is_closed: &Arc<AtomicBool>) -> io::Result<()> {
    use std::io::IsTerminal;

    use rustix::process::{Pid, Signal, kill_process};
    use signal_hook::{consts::signal, iterator::Signals};

    // A terminal sends these to all of its processes.
    let by_terminal = [
        (signal::SIGINT, Signal::INT),
        (signal::SIGQUIT, Signal::QUIT),
    ];
    let is_terminal = io::stdin().is_terminal();
    let others = [
        (signal::SIGTERM, Signal::TERM),
        (signal::SIGHUP, Signal::HUP),
        (signal::SIGUSR1, Signal::USR1),
        (signal::SIGUSR2, Signal::USR2),
    ];
    let all = by_terminal.into_iter().chain(others);
    let mut signals = Signals::new(all.clone().map(|(number, _)| number))?;
    let pid = Pid::from_child(child);
    let is_closed = is_closed.clone();
    spawn("proxy-signals", move || {
        for number in signals.forever() {
            is_closed.store(true, Relaxed);
            let is_sent = is_terminal && by_terminal.iter().any(|(one, _)| *one == number);
            let found = all.clone().find(|(one, _)| *one == number);
            if let (Some((_, signal)), false) = (found, is_sent) {
                // It may have ended.
                let _ = kill_process(pid, signal);
            }
        }
    })?;
    Ok(())
}

#[cfg(not(unix))]
fn forward_signals(_: &Child, _: &Arc<AtomicBool>) -> io::Result<()> {
    Ok(())
}
