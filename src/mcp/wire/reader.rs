//! Reads a body of HTTP.

use super::{
    events::Events,
    fields::PayloadLimits,
    scan::{Found, Framing, Scanner},
};

/// Finds the messages in a body.
#[derive(Debug)]
pub(in crate::mcp) enum Reader {
    Document(Box<Scanner>),
    Events(Box<Events>),
}

impl Reader {
    /// A reader of a JSON document.
    pub(in crate::mcp) fn document(limits: PayloadLimits) -> Self {
        Reader::Document(Box::new(Scanner::new(Framing::Document, limits)))
    }

    /// A reader of server-sent events.
    pub(in crate::mcp) fn events(limits: PayloadLimits) -> Self {
        Reader::Events(Box::new(Events::new(limits)))
    }

    /// Reads the next bytes of the body.
    pub(in crate::mcp) fn read(&mut self, bytes: &[u8], found: &mut dyn FnMut(Found)) {
        match self {
            Reader::Document(scanner) => scanner.read(bytes, found),
            Reader::Events(events) => events.read(bytes, found),
        }
    }

    /// Ends the body.
    pub(in crate::mcp) fn end(&mut self, found: &mut dyn FnMut(Found)) {
        match self {
            Reader::Document(scanner) => scanner.end(found),
            Reader::Events(events) => events.end(found),
        }
    }

    /// True if a client can resume the stream, because its events have ids.
    pub(in crate::mcp) fn is_resumable(&self) -> bool {
        match self {
            Reader::Document(_) => false,
            Reader::Events(events) => events.has_ids(),
        }
    }
}
