//! Server-sent events that may change: held until they are complete.

use memchr::memchr2;

use super::{exchange::SharedExchange, passing::Charge};
use crate::mcp::wire::LONGEST_LINE;

/// Splits a stream into events, and holds those that may be an answer with a list of tools.
#[derive(Debug)]
pub(super) struct HeldEvents {
    held: Vec<u8>,
    charge: Charge,
    place: Place,
    /// True at the beginning of a line.
    is_line_empty: bool,
    /// After a carriage return, which a line feed belongs to.
    after_return: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Between,
    /// In an event that passes as it comes.
    Passing,
    /// In an event that is held.
    Holding,
}

impl HeldEvents {
    pub(super) fn new(charge: Charge) -> Self {
        HeldEvents {
            held: Vec::new(),
            charge,
            place: Place::Between,
            is_line_empty: false,
            after_return: false,
        }
    }

    /// Reads the next bytes of the stream. Returns those that pass.
    pub(super) fn read(&mut self, bytes: &[u8], exchange: &SharedExchange) -> Vec<u8> {
        let mut passed = Vec::with_capacity(bytes.len());
        let mut bytes = bytes;
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                self.add(&bytes[..1], exchange, &mut passed);
                bytes = &bytes[1..];
                continue;
            }
            if self.place == Place::Between {
                self.is_line_empty = true;
                self.place = match exchange.awaits_list() {
                    true => Place::Holding,
                    false => Place::Passing,
                };
            }
            let Some(end) = memchr2(b'\r', b'\n', bytes) else {
                self.is_line_empty = false;
                self.add(bytes, exchange, &mut passed);
                break;
            };
            let (line, rest) = bytes.split_at(end + 1);
            self.add(line, exchange, &mut passed);
            self.after_return = line.ends_with(b"\r");
            if end == 0 && self.is_line_empty {
                self.end_event(exchange, &mut passed);
            }
            self.is_line_empty = true;
            bytes = rest;
        }
        passed
    }

    /// Ends the stream. Returns what was held. The blank line after the last event may be missing.
    pub(super) fn finish(&mut self, exchange: &SharedExchange) -> Vec<u8> {
        let mut passed = Vec::new();
        self.end_event(exchange, &mut passed);
        passed
    }

    /// Reads all of a stream.
    pub(super) fn whole(bytes: &[u8], exchange: &SharedExchange) -> Vec<u8> {
        let mut events = HeldEvents::new(exchange.charge());
        let mut passed = events.read(bytes, exchange);
        passed.append(&mut events.finish(exchange));
        passed
    }

    /// Returns what is held of an event that breaks off.
    pub(super) fn break_off(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    fn add(&mut self, part: &[u8], exchange: &SharedExchange, passed: &mut Vec<u8>) {
        if self.place != Place::Holding {
            return passed.extend_from_slice(part);
        }
        if self.held.len() + part.len() <= LONGEST_LINE && self.charge.try_add(part.len()) {
            return self.held.extend_from_slice(part);
        }
        self.place = Place::Passing;
        exchange.count_too_long();
        passed.append(&mut self.held);
        self.charge.release();
        passed.extend_from_slice(part);
    }

    fn end_event(&mut self, exchange: &SharedExchange, passed: &mut Vec<u8>) {
        self.place = Place::Between;
        let held = std::mem::take(&mut self.held);
        self.charge.release();
        let changed = std::str::from_utf8(&held)
            .ok()
            .and_then(|event| changed(event, |message| exchange.rewrite_response(message)));
        match changed {
            Some(changed) => passed.extend_from_slice(changed.as_bytes()),
            None => passed.extend_from_slice(&held),
        }
    }
}

/// Returns an event with another message; `None` if that stays as it is. All other lines keep their bytes.
fn changed(event: &str, rewrite: impl FnOnce(&str) -> Option<String>) -> Option<String> {
    let lines = lines(event);
    let values = |field: &'static str| {
        let values = lines.iter().filter_map(move |line| value(line.0, field));
        values.collect::<Vec<&str>>()
    };
    if values("event").last() == Some(&"endpoint") {
        return None;
    }
    let message = rewrite(&values("data").join("\n"))?;
    let mut message = Some(message);
    let mut changed = String::with_capacity(event.len() + 256);
    for (line, end) in &lines {
        if value(line, "data").is_none() {
            changed.push_str(line);
            changed.push_str(end);
        } else if let Some(message) = message.take() {
            // A last line without an end has no other after it.
            let end = if end.is_empty() { "\n" } else { end };
            for part in message.split('\n') {
                changed.push_str("data: ");
                changed.push_str(part);
                changed.push_str(end);
            }
        }
    }
    Some(changed)
}

/// Returns the lines of an event, each with its end.
fn lines(event: &str) -> Vec<(&str, &str)> {
    let mut lines = Vec::new();
    let mut rest = event;
    while !rest.is_empty() {
        let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        let length = match after.starts_with("\r\n") {
            true => 2,
            false => after.len().min(1),
        };
        lines.push((line, &after[..length]));
        rest = &after[length..];
    }
    lines
}

/// Returns the value of a line of this field.
fn value<'a>(line: &'a str, field: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(field)?;
    match rest.strip_prefix(':') {
        Some(value) => Some(value.strip_prefix(' ').unwrap_or(value)),
        None => rest.is_empty().then_some(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_data_of_an_event_changes() {
        let check = |event: &str, data: &str, expected: &str| {
            let changed = changed(event, |message| {
                assert_eq!(message, data, "{event:?}");
                Some(String::from("{\n1}"))
            });
            assert_eq!(changed.as_deref(), Some(expected), "{event:?}");
        };
        check("data: {}\n\n", "{}", "data: {\ndata: 1}\n\n");
        check(
            ": c\rid:7\rdata:{\rretry: 3\rdata: }\r\r",
            "{\n}",
            ": c\rid:7\rdata: {\rdata: 1}\rretry: 3\r\r",
        );
        check(
            "event: message\r\ndata\r\ndata: a\r\n",
            "\na",
            "event: message\r\ndata: {\r\ndata: 1}\r\n",
        );
        check("data: {}", "{}", "data: {\ndata: 1}\n");
        let endpoint = "event: endpoint\ndata: {}\n\n";
        assert_eq!(changed(endpoint, |_| Some(String::new())), None);
    }
}
