//! Errors and warnings on the console of a page, and its uncaught errors.

use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    record::Text,
    recording::{Chunk, Sink},
};

/// Maximum length of a message in characters.
const MAX_TEXT: usize = 2_000;
/// How much of a message is redacted, in bytes: more than is kept, so that no secret is cut in two.
const MAX_REDACTED: usize = 64 << 10;
/// Maximum number of values in a message.
const MAX_VALUES: usize = 20;

/// A message on the console. Its content is untrusted.
#[derive(Debug)]
pub(super) struct ConsoleMessage {
    /// The level, by the name of rrweb's plugin.
    level: &'static str,
    text: String,
    /// Where it comes from: URL, line and column.
    origin: Option<String>,
    at_ms: i64,
    /// The execution context that it comes from.
    pub(super) context: Option<i64>,
}

/// The level of a `Runtime.consoleAPICalled`: most messages are not recorded, and their values not parsed.
#[derive(Deserialize)]
pub(super) struct Level {
    #[serde(rename = "type")]
    name: String,
}

/// A call of the console: `Runtime.consoleAPICalled`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Called {
    args: Vec<RemoteValue>,
    timestamp: f64,
    execution_context_id: Option<i64>,
    stack_trace: Option<StackTrace>,
}

/// An uncaught error: `Runtime.exceptionThrown`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Thrown {
    timestamp: f64,
    exception_details: Exception,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Exception {
    /// `Uncaught`, or `Uncaught (in promise)`.
    text: String,
    exception: Option<RemoteValue>,
    execution_context_id: Option<i64>,
    #[serde(default)]
    url: String,
    line_number: u64,
    column_number: u64,
}

/// A value of the page: a primitive has a value, an object a description.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RemoteValue {
    #[serde(rename = "type")]
    kind: String,
    value: Option<Value>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StackTrace {
    call_frames: Vec<Place>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    #[serde(default)]
    url: String,
    line_number: u64,
    column_number: u64,
}

impl Level {
    /// Returns the name of a recorded level in rrweb's plugin.
    pub(super) fn recorded(&self) -> Option<&'static str> {
        match &*self.name {
            "error" => Some("error"),
            "assert" => Some("assert"),
            "warning" => Some("warn"),
            _ => None,
        }
    }
}

impl Called {
    pub(super) fn message(self, level: &'static str) -> ConsoleMessage {
        let values = self.args.iter().take(MAX_VALUES).map(RemoteValue::text);
        let frames = self.stack_trace.map(|stack| stack.call_frames);
        ConsoleMessage {
            level,
            text: values.collect::<Vec<_>>().join(" "),
            origin: frames.and_then(|frames| frames.first()?.origin()),
            at_ms: self.timestamp as i64,
            context: self.execution_context_id,
        }
    }
}

impl Thrown {
    pub(super) fn message(self) -> ConsoleMessage {
        let details = self.exception_details;
        let what = details.exception.map(|value| value.text());
        let place = Place {
            url: details.url,
            line_number: details.line_number,
            column_number: details.column_number,
        };
        ConsoleMessage {
            level: "error",
            text: [details.text, what.unwrap_or_default()].join(" "),
            origin: place.origin(),
            at_ms: self.timestamp as i64,
            context: details.execution_context_id,
        }
    }
}

impl RemoteValue {
    fn text(&self) -> String {
        match (&self.value, &self.description) {
            (Some(Value::String(text)), _) => text.clone(),
            (_, Some(description)) => description.clone(),
            (Some(value), None) => value.to_string(),
            (None, None) => self.kind.clone(),
        }
    }
}

impl Place {
    fn origin(&self) -> Option<String> {
        let (line, column) = (self.line_number + 1, self.column_number + 1);
        (!self.url.is_empty()).then(|| format!("{}:{line}:{column}", self.url))
    }
}

impl ConsoleMessage {
    /// Returns the size of its text in bytes.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Redacts the message, and appends it as an event of rrweb's console plugin.
    pub(super) fn append(&self, sink: &Sink, track: Text) {
        let clean = |text: &str| {
            let clean = sink.redact_text(&text[..text.floor_char_boundary(MAX_REDACTED)]);
            match clean.char_indices().nth(MAX_TEXT) {
                Some((end, _)) => format!("{}…", &clean[..end]),
                None => clean,
            }
        };
        // The plugin has each value as JSON.
        let text = Value::from(clean(&self.text)).to_string();
        let trace: Vec<_> = self.origin.iter().map(|origin| clean(origin)).collect();
        let event = json!({"type": 6, "timestamp": self.at_ms, "data": {
            "plugin": "rrweb/console@1",
            "payload": {"level": self.level, "payload": [text], "trace": trace},
        }});
        let chunk = Chunk::new(format!("{event}\n")).track(track);
        sink.append(match DateTime::from_timestamp_millis(self.at_ms) {
            Some(at) => chunk.between(at, at),
            None => chunk,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_warnings_are_read_with_their_values_and_origin() {
        let call = |level: &str| {
            let params = json!({
                "type": level, "timestamp": 1_700_000_000_000.5, "executionContextId": 3,
                "args": [
                    {"type": "string", "value": "POST /pay"}, {"type": "number", "value": 402, "description": "402"},
                    {"type": "object", "subtype": "error", "description": "Error: refused\n    at pay"},
                    {"type": "undefined"}, {"type": "object", "subtype": "null", "value": null},
                    {"type": "boolean", "value": true}
                ],
                "stackTrace": {"callFrames": [{"url": "https://shop.example/a.js", "lineNumber": 1, "columnNumber": 4}]}
            });
            let level: Level = serde_json::from_value(params.clone()).unwrap();
            let called: Called = serde_json::from_value(params).unwrap();
            level.recorded().map(|level| called.message(level))
        };
        let error = call("error").unwrap();
        assert_eq!(
            error.text,
            "POST /pay 402 Error: refused\n    at pay undefined object true"
        );
        assert_eq!(
            error.origin.as_deref(),
            Some("https://shop.example/a.js:2:5")
        );
        assert_eq!((error.at_ms, error.context), (1_700_000_000_000, Some(3)));
        let level = |name: &str| call(name).map(|message| message.level);
        assert_eq!(level("warning"), Some("warn"));
        assert_eq!(level("assert"), Some("assert"));
        assert_eq!(level("log"), None);
    }

    #[test]
    fn an_uncaught_error_is_an_error() {
        let params = json!({"timestamp": 5, "exceptionDetails": {
            "exceptionId": 1, "text": "Uncaught", "lineNumber": 0, "columnNumber": 9, "url": "https://shop.example/",
            "exception": {"type": "object", "subtype": "error", "description": "TypeError: x is not a function"}
        }});
        let thrown: Thrown = serde_json::from_value(params).unwrap();
        let thrown = thrown.message();
        assert_eq!(thrown.text, "Uncaught TypeError: x is not a function");
        assert_eq!(thrown.level, "error");
        assert_eq!(thrown.origin.as_deref(), Some("https://shop.example/:1:10"));
    }
}
