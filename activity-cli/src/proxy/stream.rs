//! The streams of a server and its client, and the threads that pass them on.

use std::{
    io::{self, Read, Write},
    process::ChildStderr,
    sync::{
        Arc, Mutex, PoisonError, TryLockError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tower_activity::mcp::{Tap, TapReader, TapRewriter};

/// Size of the read buffer.
const BUFFER: usize = 64 << 10;
/// The longest line of the server's log that is recorded.
const LONGEST_LINE: usize = 8 << 10;
/// After the end of the server or of the connection, how long a stream may be silent while another process keeps it open.
const SILENCE: Duration = Duration::from_millis(500);

/// A thread that passes a stream on.
pub(super) struct Stream {
    thread: JoinHandle<()>,
    progress: Arc<Progress>,
}

/// The number of reads and writes of a stream: odd while bytes are being written.
#[derive(Debug, Default)]
pub(super) struct Progress(AtomicU64);

impl Stream {
    pub(super) fn spawn(
        name: &str,
        work: impl FnOnce(&Progress) + Send + 'static,
    ) -> io::Result<Self> {
        let progress = Arc::new(Progress::default());
        let of_thread = progress.clone();
        let thread = spawn(name, move || work(&of_thread))?;
        Ok(Stream { thread, progress })
    }

    /// Waits for its end, or for its silence. What was read is written, however long the client takes.
    pub(super) fn wait(&self) {
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

pub(super) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.into()).spawn(work)
}

/// Why copying has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyEnd {
    Input,
    Output,
}

/// Passes on bytes as they come, and `None` at their end.
pub(super) fn copy(
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

/// Records the messages of one side, and says what to pass on.
pub(super) enum Passing {
    /// All bytes as they are.
    Unchanged(TapReader),
    /// What a rewriter has returned.
    Changed(Box<TapRewriter>, Vec<u8>),
}

impl Passing {
    pub(super) fn of_client(tap: &Tap) -> Self {
        match tap.has_additions() {
            true => Passing::Changed(Box::new(tap.client_rewriter()), Vec::new()),
            false => Passing::Unchanged(tap.client_reader()),
        }
    }

    fn of_server(tap: &Tap) -> Self {
        match tap.has_additions() {
            true => Passing::Changed(Box::new(tap.server_rewriter()), Vec::new()),
            false => Passing::Unchanged(tap.server_reader()),
        }
    }

    /// Returns what to pass on of these bytes, and at the end of the stream what is left.
    pub(super) fn pass<'a>(&'a mut self, bytes: Option<&'a [u8]>) -> &'a [u8] {
        match self {
            Passing::Unchanged(reader) => {
                let bytes = bytes.unwrap_or_default();
                reader.read(bytes);
                bytes
            }
            Passing::Changed(rewriter, passed) => {
                passed.clear();
                match bytes {
                    Some(bytes) => rewriter.read(bytes, passed),
                    None => rewriter.finish(passed),
                }
                passed
            }
        }
    }
}

/// What the client reads: what the server sends, and answers that do not come from it, between two lines.
pub(super) struct ClientOutput {
    tap: Tap,
    writer: Mutex<ClientWriter>,
}

struct ClientWriter {
    passing: Passing,
    output: Box<dyn Write + Send>,
}

impl ClientOutput {
    pub(super) fn new(tap: &Tap) -> io::Result<Self> {
        let writer = ClientWriter {
            passing: Passing::of_server(tap),
            output: unbuffered_output()?,
        };
        Ok(ClientOutput {
            tap: tap.clone(),
            writer: Mutex::new(writer),
        })
    }

    /// Passes on what the server sends; `None` at its end.
    pub(super) fn pass(&self, bytes: Option<&[u8]>) -> io::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let ClientWriter { passing, output } = &mut *writer;
        write(output, passing.pass(bytes))?;
        drop(writer);
        self.send_answers();
        Ok(())
    }

    /// Sends the answers that wait. Where another thread writes, that one sends them afterwards: a client that is not reading holds
    /// up no other bytes.
    pub(super) fn send_answers(&self) {
        while self.tap.has_answers() {
            let mut writer = match self.writer.try_lock() {
                Ok(writer) => writer,
                Err(TryLockError::Poisoned(writer)) => writer.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            let ClientWriter { passing, output } = &mut *writer;
            let Passing::Changed(rewriter, answers) = passing else {
                return;
            };
            answers.clear();
            rewriter.answers(answers);
            // In the middle of a line they wait for its end. A client that is gone is noticed by what the server sends.
            if answers.is_empty() || write(output, answers).is_err() {
                return;
            }
        }
    }
}

/// Standard output, without the buffer of `io::Stdout`, which writes bytes after the last line feed separately.
fn unbuffered_output() -> io::Result<Box<dyn Write + Send>> {
    #[cfg(unix)]
    {
        use std::{fs::File, os::fd::AsFd};

        let output = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Box::new(File::from(output)))
    }
    #[cfg(not(unix))]
    Ok(Box::new(io::stdout()))
}

fn write(output: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    output.write_all(bytes)?;
    output.flush()
}

/// Passes the server's errors on, and records their lines.
pub(super) fn pass_errors(mut errors: ChildStderr, tap: &Tap, progress: &Progress) {
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
        write(&mut io::stderr(), bytes)
    });
    log(&mut line);
}
