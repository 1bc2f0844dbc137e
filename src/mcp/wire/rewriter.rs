//! The public handle for programs that pass on changed messages.

use std::str;

use super::{
    lines::{Lines, Piece},
    pending::Side,
    rewriting::ClientLine,
    tap::{Tap, TapReader},
};
use crate::activity::guarded;

/// Reads what one side of a connection sends, as a [`TapReader`] does, and returns what the other side is to get, with what
/// [`ToolOptions::intent`](crate::mcp::ToolOptions::intent) and [`missing_tool`](crate::mcp::ToolOptions::missing_tool) add.
/// Returned by [`Tap`].
///
/// Without them, all bytes stay as they are. With them two kinds of messages change: the answer of `tools/list`, and the arguments
/// of `tools/call` for a tool that was changed in such a list. All others keep their bytes and their order. A line that begins like a
/// message is held until it is complete; one of more than 4 MiB passes unchanged and is
/// [counted](crate::mcp::TapCounts::too_long).
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityLog, mcp::Intent};
///
/// # fn main() -> tower_activity::Result<()> {
/// let log = ActivityLog::open(":memory:")?;
/// let tap = log.tools().intent(Intent::optional()).tap();
/// let (mut client, mut server) = (tap.client_rewriter(), tap.server_rewriter());
/// let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
/// client.read(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n", &mut to_server);
/// server.read(
///     br#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"add","inputSchema":{"type":"object"}}]}}
/// "#,
///     &mut to_client,
/// );
/// assert!(String::from_utf8_lossy(&to_client).contains("call_intent"));
/// client.read(
///     br#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"call_intent":"sum up"}}}
/// "#,
///     &mut to_server,
/// );
/// assert!(to_server.ends_with(b"\"params\":{\"name\":\"add\",\"arguments\":{\"a\":1}}}\n"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TapRewriter {
    side: Side,
    lines: Lines,
    reader: TapReader,
    /// Reads our answers, in the place of the server.
    answers: TapReader,
    tap: Tap,
    is_unchanged: bool,
}

impl Tap {
    /// Returns the rewriter of what the client sends: what it returns is for the server.
    pub fn client_rewriter(&self) -> TapRewriter {
        self.rewriter(Side::Client, self.client_reader())
    }

    /// Returns the rewriter of what the server sends: what it returns is for the client.
    pub fn server_rewriter(&self) -> TapRewriter {
        self.rewriter(Side::Server, self.server_reader())
    }

    /// True if [`ToolOptions`](crate::mcp::ToolOptions) add something to tools. Otherwise a rewriter passes all bytes unchanged, and a
    /// [`TapReader`] will do.
    pub fn has_additions(&self) -> bool {
        !self.rewriting.lock().is_empty()
    }

    /// True if an answer waits for the client: see [`TapRewriter::answers`].
    pub fn has_answers(&self) -> bool {
        !self.rewriting.lock().answers.is_empty()
    }

    fn rewriter(&self, side: Side, reader: TapReader) -> TapRewriter {
        TapRewriter {
            side,
            lines: Lines::default(),
            reader,
            answers: self.server_reader(),
            is_unchanged: !self.has_additions(),
            tap: self.clone(),
        }
    }
}

impl TapRewriter {
    /// Reads the next bytes, and appends those for the other side. Takes linear time, and never waits for the store. It does not
    /// panic: after a fault all bytes pass unchanged.
    pub fn read(&mut self, bytes: &[u8], passed: &mut Vec<u8>) {
        if self.is_unchanged {
            self.reader.read(bytes);
            passed.extend_from_slice(bytes);
            return;
        }
        let mut lines = std::mem::take(&mut self.lines);
        lines.split(bytes, &mut |piece| self.piece(piece, passed));
        self.lines = lines;
        self.answers(passed);
    }

    /// Appends what is held of a line without an end, at the end of the stream.
    pub fn finish(&mut self, passed: &mut Vec<u8>) {
        let mut lines = std::mem::take(&mut self.lines);
        let is_unfinished = lines.finish(&mut |piece| self.piece(piece, passed));
        // An answer of ours does not continue a line of the server.
        if is_unfinished && self.side == Side::Server && self.tap.has_answers() {
            passed.push(b'\n');
        }
        self.answers(passed);
    }

    /// Appends the answers to reports of missing tools that wait, if this is the side of the server and nothing has been passed on of
    /// an unfinished line. [`read`](Self::read) does so, too: a program calls this when the client has sent something and
    /// [`has_answers`](Tap::has_answers), because the server may be silent.
    pub fn answers(&mut self, passed: &mut Vec<u8>) {
        if self.side == Side::Server && self.lines.is_between() {
            passed.append(&mut self.tap.rewriting.lock().answers);
        }
    }

    fn piece(&mut self, piece: Piece<'_>, passed: &mut Vec<u8>) {
        let line = match piece {
            Piece::Line(line) => line,
            Piece::Bytes(bytes) => return self.pass(bytes, passed),
            Piece::TooLong(bytes) => {
                self.tap.rewriting.lock().too_long += 1;
                return self.pass(bytes, passed);
            }
        };
        let Ok(text) = str::from_utf8(line) else {
            return self.pass(line, passed);
        };
        let message = text.trim_ascii();
        // In front of it and behind it, with the line break.
        let start = text.len() - text.trim_ascii_start().len();
        let around = (&text[..start], &text[start + message.len()..]);
        match self.side {
            Side::Server => {
                let changed = guarded(|| self.tap.rewriting.lock().server(message, false));
                match changed.flatten() {
                    Some(changed) => self.pass(&framed(around, &changed), passed),
                    None => self.pass(line, passed),
                }
            }
            Side::Client => {
                let changed = guarded(|| self.tap.rewriting.lock().client(message));
                match changed.flatten() {
                    Some(changed) => self.pass_changed(changed, around, passed),
                    None => self.pass(line, passed),
                }
            }
        }
    }

    fn pass_changed(&mut self, changed: ClientLine, around: (&str, &str), passed: &mut Vec<u8>) {
        let ClientLine {
            passed: text,
            answered,
            reported,
            ..
        } = changed;
        if let Some(text) = text {
            self.pass(&framed(around, &text), passed);
        }
        for (call, _) in &answered {
            self.reader.read(&framed(("", "\n"), call));
        }
        for (id, reported) in reported {
            self.tap.report(&id, reported);
        }
        for (_, answer) in answered {
            let answer = framed(("", "\n"), &answer);
            self.answers.read(&answer);
            self.tap.rewriting.lock().answers.extend(answer);
        }
    }

    fn pass(&mut self, bytes: &[u8], passed: &mut Vec<u8>) {
        self.reader.read(bytes);
        passed.extend_from_slice(bytes);
    }
}

fn framed((before, after): (&str, &str), message: &str) -> Vec<u8> {
    [before, message, after].concat().into_bytes()
}
