//! Redaction of JSON: by key, by text, in JSON within texts, in lists of pairs.

use std::borrow::Cow;

use serde_json::{Deserializer, Map, Value};

use crate::redact::{REDACTED, Rules, cards, keys::Key, plain::is_plain};

/// What is nested deeper is not looked at, and not kept.
const MAX_DEPTH: usize = 96;
const TOO_DEEP: &str = "[too deep]";

/// One walk through a value.
pub(super) struct Walk<'a> {
    rules: &'a Rules,
    /// How many bytes of text may still be asked for; beyond them nothing is looked at, and nothing kept.
    left: usize,
    /// True when something was nested too deep.
    pub(super) too_deep: bool,
}

impl<'a> Walk<'a> {
    /// A walk that keeps everything of which the first `limit` bytes are asked for.
    pub(super) fn new(rules: &'a Rules, limit: usize) -> Self {
        Walk {
            rules,
            left: limit,
            too_deep: false,
        }
    }

    /// What a value becomes that stands under a key.
    pub(super) fn value(&mut self, key: &str, value: &Value, depth: usize) -> Value {
        if self.left == 0 {
            return Value::Null;
        }
        if may_be_secret(value) && self.rules.is_secret(&Key::of(key)) {
            return self.keep(REDACTED.to_owned());
        }
        match value {
            Value::Null | Value::Bool(_) => {
                self.left = self.left.saturating_sub(1);
                value.clone()
            }
            Value::Number(number) => {
                let digits = number.to_string();
                if !self.rules.off && cards::is_card(digits.as_bytes()) {
                    return self.keep(REDACTED.to_owned());
                }
                self.left = self.left.saturating_sub(digits.len());
                match self.rules.own_text(key, &digits) {
                    Some(instead) => instead.into(),
                    None => value.clone(),
                }
            }
            Value::String(text) => {
                let clean = self.rules.string(key, text, depth).into_owned();
                self.keep(clean)
            }
            Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => {
                self.too_deep = true;
                self.keep(TOO_DEEP.to_owned())
            }
            Value::Array(items) => self.list(key, items, depth + 1),
            Value::Object(fields) => self.object(fields, depth + 1),
        }
    }

    /// A list; one of two may be a pair, as headers are: `["Authorization", "Bearer .."]`. In one of a
    /// program's arguments an option may come before its value: `["--password", ".."]`.
    fn list(&mut self, key: &str, items: &[Value], depth: usize) -> Value {
        let pair = items.len() == 2;
        let mut named = false;
        let mut clean = Vec::with_capacity(items.len().min(self.left));
        for item in items {
            if self.left == 0 {
                break;
            }
            if named && may_be_secret(item) {
                clean.push(self.keep(REDACTED.to_owned()));
                named = false;
                continue;
            }
            named = item.as_str().is_some_and(|name| {
                (pair && clean.is_empty() || name.starts_with("--"))
                    && self.rules.is_secret(&Key::of(name))
            });
            clean.push(self.value(key, item, depth));
        }
        Value::Array(clean)
    }

    /// An object; one with a name and a value may be a pair: `{"name": "api_key", "value": ".."}`.
    fn object(&mut self, fields: &Map<String, Value>, depth: usize) -> Value {
        let named = fields.len() >= 2
            && ["name", "key", "header", "field"]
                .iter()
                .filter_map(|name| fields.get(*name).and_then(Value::as_str))
                .any(|name| self.rules.is_secret(&Key::of(name)));
        let mut clean = Map::new();
        for (key, value) in fields {
            if self.left == 0 {
                break;
            }
            let kept_key = self.rules.string("", key, depth).into_owned();
            self.left = self.left.saturating_sub(kept_key.len());
            let is_value = named && matches!(key.as_str(), "value" | "values" | "val");
            let kept = if is_value && may_be_secret(value) {
                self.keep(REDACTED.to_owned())
            } else {
                self.value(key, value, depth)
            };
            clean.insert(kept_key, kept);
        }
        Value::Object(clean)
    }

    fn keep(&mut self, text: String) -> Value {
        self.left = self.left.saturating_sub(text.len().max(1));
        Value::String(text)
    }
}

impl Rules {
    /// What a text becomes that may be JSON, or several JSON values one after another.
    pub(super) fn string<'a>(&self, key: &str, text: &'a str, depth: usize) -> Cow<'a, str> {
        let standard = self.patterns.is_empty() && self.own.is_empty();
        if standard && is_plain(text) {
            Cow::Borrowed(text)
        } else {
            self.searched(key, text, depth)
        }
    }

    pub(super) fn searched<'a>(&self, key: &str, text: &'a str, depth: usize) -> Cow<'a, str> {
        match self.json_within(text, depth) {
            Some(Some(clean)) => match self.own_text(key, &clean) {
                Some(instead) => Cow::Owned(instead),
                None => Cow::Owned(clean),
            },
            // Its texts are clean; a pattern of the application may still see more in the whole.
            Some(None) => self.with_own(key, Cow::Borrowed(text)),
            None => self.text(key, text),
        }
    }

    /// `None` where the text is no JSON, `Some(None)` where it is and nothing was found.
    fn json_within(&self, text: &str, depth: usize) -> Option<Option<String>> {
        let trimmed = text.trim();
        let looks_so = trimmed.starts_with(['{', '[', '"']) && trimmed.ends_with(['}', ']', '"']);
        if !looks_so || depth >= MAX_DEPTH {
            return None;
        }
        let values: Vec<Value> = Deserializer::from_str(trimmed)
            .into_iter()
            .collect::<Result<_, _>>()
            .ok()?;
        let mut walk = Walk::new(self, usize::MAX);
        let clean: Vec<Value> = values
            .iter()
            .map(|value| walk.value("", value, depth + 1))
            .collect();
        if clean == values {
            return Some(None);
        }
        let lines: Vec<String> = clean.iter().map(Value::to_string).collect();
        Some(Some(lines.join("\n")))
    }
}

/// The size of a value as JSON in bytes, however deep it is nested.
pub(super) fn json_bytes(value: &Value) -> u64 {
    let mut bytes = 0;
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        bytes += match value {
            Value::Null | Value::Bool(true) => 4,
            Value::Bool(false) => 5,
            Value::Number(number) => number.to_string().len(),
            Value::String(text) => text_bytes(text),
            Value::Array(items) => {
                rest.extend(items);
                2 + items.len().saturating_sub(1)
            }
            Value::Object(fields) => {
                rest.extend(fields.values());
                let keys: usize = fields.keys().map(|key| text_bytes(key) + 1).sum();
                2 + keys + fields.len().saturating_sub(1)
            }
        };
    }
    bytes as u64
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

fn text_bytes(text: &str) -> usize {
    let escapes: usize = text
        .bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
            0..0x20 => 5,
            _ => 0,
        })
        .sum();
    text.len() + 2 + escapes
}

/// Nothing, yes and no, and an empty text give nothing away.
fn may_be_secret(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}
