//! Reads a body of HTTP.

use super::{
    events::Events,
    fields::PayloadLimits,
    scan::{Found, Framing, Scanner},
};
use crate::record::Text;

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

    /// Returns the id of the event after which a client can resume the stream.
    pub(in crate::mcp) fn last_event_id(&self) -> Option<Text> {
        match self {
            Reader::Document(_) => None,
            Reader::Events(events) => {
                let id = events.last_id()?;
                Some(String::from_utf8_lossy(id).into_owned().into())
            }
        }
    }
}
