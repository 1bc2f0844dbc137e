//! Finds the fields of messages in a stream, in linear time and bounded memory.
//!
//! It does not check that the bytes are JSON: a message ends with the bracket that closes it.

use memchr::{memchr, memchr2, memchr3};

use super::fields::{Field, Fields, Kept, Node, PayloadLimits, Step, step};

/// What was found in a stream.
#[derive(Debug)]
pub(in crate::mcp) enum Found {
    Message(Fields),
    /// One of an array.
    InBatch(Fields),
    /// A line or document that is not a message, or not a complete one.
    Other,
    /// The URL for messages to the server, in the HTTP transport of 2024-11-05.
    Endpoint(String),
}

/// What separates messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mcp) enum Framing {
    /// Line feeds, as in standard input and output.
    Lines,
    /// The end of the document, or of the event.
    Document,
}

/// The bytes that end a number or a word. A table, because a hostile stream is one without end.
static ENDS_SCALAR: [bool; 256] = {
    let mut table = [false; 256];
    let ends = b",]} \t\r\n:\"[{";
    let mut at = 0;
    while at < ends.len() {
        table[ends[at] as usize] = true;
        at += 1;
    }
    table
};

/// The longest key of a field, escaped.
const LONGEST_KEY: usize = 128;

/// Finds the fields of messages.
#[derive(Debug)]
pub(in crate::mcp) struct Scanner {
    framing: Framing,
    limits: PayloadLimits,
    lexer: Lexer,
    /// The open containers that lead to fields, outermost first.
    frames: Vec<Frame>,
    /// Number of open containers in these that lead to none.
    skipped: u64,
    /// The values that are being kept: one, or one and another in it.
    keeping: Vec<Keeping>,
    /// The start of the current key, as it is in the stream.
    key: Vec<u8>,
    fields: Fields,
    /// True after something that is not a message.
    is_other: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lexer {
    Between,
    Key,
    String,
    /// After a backslash in a key or string.
    KeyEscape,
    Escape,
    /// In a number or a word.
    Scalar,
}

#[derive(Debug)]
struct Frame {
    node: Node,
    /// The number of the current element of an array.
    element: u32,
    /// True where the next string is a key.
    at_key: bool,
    /// What to do with the next value.
    next: Step,
}

#[derive(Debug)]
struct Keeping {
    kept: Kept,
    limit: usize,
    /// Number of containers that it is in.
    depth: u64,
}

impl Node {
    fn is_array(self) -> bool {
        matches!(self, Node::Messages | Node::Content | Node::Tools)
    }
}

impl Scanner {
    /// Creates a scanner at the beginning of a line or document.
    pub(in crate::mcp) fn new(framing: Framing, limits: PayloadLimits) -> Self {
        Scanner {
            framing,
            limits,
            lexer: Lexer::Between,
            frames: Vec::new(),
            skipped: 0,
            keeping: Vec::new(),
            key: Vec::new(),
            fields: Fields::default(),
            is_other: false,
        }
    }

    /// Reads the next bytes of the stream.
    pub(in crate::mcp) fn read(&mut self, mut bytes: &[u8], found: &mut dyn FnMut(Found)) {
        while let Some(&first) = bytes.first() {
            bytes = if first == b'\n' && self.framing == Framing::Lines {
                self.end(found);
                &bytes[1..]
            } else if self.is_other {
                match self.framing {
                    Framing::Lines => &bytes[memchr(b'\n', bytes).unwrap_or(bytes.len())..],
                    Framing::Document => return,
                }
            } else {
                match self.lexer {
                    Lexer::Between => self.between(first, bytes, found),
                    Lexer::Scalar => self.scalar(bytes),
                    Lexer::Key | Lexer::String => self.string(bytes),
                    Lexer::KeyEscape | Lexer::Escape => self.escaped(bytes),
                }
            };
        }
    }

    /// Ends a line or document.
    pub(in crate::mcp) fn end(&mut self, found: &mut dyn FnMut(Found)) {
        if self.is_other || self.lexer != Lexer::Between || !self.frames.is_empty() {
            found(Found::Other);
            self.reset();
        }
    }

    /// Goes to the beginning of the next line or document.
    pub(super) fn reset(&mut self) {
        *self = Scanner::new(self.framing, self.limits);
    }

    fn depth(&self) -> u64 {
        self.frames.len() as u64 + self.skipped
    }

    /// The innermost frame, unless the stream is deeper.
    fn frame(&mut self) -> Option<&mut Frame> {
        match self.skipped {
            0 => self.frames.last_mut(),
            _ => None,
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        for one in &mut self.keeping {
            let room = one.limit - one.kept.json.len();
            let fits = room.min(bytes.len());
            one.kept.json.extend_from_slice(&bytes[..fits]);
            one.kept.is_cut |= fits < bytes.len();
        }
    }

    fn between<'a>(
        &mut self,
        first: u8,
        bytes: &'a [u8],
        found: &mut dyn FnMut(Found),
    ) -> &'a [u8] {
        let (token, rest) = bytes.split_at(1);
        match first {
            b' ' | b'\t' | b'\r' | b'\n' | b':' => self.keep(token),
            b',' => {
                self.keep(token);
                if let Some(frame) = self.frame() {
                    if frame.node.is_array() {
                        frame.element = frame.element.saturating_add(1);
                    } else {
                        (frame.at_key, frame.next) = (true, Step::Skip);
                    }
                }
            }
            b'"' => {
                let is_key = self.frame().is_some_and(|frame| frame.at_key);
                if is_key {
                    self.key.clear();
                    self.lexer = Lexer::Key;
                } else {
                    self.begin(None);
                    self.lexer = Lexer::String;
                }
                self.keep(token);
            }
            b'{' | b'[' => {
                let entered = self.begin(Some(first == b'['));
                self.keep(token);
                match entered {
                    Some(node) => self.frames.push(Frame {
                        node,
                        element: 0,
                        at_key: !node.is_array(),
                        next: step(node, None),
                    }),
                    None => self.skipped = self.skipped.saturating_add(1),
                }
            }
            b'}' | b']' => {
                self.keep(token);
                self.close(found);
            }
            _ => {
                self.begin(None);
                self.lexer = Lexer::Scalar;
            }
        }
        rest_after_scalar(self.lexer, bytes, rest)
    }

    /// Begins a value: a container, an array or not, or none. Returns the node to enter.
    fn begin(&mut self, container: Option<bool>) -> Option<Node> {
        if self.frames.is_empty() {
            // An array is a batch.
            return match container {
                Some(false) => Some(Node::Message),
                Some(true) => Some(Node::Messages),
                None => {
                    self.is_other = true;
                    None
                }
            };
        }
        let depth = self.depth();
        let array = self.frames.iter().rfind(|frame| frame.node.is_array());
        let element = array.map_or(0, |array| array.element);
        let (field, node) = match self.frame()?.next {
            Step::Skip => return None,
            Step::Enter(node) => (None, Some(node)),
            Step::Keep(field) => (Some(field), None),
            Step::KeepAndEnter(field, node) => (Some(field), Some(node)),
        };
        if let Some(field) = field {
            self.start_keeping(field, element, depth);
        }
        node.filter(|node| container == Some(node.is_array()))
    }

    fn start_keeping(&mut self, field: Field, element: u32, depth: u64) {
        // Also if nothing of it is kept: that it is there tells a response.
        let limit = field.limit(self.limits);
        let kept = Kept {
            field,
            element,
            // Most are short.
            json: Vec::with_capacity(limit.min(64)),
            is_cut: false,
        };
        self.keeping.push(Keeping { kept, limit, depth });
    }

    /// Ends a value in the current container.
    fn finish(&mut self) {
        let depth = self.depth();
        while let Some(one) = self.keeping.pop_if(|one| one.depth == depth) {
            self.fields.add(one.kept);
        }
    }

    fn close(&mut self, found: &mut dyn FnMut(Found)) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return self.finish();
        }
        match self.frames.pop() {
            Some(frame) if frame.node == Node::Message => {
                self.keeping.clear();
                let fields = std::mem::take(&mut self.fields);
                found(match self.frames.is_empty() {
                    true => Found::Message(fields),
                    false => Found::InBatch(fields),
                });
            }
            Some(_) => self.finish(),
            None => self.is_other = true,
        }
    }

    fn scalar<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = bytes
            .iter()
            .position(|byte| ENDS_SCALAR[usize::from(*byte)]);
        let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        self.keep(part);
        if end.is_some() {
            self.lexer = Lexer::Between;
            self.finish();
        }
        rest
    }

    fn string<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = match self.framing {
            // No line contains a line feed.
            Framing::Lines => memchr3(b'"', b'\\', b'\n', bytes),
            Framing::Document => memchr2(b'"', b'\\', bytes),
        };
        let Some(end) = end else {
            self.keep_text(bytes);
            return &[];
        };
        if bytes[end] == b'\n' {
            return &bytes[end..];
        }
        if bytes[end] == b'"' && self.lexer == Lexer::Key {
            self.keep_text(&bytes[..end]);
            self.keep(b"\"");
            self.lexer = Lexer::Between;
            self.end_key();
            return &bytes[end + 1..];
        }
        let (part, rest) = bytes.split_at(end + 1);
        self.keep_text(part);
        match (bytes[end], self.lexer) {
            (b'\\', Lexer::Key) => self.lexer = Lexer::KeyEscape,
            (b'\\', _) => self.lexer = Lexer::Escape,
            _ => {
                self.lexer = Lexer::Between;
                self.finish();
            }
        }
        rest
    }

    fn escaped<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        self.lexer = match self.lexer {
            Lexer::KeyEscape => Lexer::Key,
            _ => Lexer::String,
        };
        let (part, rest) = bytes.split_at(1);
        self.keep_text(part);
        rest
    }

    /// Keeps a part of a key or string.
    fn keep_text(&mut self, text: &[u8]) {
        if matches!(self.lexer, Lexer::Key | Lexer::KeyEscape) {
            let room = LONGEST_KEY + 1 - self.key.len();
            self.key.extend_from_slice(&text[..room.min(text.len())]);
        }
        self.keep(text);
    }

    fn end_key(&mut self) {
        let key = std::mem::take(&mut self.key);
        if let Some(frame) = self.frame() {
            let node = frame.node;
            frame.at_key = false;
            frame.next = match unescaped(&key) {
                Some(unescaped) => step(node, Some(unescaped.as_bytes())),
                None => step(node, Some(&key)),
            };
        }
        self.key = key;
    }
}

/// A scalar begins with the byte that was looked at.
fn rest_after_scalar<'a>(lexer: Lexer, bytes: &'a [u8], rest: &'a [u8]) -> &'a [u8] {
    match lexer {
        Lexer::Scalar => bytes,
        _ => rest,
    }
}

/// Returns a key without its escapes; `None` if it has none.
fn unescaped(key: &[u8]) -> Option<String> {
    memchr(b'\\', key)?;
    serde_json::from_slice(&[b"\"", key, b"\""].concat()).ok()
}
