//! What a terminal showed, as an asciicast.

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

/// How long nothing comes before what was asked for counts as all, and how long that is waited for where something always
/// comes: what was written before has been read long since.
const QUIET: Duration = Duration::from_millis(20);
const NEVER_QUIET: Duration = Duration::from_millis(200);
/// How much is held back at most while a line goes on, and how much of that when it is parted: a secret that is no longer
/// is found wherever it stands.
const LONGEST_LINE: usize = 8 << 10;
const LONGEST_SECRET: usize = 1 << 10;
/// How many places are tried to part a line: each takes as long as redacting all of it.
const PLACES: usize = 32;

type Output = Box<dyn AsyncRead + Send + Unpin>;

/// Records the output of a child process, or of a pseudo-terminal, as asciicast v2, which asciinema plays.
///
/// Secrets are redacted line by line, private keys as a whole: not those of more than 1 KiB in lines of more than 8, nor those
/// that an activity ends in the middle of. The output is read to its end also where nothing is recorded, or no longer, so
/// that whoever writes it can go on.
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
    /// Reads this output to its end.
    pub fn new(output: impl AsyncRead + Send + Unpin + 'static) -> Self {
        Terminal {
            output: Some(Box::new(output)),
            size: (80, 24),
            title: None,
            requests: None,
        }
    }

    /// Sets how many columns and rows it has; 80 and 24 by default.
    #[must_use]
    pub fn size(mut self, columns: u16, rows: u16) -> Self {
        self.size = (columns, rows);
        self
    }

    /// Sets what players show above it.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    async fn ask(&mut self) {
        if let Some(requests) = &self.requests {
            let (done, answered) = oneshot::channel();
            // Where the output has ended all of it is appended.
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
                "cannot record a terminal twice: its output is read already",
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
        let cast = Cast {
            sink,
            header: Some(header.to_string()),
            begun: Instant::now(),
            held: Vec::new(),
        };
        tokio::spawn(pump(output, cast, received));
        Ok(())
    }

    async fn flush(&mut self) {
        self.ask().await;
    }

    async fn stop(&mut self) {
        self.ask().await;
        self.requests = None;
    }
}

/// Reads until the output ends; appends it until nobody asks any more.
async fn pump(
    mut output: Output,
    mut cast: Cast,
    mut requests: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = tokio::select! {
            read = output.read(&mut buffer) => read,
            asked = requests.recv() => {
                let Some(done) = asked else {
                    drop(cast);
                    return drain(output).await;
                };
                // What was written before may still be on its way.
                let until = Instant::now() + NEVER_QUIET;
                while Instant::now() < until
                    && let Ok(read) = timeout(QUIET, output.read(&mut buffer)).await
                    && cast.take(&read, &buffer)
                {}
                cast.release(cast.held.len());
                // Whoever asked may have given up.
                let _ = done.send(());
                continue;
            }
        };
        if !cast.take(&read, &buffer) {
            return cast.release(cast.held.len());
        }
    }
}

/// Reads the rest for nothing: whoever writes into a pipe that nobody reads waits for ever, or dies of it.
async fn drain(mut output: Output) {
    // That it cannot be read any more is its end.
    let _ = copy(&mut output, &mut sink()).await;
}

/// The lines of a cast.
struct Cast {
    sink: Sink,
    /// What stands before the first output; without output there is nothing to show.
    header: Option<String>,
    begun: Instant,
    /// Read, and not yet appended.
    held: Vec<u8>,
}

impl Cast {
    /// Takes what was read. `false` at the end of the output.
    fn take(&mut self, read: &io::Result<usize>, buffer: &[u8]) -> bool {
        let Ok(count @ 1..) = read else { return false };
        self.held.extend_from_slice(&buffer[..*count]);
        match self.lines() {
            Some(count) => self.release(count),
            None if self.held.len() > LONGEST_LINE => self.release(self.parting()),
            None => {}
        }
        true
    }

    /// How many bytes the whole lines are, but for a key that has only begun: it is found in the whole only.
    fn lines(&self) -> Option<usize> {
        let line = self.held.iter().rposition(|byte| b"\n\r".contains(byte))?;
        let lines = &self.held[..=line];
        let last = |text: &[u8]| lines.windows(text.len()).rposition(|part| part == text);
        let begun = last(b"-----BEGIN ").filter(|begun| Some(*begun) > last(b"-----END "));
        match begun {
            Some(begun) if lines.len() <= LONGEST_LINE => Some(begun),
            _ => Some(lines.len()),
        }
    }

    /// Where to part a line that goes on: before a word, so that the same secrets are found in its parts as in the whole. All
    /// of it where there is no such place.
    fn parting(&self) -> usize {
        let redact = |part: &[u8]| self.sink.redact_text(&String::from_utf8_lossy(part));
        let whole = redact(&self.held);
        let before = &self.held[..self.held.len() - LONGEST_SECRET];
        let spaces = before.iter().enumerate().filter(|(_, byte)| **byte == b' ');
        let mut places = spaces.map(|(at, _)| at).rev().take(PLACES);
        let parted = |at: &usize| {
            let (first, rest) = self.held.split_at(*at);
            redact(first) + &redact(rest) == whole
        };
        places.find(parted).unwrap_or(self.held.len())
    }

    /// Appends so many bytes of what is held, but for a character that has only begun.
    fn release(&mut self, count: usize) {
        let part = &self.held[..count];
        let whole = match std::str::from_utf8(part) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => count,
        };
        if whole == 0 {
            return;
        }
        let rest = self.held.split_off(whole);
        let text = std::mem::replace(&mut self.held, rest);
        let text = self.sink.redact_text(&String::from_utf8_lossy(&text));
        let at = self.begun.elapsed().as_secs_f64();
        let mut lines = match self.header.take() {
            Some(header) => format!("{header}\n"),
            None => String::new(),
        };
        lines.push_str(&format!("{}\n", json!([at, "o", text])));
        self.sink.append(Chunk::new(lines));
    }
}

impl Drop for Terminal {
    /// Has what was never started read all the same.
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
