//! Terminal output, recorded as an asciicast.

use std::{fmt, io, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt, copy, sink},
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

use crate::{
    error::{Error, ErrorKind, Result},
    record::Text,
    recording::{Chunk, Resource, Sink},
};

/// Pause in the output after which a flush is complete.
const QUIET: Duration = Duration::from_millis(20);
/// Maximum wait of a flush for that pause: output from before the flush has been read long before.
const QUIET_TIMEOUT: Duration = Duration::from_millis(200);
/// Maximum number of bytes buffered while a line is incomplete.
const MAX_LINE: usize = 8 << 10;
/// Number of bytes kept buffered when a longer line is split: a secret up to this length is found anywhere in the line.
const MAX_SECRET: usize = 1 << 10;
/// Maximum number of positions tried to split a line: each takes as long as redacting the whole line.
const MAX_SPLITS: usize = 32;

type Output = Box<dyn AsyncRead + Send + Unpin>;

/// Records the output of a child process or pseudo-terminal as asciicast v2, for asciinema.
///
/// Secrets are redacted line by line, private keys as a whole. Exceptions: secrets longer than 1 KiB in lines longer than
/// 8 KiB, and secrets that are only partly written when an activity ends. The output is read to its end even if nothing
/// is recorded, or not any longer, so that the writer never blocks.
///
/// # Examples
///
/// ```no_run
/// use std::process::Stdio;
/// use tokio::process::Command;
/// use tower_activity::{Activity, recording::Terminal};
///
/// # async fn run() -> std::io::Result<()> {
/// let mut child = Command::new("cargo").arg("test").stdout(Stdio::piped()).spawn()?;
/// if let Some(output) = child.stdout.take() {
///     Activity::current().attach(Terminal::new(output)).await;
/// }
/// child.wait().await?;
/// # Ok(())
/// # }
/// ```
pub struct Terminal {
    output: Option<Output>,
    size: (u16, u16),
    title: Option<String>,
    requests: Option<mpsc::UnboundedSender<oneshot::Sender<()>>>,
}

impl Terminal {
    /// Creates a recorder that reads `output` to its end.
    pub fn new(output: impl AsyncRead + Send + Unpin + 'static) -> Self {
        Terminal {
            output: Some(Box::new(output)),
            size: (80, 24),
            title: None,
            requests: None,
        }
    }

    /// Sets the number of columns and rows; 80 and 24 by default.
    #[must_use]
    pub fn size(mut self, columns: u16, rows: u16) -> Self {
        self.size = (columns, rows);
        self
    }

    /// Sets the title shown by players.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Waits until the output read so far is appended.
    async fn request_flush(&mut self) {
        if let Some(requests) = &self.requests {
            let (done, answered) = oneshot::channel();
            // If the output has ended, all of it is appended.
            if requests.send(done).is_ok() {
                let _ = answered.await;
            }
        }
    }
}

impl Resource for Terminal {
    fn format(&self) -> Text {
        Text::from_static("asciicast")
    }

    async fn start(&mut self, sink: Sink) -> Result<()> {
        let output = self.output.take().ok_or_else(|| {
            Error::new(
                ErrorKind::Invalid,
                "cannot record a terminal twice: its output is already being read",
            )
        })?;
        let mut header = json!({
            "version": 2, "width": self.size.0, "height": self.size.1,
            "timestamp": chrono::Utc::now().timestamp(),
        });
        if let Some(title) = &self.title {
            header["title"] = sink.redact_text(title).into();
        }
        let (requests, received) = mpsc::unbounded_channel();
        self.requests = Some(requests);
        let cast = CastWriter {
            sink,
            header: Some(header.to_string()),
            started: Instant::now(),
            buffer: Vec::new(),
        };
        tokio::spawn(pump(output, cast, received));
        Ok(())
    }

    async fn flush(&mut self) {
        self.request_flush().await;
    }

    async fn stop(&mut self) {
        self.request_flush().await;
        self.requests = None;
    }
}

/// Reads the output until it ends, and appends it until the recording ends.
async fn pump(
    mut output: Output,
    mut cast: CastWriter,
    mut requests: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = tokio::select! {
            read = output.read(&mut buffer) => read,
            request = requests.recv() => {
                let Some(done) = request else {
                    drop(cast);
                    return drain(output).await;
                };
                // Output written before the request may still be in the pipe.
                let until = Instant::now() + QUIET_TIMEOUT;
                while Instant::now() < until
                    && let Ok(read) = timeout(QUIET, output.read(&mut buffer)).await
                    && cast.push(&read, &buffer)
                {}
                cast.append(cast.buffer.len());
                // Ignored: the requester may have stopped waiting.
                let _ = done.send(());
                continue;
            }
        };
        if !cast.push(&read, &buffer) {
            return cast.append(cast.buffer.len());
        }
    }
}

/// Drains the pipe, so that the child neither blocks nor dies of SIGPIPE.
async fn drain(mut output: Output) {
    // A read error ends the output too.
    let _ = copy(&mut output, &mut sink()).await;
}

/// Writes the output as lines of an asciicast.
struct CastWriter {
    sink: Sink,
    /// The header, appended with the first output. `None` once it is appended.
    header: Option<String>,
    started: Instant,
    /// Output that is read but not yet appended.
    buffer: Vec<u8>,
}

impl CastWriter {
    /// Buffers `read` bytes of `input`, and appends complete lines. Returns false at the end of the output.
    fn push(&mut self, read: &io::Result<usize>, input: &[u8]) -> bool {
        let Ok(count @ 1..) = read else { return false };
        self.buffer.extend_from_slice(&input[..*count]);
        match self.complete_lines() {
            Some(count) => self.append(count),
            None if self.buffer.len() > MAX_LINE => self.append(self.split_point()),
            None => {}
        }
        true
    }

    /// Returns the length of the complete lines, excluding an incomplete private key: it is only found as a whole.
    fn complete_lines(&self) -> Option<usize> {
        let line = self
            .buffer
            .iter()
            .rposition(|byte| b"\n\r".contains(byte))?;
        let lines = &self.buffer[..=line];
        let last = |text: &[u8]| lines.windows(text.len()).rposition(|part| part == text);
        let open_key = last(b"-----BEGIN ").filter(|begin| Some(*begin) > last(b"-----END "));
        match open_key {
            Some(begin) if lines.len() <= MAX_LINE => Some(begin),
            _ => Some(lines.len()),
        }
    }

    /// Returns where to split an incomplete line: before a word, such that both parts redact to the same text as the
    /// whole. The whole buffer if there is no such position.
    fn split_point(&self) -> usize {
        let redact = |part: &[u8]| self.sink.redact_text(&String::from_utf8_lossy(part));
        let whole = redact(&self.buffer);
        let before = &self.buffer[..self.buffer.len() - MAX_SECRET];
        let spaces = before.iter().enumerate().filter(|(_, byte)| **byte == b' ');
        let mut candidates = spaces.map(|(at, _)| at).rev().take(MAX_SPLITS);
        let is_safe = |at: &usize| {
            let (first, rest) = self.buffer.split_at(*at);
            redact(first) + &redact(rest) == whole
        };
        candidates.find(is_safe).unwrap_or(self.buffer.len())
    }

    /// Appends the first `count` bytes of the buffer, excluding an incomplete character at their end.
    fn append(&mut self, count: usize) {
        let part = &self.buffer[..count];
        let complete = match std::str::from_utf8(part) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => count,
        };
        if complete == 0 {
            return;
        }
        let rest = self.buffer.split_off(complete);
        let text = std::mem::replace(&mut self.buffer, rest);
        let text = self.sink.redact_text(&String::from_utf8_lossy(&text));
        let at = self.started.elapsed().as_secs_f64();
        let mut lines = match self.header.take() {
            Some(header) => format!("{header}\n"),
            None => String::new(),
        };
        lines.push_str(&format!("{}\n", json!([at, "o", text])));
        self.sink.append(Chunk::new(lines));
    }
}

impl Drop for Terminal {
    /// Drains the output if the recording was never started.
    fn drop(&mut self) {
        if let (Some(output), Ok(runtime)) = (self.output.take(), Handle::try_current()) {
            runtime.spawn(drain(output));
        }
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal")
            .field("size", &self.size)
            .field("title", &self.title)
            .finish_non_exhaustive()
    }
}
