//! Redaction of JSON: by key, by text, in JSON within texts, in lists of pairs.

use serde_json::{Map, Value};

use crate::redact::{REDACTED, Rules, patterns};

/// What is nested deeper is not looked at, and not kept.
const MAX_DEPTH: usize = 64;
const TOO_DEEP: &str = "[too deep]";

impl Rules {
    /// Redacts a value that stands under a key.
    pub(super) fn walk(&self, key: &str, value: &mut Value, depth: usize) {
        if !value.is_null() && self.is_secret(key) {
            *value = REDACTED.into();
            return;
        }
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                if !self.off
                    && patterns::is_card(&number.to_string())
                    && number.to_string().starts_with(['2', '3', '4', '5', '6'])
                {
                    *value = REDACTED.into();
                }
            }
            Value::String(text) => {
                if let Some(clean) = self.string(key, text, depth) {
                    *text = clean;
                }
            }
            Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => *value = TOO_DEEP.into(),
            Value::Array(items) => self.list(key, items, depth + 1),
            Value::Object(fields) => self.object(fields, depth + 1),
        }
    }

    /// What a text becomes; `None` where it stays.
    fn string(&self, key: &str, text: &str, depth: usize) -> Option<String> {
        let looks_like_json = text.starts_with(['{', '[', '"']) && text.ends_with(['}', ']', '"']);
        if looks_like_json
            && depth < MAX_DEPTH
            && let Ok(inner) = serde_json::from_str::<Value>(text)
        {
            let mut clean = inner.clone();
            self.walk("", &mut clean, depth + 1);
            return (clean != inner).then(|| clean.to_string());
        }
        match self.text(key, text) {
            std::borrow::Cow::Borrowed(_) => None,
            std::borrow::Cow::Owned(clean) => Some(clean),
        }
    }

    /// A list; one of two texts may be a pair, as headers are: `["Authorization", "Bearer .."]`.
    fn list(&self, key: &str, items: &mut [Value], depth: usize) {
        if let [Value::String(name), value] = items
            && self.is_secret(name)
        {
            *value = REDACTED.into();
            return;
        }
        for item in items {
            self.walk(key, item, depth);
        }
    }

    /// An object; one with a name and a value may be a pair: `{"name": "api_key", "value": ".."}`.
    fn object(&self, fields: &mut Map<String, Value>, depth: usize) {
        let named = ["name", "key", "header"]
            .iter()
            .filter_map(|name| fields.get(*name).and_then(Value::as_str))
            .any(|name| self.is_secret(name));
        if named && let Some(value) = fields.get_mut("value") {
            *value = REDACTED.into();
        }
        let dirty: Vec<String> = fields
            .keys()
            .filter(|key| matches!(self.text("", key), std::borrow::Cow::Owned(_)))
            .cloned()
            .collect();
        for key in dirty {
            if let Some(value) = fields.remove(&key) {
                fields.insert(self.text("", &key).into_owned(), value);
            }
        }
        for (key, value) in fields {
            self.walk(key, value, depth);
        }
    }
}
