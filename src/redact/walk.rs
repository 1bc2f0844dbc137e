//! Redaction of JSON that is parsed: by key, by text, in lists of pairs; and of its strings by functions.

use serde_json::{Map, Value};

use crate::redact::{
    REDACTED, Rules, cards,
    naming::{NAMING, VALUES},
};

/// What is nested deeper is not looked at, and not kept.
const MAX_DEPTH: usize = 96;
const TOO_DEEP: &str = "[too deep]";

/// Fields of a schema: `{"type": "string"}` describes a password and is none.
const SCHEMA: &[&str] = &["type", "$ref", "anyOf", "oneOf", "allOf"];

/// One walk through a value.
pub(super) struct Walk<'a> {
    pub(super) rules: &'a Rules,
    /// True when something was nested too deep.
    pub(super) too_deep: bool,
}

impl Walk<'_> {
    /// What a value becomes that stands under a key.
    pub(super) fn value(&mut self, key: &str, value: &Value, depth: usize) -> Value {
        if may_be_secret(value) && self.rules.is_secret(key) {
            return REDACTED.into();
        }
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(number) => {
                let digits = number.to_string();
                if !self.rules.off && cards::is_card(digits.as_bytes()) {
                    return REDACTED.into();
                }
                self.rules
                    .own_text(key, &digits)
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

    /// A list; one of two may be a pair, as headers are: `["Authorization", "Bearer .."]`. In one of a program's arguments
    /// an option may come before its value: `["--password", ".."]`.
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
                (pair || name.starts_with("--")) && self.rules.is_secret(name)
            });
            clean.push(self.value(key, item, depth));
        }
        Value::Array(clean)
    }

    /// An object; one with a name and a value may be a pair: `{"name": "api_key", "value": ".."}`.
    fn object(&mut self, fields: &Map<String, Value>, depth: usize) -> Value {
        let named = fields.iter().any(|(key, value)| {
            let name = value
                .as_str()
                .filter(|_| NAMING.has_any_case(key.as_bytes()));
            name.is_some_and(|name| self.rules.is_secret(name))
        });
        let mut clean = Map::new();
        for (key, value) in fields {
            let kept_key = self.rules.string("", key).into_owned();
            let is_value = named && VALUES.has_any_case(key.as_bytes()) && may_be_secret(value);
            let kept = if is_value {
                REDACTED.into()
            } else {
                self.value(key, value, depth)
            };
            clean.insert(kept_key, kept);
        }
        Value::Object(clean)
    }
}

/// The JSON, which may be cut off, in which every string is what `change` makes of it under its key.
pub(super) fn strings(json: &str, change: impl Fn(&str, &str) -> Option<String>) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    let mut key = String::new();
    while let Some(at) = rest.find('"') {
        out.push_str(&rest[..at]);
        let (string, behind) = rest[at..].split_at(string_len(&rest[at..]));
        // The last one may have no end.
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
            // Cut off within an escape: what cannot be shown to the functions is not kept.
            Err(_) => out.push('"'),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// How long the string is that the text begins with.
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

/// Drops a value however deep it is nested: the way of the compiler needs a stack as deep as it is.
pub(super) fn drop_deep(value: Value) {
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(fields) => rest.extend(fields.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

/// Nothing, yes and no, and an empty text give nothing away.
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
