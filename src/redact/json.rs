//! Redaction of parsed JSON by keys, texts and pairs, and of the strings of JSON text by custom functions.

use serde_json::{Map, Value};

use crate::redact::{
    REDACTED, Rules, cards,
    name_field::{NAME_FIELDS, VALUE_FIELDS},
};

/// Maximum nesting depth; deeper values are replaced.
const MAX_DEPTH: usize = 96;
const TOO_DEEP: &str = "[too deep]";

/// The smallest number with as many digits as a card number has.
const MIN_CARD: u64 = 1_000_000_000_000;

/// Fields of a schema: `{"type": "string"}` describes a password.
const SCHEMA: &[&str] = &["type", "$ref", "anyOf", "oneOf", "allOf"];

/// Redacts one value.
pub(super) struct JsonRedactor<'a> {
    pub(super) rules: &'a Rules,
    /// True if a value was nested too deeply.
    pub(super) too_deep: bool,
}

impl JsonRedactor<'_> {
    /// Redacts a value under a key.
    pub(super) fn value(&mut self, key: &str, value: &Value, depth: usize) -> Value {
        if may_be_secret(value) && self.rules.is_secret(key) {
            return REDACTED.into();
        }
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            // Too short for a card number.
            Value::Number(number)
                if self.rules.functions.is_empty()
                    && number.as_u64().is_some_and(|number| number < MIN_CARD) =>
            {
                value.clone()
            }
            Value::Number(number) => {
                let digits = number.to_string();
                if !self.rules.off && cards::is_card(digits.as_bytes()) {
                    return REDACTED.into();
                }
                self.rules
                    .apply_functions(key, &digits)
                    .map_or_else(|| value.clone(), Value::from)
            }
            Value::String(text) => self.rules.string(key, text).into(),
            Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => {
                self.too_deep = true;
                TOO_DEEP.into()
            }
            Value::Array(items) => self.list(key, items, depth + 1),
            Value::Object(fields) => self.object(fields, depth + 1),
        }
    }

    /// Redacts a list. One of two items may be a pair, like a header: `["Authorization", "Bearer …"]`. In a list of
    /// arguments, an option precedes its value: `["--password", "…"]`.
    fn list(&mut self, key: &str, items: &[Value], depth: usize) -> Value {
        let mut named = false;
        let mut clean = Vec::with_capacity(items.len());
        for item in items {
            if std::mem::take(&mut named) && may_be_secret(item) {
                clean.push(REDACTED.into());
                continue;
            }
            named = item.as_str().is_some_and(|name| {
                let pair = items.len() == 2 && clean.is_empty();
                (pair || name.starts_with("--")) && self.is_secret_name(name)
            });
            clean.push(self.value(key, item, depth));
        }
        Value::Array(clean)
    }

    /// Redacts an object. One with a name and a value may be a pair: `{"name": "api_key", "value": "…"}`.
    fn object(&mut self, fields: &Map<String, Value>, depth: usize) -> Value {
        let named = fields.iter().any(|(key, value)| {
            let name = value
                .as_str()
                .filter(|_| NAME_FIELDS.has_any_case(key.as_bytes()));
            name.is_some_and(|name| self.is_secret_name(name))
        });
        let mut clean = Map::new();
        for (key, value) in fields {
            let clean_key = self.rules.string("", key).into_owned();
            let is_value =
                named && VALUE_FIELDS.has_any_case(key.as_bytes()) && may_be_secret(value);
            let clean_value = if is_value {
                REDACTED.into()
            } else {
                self.value(key, value, depth)
            };
            clean.insert(clean_key, clean_value);
        }
        Value::Object(clean)
    }

    /// True if a text names a secret beside it. A text in which something was redacted is no name: it would be a shorter key than
    /// before, and redacting again would change its neighbour.
    fn is_secret_name(&self, text: &str) -> bool {
        !text.contains(REDACTED) && self.rules.is_secret(text)
    }
}

/// Replaces every string value in JSON text, which may be truncated, by the result of `change`, which gets its key too.
pub(super) fn map_strings(json: &str, change: impl Fn(&str, &str) -> Option<String>) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    let mut key = String::new();
    while let Some(at) = rest.find('"') {
        out.push_str(&rest[..at]);
        let (string, behind) = rest[at..].split_at(string_len(&rest[at..]));
        // The last string may be truncated.
        let text = serde_json::from_str::<String>(string)
            .or_else(|_| serde_json::from_str(&format!("{string}\"")));
        match text {
            Ok(text) if behind.starts_with(':') => {
                out.push_str(string);
                key = text;
            }
            Ok(text) => match change(&key, &text) {
                Some(instead) => out.push_str(&Value::from(instead).to_string()),
                None => out.push_str(string),
            },
            // Truncated within an escape: dropped, because the functions cannot check it.
            Err(_) => out.push('"'),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// Returns the length of the string at the start of `text`.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Drops a deeply nested value without recursion, which could overflow the stack.
pub(super) fn drop_iteratively(value: Value) {
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(fields) => rest.extend(fields.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

/// False for null, booleans, empty strings and schemas.
fn may_be_secret(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !SCHEMA.iter().any(|name| {
            fields
                .get(*name)
                .is_some_and(|kind| kind.is_string() || kind.is_array())
        }),
        _ => true,
    }
}
