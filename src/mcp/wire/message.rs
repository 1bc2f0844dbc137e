//! What kind of message some fields are.

use std::{
    hash::{BuildHasher, RandomState},
    sync::OnceLock,
};

use serde_json::Value;

use super::fields::{Field, Fields};

/// The longest id that is held until the answer, as JSON in bytes: of a longer one its beginning and a hash.
const LONGEST_HELD: usize = 512;
/// The beginning of a longer id, in bytes.
const BEGINNING: usize = 128;

/// A message, by its fields.
#[derive(Debug)]
pub(in crate::mcp) enum Message {
    Request {
        id: Id,
        method: String,
    },
    Notification {
        method: String,
    },
    Response {
        id: Id,
        is_error: bool,
    },
    /// An object that is none of these, or whose id is neither a string nor a number.
    Unknown,
}

/// The id of a request: a number or a string. Its text is JSON, so that `1` and `"1"` differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::mcp) struct Id(String);

impl Message {
    pub(in crate::mcp) fn new(fields: &Fields) -> Self {
        // One that was cut might be that of another request.
        let id = fields
            .get(Field::Id)
            .map(|_| fields.value(Field::Id).as_ref().and_then(Id::new));
        let error = fields.get(Field::Error);
        let is_error = error.is_some_and(|error| error.json != b"null");
        let is_response = is_error || fields.get(Field::Result).is_some();
        match (fields.text(Field::Method), id) {
            (Some(method), Some(Some(id))) => Message::Request { id, method },
            (Some(method), None) => Message::Notification { method },
            (None, Some(Some(id))) if is_response => Message::Response { id, is_error },
            _ => Message::Unknown,
        }
    }
}

impl Id {
    /// Returns the id in a value; `None` if it is neither a number nor a string.
    pub(super) fn new(value: &Value) -> Option<Self> {
        // The largest whole number that programs with floating-point numbers send as they got it.
        const WHOLE: f64 = 9_007_199_254_740_992.0;
        match value {
            Value::String(text) => {
                let id = value.to_string();
                Some(Id(match id.len() > LONGEST_HELD {
                    true => Value::from(shortened(text)).to_string(),
                    false => id,
                }))
            }
            // For many programs 1 and 1.0 are one number.
            Value::Number(number) => Some(match number.as_f64() {
                Some(float) if float.fract() == 0.0 && float.abs() < WHOLE => {
                    Id((float as i64).to_string())
                }
                _ => Id(number.to_string()),
            }),
            _ => None,
        }
    }

    /// Returns its length as JSON, in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns it as it is shown: a string without its quotes.
    pub(super) fn shown(&self) -> String {
        match serde_json::from_str(&self.0) {
            Ok(Value::String(text)) => text,
            _ => self.0.clone(),
        }
    }
}

/// Returns the beginning of a long id, and a hash of it with a key of this process, so that no client can make two alike.
fn shortened(id: &str) -> String {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    let hash = KEY.get_or_init(RandomState::new).hash_one(id);
    let beginning = &id[..id.floor_char_boundary(BEGINNING)];
    format!("{beginning}…{hash:016x}")
}
