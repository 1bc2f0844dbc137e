//! Server-sent events: finds the messages in their data, in linear time and bounded memory.

use memchr::{memchr2, memchr3};

use super::{
    fields::PayloadLimits,
    scan::{Found, Framing, Scanner},
};

/// The longest name of a field, after a byte order mark.
const LONGEST_NAME: usize = 8;
/// The longest type of an event that matters.
const LONGEST_TYPE: usize = 16;
/// The longest id of an event that is remembered.
const LONGEST_ID: usize = 512;
/// The longest URL of an endpoint.
const LONGEST_URL: usize = 2 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Finds the messages in a stream of server-sent events.
#[derive(Debug)]
pub(in crate::mcp) struct Events {
    scanner: Scanner,
    place: Place,
    /// After a carriage return, which a line feed belongs to.
    after_return: bool,
    /// The name of the field, up to its limit and one more byte.
    name: Vec<u8>,
    event: Vec<u8>,
    /// The beginning of the event's data.
    data: Vec<u8>,
    has_data: bool,
    /// The id of the event.
    id: Vec<u8>,
    /// The id of the last complete event that had one.
    last_id: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Name,
    /// After the colon, where one space does not belong to the value.
    Colon(Field),
    Value(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Data,
    Event,
    Id,
    /// Another, or a comment.
    Other,
}

impl Field {
    fn new(name: &[u8]) -> Self {
        match name.strip_prefix(BYTE_ORDER_MARK).unwrap_or(name) {
            b"data" => Field::Data,
            b"event" => Field::Event,
            b"id" => Field::Id,
            _ => Field::Other,
        }
    }
}

impl Events {
    pub(in crate::mcp) fn new(limits: PayloadLimits) -> Self {
        Events {
            scanner: Scanner::new(Framing::Document, limits),
            place: Place::Name,
            after_return: false,
            name: Vec::new(),
            event: Vec::new(),
            data: Vec::new(),
            has_data: false,
            id: Vec::new(),
            last_id: Vec::new(),
        }
    }

    /// Returns the id of the last complete event that had one, after which a client can resume the stream. Of a longer id, the
    /// first 512 bytes.
    pub(in crate::mcp) fn last_id(&self) -> Option<&[u8]> {
        (!self.last_id.is_empty()).then_some(&self.last_id)
    }

    /// Reads the next bytes of the stream.
    pub(in crate::mcp) fn read(&mut self, mut bytes: &[u8], found: &mut dyn FnMut(Found)) {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            bytes = match self.place {
                Place::Name => self.name(bytes, found),
                Place::Colon(field) => {
                    self.begin(field, found);
                    self.place = Place::Value(field);
                    bytes.strip_prefix(b" ").unwrap_or(bytes)
                }
                Place::Value(field) => {
                    let end = memchr2(b'\r', b'\n', bytes);
                    let (value, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
                    self.value(field, value, found);
                    match end {
                        Some(_) => self.end_line(rest),
                        None => rest,
                    }
                }
            };
        }
    }

    /// Ends the stream. The blank line after the last event may be missing.
    pub(in crate::mcp) fn end(&mut self, found: &mut dyn FnMut(Found)) {
        if self.event != b"endpoint" {
            self.scanner.end(found);
        }
    }

    fn name<'a>(&mut self, bytes: &'a [u8], found: &mut dyn FnMut(Found)) -> &'a [u8] {
        let end = memchr3(b':', b'\r', b'\n', bytes);
        let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        append(&mut self.name, part, LONGEST_NAME + 1);
        let Some(end) = end else {
            return rest;
        };
        let field = Field::new(&self.name);
        if bytes[end] == b':' {
            self.name.clear();
            self.place = Place::Colon(field);
            return &rest[1..];
        }
        match self.name.is_empty() {
            true => self.dispatch(found),
            false => self.begin(field, found),
        }
        self.end_line(rest)
    }

    /// Begins the value of a field.
    fn begin(&mut self, field: Field, found: &mut dyn FnMut(Found)) {
        match field {
            Field::Data if self.has_data => self.value(field, b"\n", found),
            Field::Data => self.has_data = true,
            Field::Event => self.event.clear(),
            Field::Id => self.id.clear(),
            Field::Other => {}
        }
    }

    fn value(&mut self, field: Field, value: &[u8], found: &mut dyn FnMut(Found)) {
        match field {
            Field::Data => {
                append(&mut self.data, value, LONGEST_URL);
                self.scanner.read(value, found);
            }
            Field::Event => append(&mut self.event, value, LONGEST_TYPE + 1),
            Field::Id => append(&mut self.id, value, LONGEST_ID),
            Field::Other => {}
        }
    }

    /// Ends a line at one of its ends.
    fn end_line<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        self.after_return = rest[0] == b'\r';
        self.name.clear();
        self.place = Place::Name;
        &rest[1..]
    }

    /// Ends an event.
    fn dispatch(&mut self, found: &mut dyn FnMut(Found)) {
        if self.event == b"endpoint" {
            self.scanner.reset();
            if let Ok(url) = std::str::from_utf8(&self.data) {
                found(Found::Endpoint(url.to_owned()));
            }
        } else {
            self.scanner.end(found);
        }
        if !self.id.is_empty() {
            std::mem::swap(&mut self.id, &mut self.last_id);
            self.id.clear();
        }
        self.event.clear();
        self.data.clear();
        self.has_data = false;
    }
}

/// Appends bytes up to a length.
fn append(to: &mut Vec<u8>, bytes: &[u8], most: usize) {
    let room = most - to.len();
    to.extend_from_slice(&bytes[..room.min(bytes.len())]);
}
