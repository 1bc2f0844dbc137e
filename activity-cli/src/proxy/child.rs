//! The server's process, and the threads that pass its streams on.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    process::{Child, ChildStderr, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tower_activity::mcp::{Tap, TapRewriter};

use super::{signals::Signals, status::Ended};
use crate::{failure::Failure, print::safe};

/// Size of the read buffer.
const BUFFER: usize = 64 << 10;
/// The longest line of the server's log that is recorded.
const LONGEST_LINE: usize = 8 << 10;
/// After the server's end, how long its streams may be silent while another process keeps them open.
const SILENCE: Duration = Duration::from_millis(500);

/// A server that runs.
pub(super) struct Running {
    child: Child,
    /// True once the client has closed the connection, or asked for the end.
    is_closed: Arc<AtomicBool>,
}

impl Running {
    /// Starts the server.
    pub(super) fn start(command: &[OsString]) -> Result<Self, Failure> {
        let (program, arguments) = command.split_first().ok_or_else(|| {
            Failure::Usage(String::from("name the command of a server after `--`"))
        })?;
        // Before there is a server: one that comes at once is for it, too.
        let signals = Signals::register()?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let child = child.map_err(|cause| {
            anstream::eprintln!(
                "activity: cannot start {}: {cause}",
                safe::line(&program.to_string_lossy())
            );
            // As a shell's.
            Failure::Exited(match cause.kind() {
                io::ErrorKind::NotFound => 127,
                _ => 126,
            })
        })?;
        let is_closed = Arc::new(AtomicBool::new(false));
        signals.forward(&child, &is_closed)?;
        Ok(Running { child, is_closed })
    }

    /// Passes on all three streams until the server has ended.
    pub(super) fn pass_on(self, tap: &Tap) -> io::Result<Ended> {
        let Running {
            mut child,
            is_closed,
        } = self;
        // Taken once, just here.
        let mut input = child.stdin.take().expect("the input is a pipe");
        let mut output = child.stdout.take().expect("the output is a pipe");
        let errors = child.stderr.take().expect("the errors are a pipe");

        let client = Arc::new(ClientOutput::new(tap));
        let mut rewriter = tap.client_rewriter();
        let (by_client, answers) = (is_closed.clone(), client.clone());
        // Ends with the process: it may wait for a client that sends nothing.
        spawn("proxy-client", move || {
            let mut passed = Vec::new();
            let mut pass = |bytes: Option<&[u8]>| -> io::Result<()> {
                passed.clear();
                match bytes {
                    Some(bytes) => rewriter.read(bytes, &mut passed),
                    None => rewriter.finish(&mut passed),
                }
                input.write_all(&passed)?;
                input.flush()?;
                answers.send_answers();
                Ok(())
            };
            let copied = copy(&mut io::stdin().lock(), &Progress::default(), &mut pass);
            // Otherwise the server has closed its input.
            by_client.fetch_or(copied == CopyEnd::Input, Relaxed);
        })?;
        let by_client = is_closed.clone();
        let output = Stream::spawn("proxy-server", move |progress| {
            let copied = copy(&mut output, progress, |bytes| client.pass(bytes));
            // The client does not read any more.
            by_client.fetch_or(copied == CopyEnd::Output, Relaxed);
        })?;
        let tap = tap.clone();
        let errors = Stream::spawn("proxy-errors", move |progress| {
            pass_errors(errors, &tap, progress);
        })?;

        let status = child.wait()?;
        // A process that it has started may go on writing.
        [output, errors].iter().for_each(Stream::wait);
        Ok(Ended::new(status, is_closed.load(Relaxed)))
    }
}

/// A thread that passes a stream on.
struct Stream {
    thread: JoinHandle<()>,
    progress: Arc<Progress>,
}

/// The number of reads and writes of a stream: odd while bytes are being written.
#[derive(Debug, Default)]
struct Progress(AtomicU64);

impl Stream {
    fn spawn(name: &str, work: impl FnOnce(&Progress) + Send + 'static) -> io::Result<Self> {
        let progress = Arc::new(Progress::default());
        let of_thread = progress.clone();
        let thread = spawn(name, move || work(&of_thread))?;
        Ok(Stream { thread, progress })
    }

    /// Waits for its end, or for its silence. What was read is written, however long the client takes.
    fn wait(&self) {
        let mut before = None;
        while !self.thread.is_finished() {
            let now = self.progress.0.load(Relaxed);
            if before == Some(now) && now.is_multiple_of(2) {
                return;
            }
            before = Some(now);
            for _ in 0..50 {
                if self.thread.is_finished() {
                    return;
                }
                thread::sleep(SILENCE / 50);
            }
        }
    }
}

/// Why copying has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CopyEnd {
    Input,
    Output,
}

/// What the client reads: what the server sends, and answers that do not come from it, between two lines.
struct ClientOutput {
    tap: Tap,
    rewriter: Mutex<TapRewriter>,
}

impl ClientOutput {
    fn new(tap: &Tap) -> Self {
        ClientOutput {
            tap: tap.clone(),
            rewriter: Mutex::new(tap.server_rewriter()),
        }
    }

    /// Passes on what the server sends; `None` at its end.
    fn pass(&self, bytes: Option<&[u8]>) -> io::Result<()> {
        let mut rewriter = self.rewriter.lock().unwrap_or_else(PoisonError::into_inner);
        let mut passed = Vec::with_capacity(bytes.map_or(0, <[u8]>::len));
        match bytes {
            Some(bytes) => rewriter.read(bytes, &mut passed),
            None => rewriter.finish(&mut passed),
        }
        write(&passed)?;
        drop(rewriter);
        self.send_answers();
        Ok(())
    }

    /// Sends the answers that wait. Where another thread writes, that one sends them afterwards: a client that is not reading holds
    /// up no other bytes.
    fn send_answers(&self) {
        while self.tap.has_answers() {
            let Ok(mut rewriter) = self.rewriter.try_lock() else {
                return;
            };
            let mut answers = Vec::new();
            rewriter.answers(&mut answers);
            // In the middle of a line they wait for its end. A client that is gone is noticed by what the server sends.
            if answers.is_empty() || write(&answers).is_err() {
                return;
            }
        }
    }
}

fn write(bytes: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(bytes)?;
    output.flush()
}

/// Passes on bytes as they come, and `None` at their end.
fn copy(
    from: &mut impl Read,
    progress: &Progress,
    mut pass: impl FnMut(Option<&[u8]>) -> io::Result<()>,
) -> CopyEnd {
    let mut buffer = vec![0; BUFFER];
    loop {
        let bytes = match from.read(&mut buffer) {
            Ok(0) => None,
            Ok(length) => Some(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => None,
        };
        progress.0.fetch_add(1, Relaxed);
        let passed = pass(bytes);
        progress.0.fetch_add(1, Relaxed);
        match (bytes, passed) {
            // All that was read has been passed on before.
            (None, _) => return CopyEnd::Input,
            (Some(_), Err(_)) => return CopyEnd::Output,
            (Some(_), Ok(())) => {}
        }
    }
}

/// Passes the server's errors on, and records their lines.
fn pass_errors(mut errors: ChildStderr, tap: &Tap, progress: &Progress) {
    let mut line = Vec::new();
    let log = |line: &mut Vec<u8>| {
        let text = String::from_utf8_lossy(line);
        if !text.trim().is_empty() {
            tap.log_line(text.trim());
        }
        line.clear();
    };
    copy(&mut errors, progress, |bytes| {
        let bytes = bytes.unwrap_or_default();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LONGEST_LINE.saturating_sub(line.len());
            line.extend_from_slice(&part[..room.min(part.len())]);
            if part.ends_with(b"\n") {
                log(&mut line);
            }
        }
        let mut output = io::stderr();
        output.write_all(bytes)?;
        output.flush()
    });
    log(&mut line);
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.into()).spawn(work)
}
