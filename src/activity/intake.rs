//! What enters a record: redacted first, then within limits, before anything else sees it.

use std::{
    mem,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use serde_json::Value;

use crate::{
    activity::span,
    pipeline::Shared,
    record::{Capture, Preview, Scope, Text},
    redact::RedactorPanicked,
    store::Details,
};

/// The most attributes an activity keeps.
const MAX_ATTRIBUTES: usize = 64;
/// The most bytes that one attribute takes as JSON.
const MAX_ATTRIBUTE_BYTES: usize = 4096;
/// The longest name, scope text or attribute key in bytes.
const MAX_TEXT_BYTES: usize = 256;
/// The longest message in bytes.
const MAX_MESSAGE_BYTES: usize = 2048;
/// The longest reference of an event, and the longest key, in bytes.
const MAX_REFERENCE_BYTES: usize = 1024;
/// The most bytes that the data of an event take as JSON.
const MAX_DATA_BYTES: usize = 64 << 10;
/// What stands for a payload whose redactor panicked.
const WITHHELD: Text = Text::from_static("[withheld: the redactor panicked]");

/// Redacts and caps a name or a scope text. Texts known at compile time hold no secrets.
pub(super) fn text(shared: &Shared, text: Text) -> Text {
    if text.is_static() {
        text
    } else {
        clean(shared, &text, MAX_TEXT_BYTES)
    }
}

/// Redacts and caps what an error said.
pub(super) fn message(shared: &Shared, text: Text) -> Text {
    if text.is_static() {
        text
    } else {
        clean(shared, &text, MAX_MESSAGE_BYTES)
    }
}

/// Redacts and caps what an event is about.
pub(super) fn reference(shared: &Shared, text: Text) -> Text {
    if text.is_static() {
        text
    } else {
        clean(shared, &text, MAX_REFERENCE_BYTES)
    }
}

/// The key of an event as it is. `None` where it holds a secret or is too long: two keys of which something is
/// left out may look alike, and one event too many is better than one too few.
pub(super) fn dedup_key(shared: &Shared, text: Text) -> Option<Text> {
    if text.is_static() {
        return Some(text);
    }
    let clean = clean(shared, &text, MAX_REFERENCE_BYTES);
    (clean == text).then_some(text)
}

/// Redacts the data of an event. `None` where they are too large.
pub(super) fn data(shared: &Shared, value: Value) -> Option<String> {
    let value = shared
        .config
        .redactor
        .value("data", value)
        .unwrap_or_else(|RedactorPanicked| Value::from(withheld(shared, WITHHELD).as_str()));
    let mut json = value.to_string();
    // It grew by doubling, and what it takes is charged.
    json.shrink_to_fit();
    Some(json).filter(|json| json.len() <= MAX_DATA_BYTES)
}

fn clean(shared: &Shared, text: &Text, cap: usize) -> Text {
    match shared.config.redactor.text(text) {
        Ok(clean) if clean.len() > cap => {
            Text::from(format!("{}…", &clean[..clean.floor_char_boundary(cap)]))
        }
        Ok(std::borrow::Cow::Borrowed(_)) => text.clone(),
        Ok(std::borrow::Cow::Owned(clean)) => Text::from(clean),
        Err(RedactorPanicked) => withheld(shared, WITHHELD),
    }
}

/// Redacts and caps every text of a scope.
pub(super) fn scope(shared: &Shared, scope: &mut Arc<Scope>) {
    let dirty = |one: &Option<Text>| one.as_ref().is_some_and(|one| !one.is_static());
    if scope.texts().into_iter().any(dirty) {
        for one in Arc::make_mut(scope).texts_mut() {
            *one = one.take().map(|one| text(shared, one));
        }
    }
}

/// An attribute that may be kept: redacted, its size known.
pub(super) struct Attribute {
    key: Text,
    value: Value,
    /// Its size as JSON.
    bytes: usize,
}

/// Redacts an attribute and measures it.
pub(super) fn attribute(shared: &Shared, key: Text, value: Value) -> Attribute {
    let key = text(shared, key);
    let value = match value {
        // Nothing in these can be a secret, unless their key says so.
        plain @ (Value::Null | Value::Bool(_)) => plain,
        value => {
            let redactor = &shared.config.redactor;
            let clean = match key.own_name() {
                Some(name) => redactor.named(name, value),
                None => redactor.value(&key, value),
            };
            clean
                .unwrap_or_else(|RedactorPanicked| Value::from(withheld(shared, WITHHELD).as_str()))
        }
    };
    let bytes = key.len() + json_bytes(&value) + 4;
    Attribute { key, value, bytes }
}

/// Redacts the attributes of a description and keeps them in their vector, as far as the limits allow. Returns what
/// they cost in memory.
pub(super) fn attributes(
    shared: &Shared,
    mut all: Vec<(Text, Value)>,
    details: &mut Details,
) -> usize {
    let mut kept = 0;
    for at in 0..all.len() {
        let (key, value) = mem::replace(&mut all[at], (Text::own(""), Value::Null));
        let attribute = attribute(shared, key, value);
        if attribute.bytes > MAX_ATTRIBUTE_BYTES {
            details.truncated = true;
            continue;
        }
        let mut before = all[..kept].iter_mut();
        if let Some((_, value)) = before.find(|(key, _)| *key == attribute.key) {
            *value = attribute.value;
        } else if kept < MAX_ATTRIBUTES {
            all[kept] = (attribute.key, attribute.value);
            kept += 1;
        } else {
            details.truncated = true;
        }
    }
    all.truncate(kept);
    let texts = all
        .iter()
        .map(|(key, value)| key.heap_bytes() + heap_bytes(value));
    let bytes = all.capacity() * size_of::<(Text, Value)>() + texts.sum::<usize>();
    details.attributes = all;
    bytes
}

/// A number under a name of our own: neither can be a secret.
pub(super) fn number(key: &'static str, number: u64) -> Attribute {
    let value = Value::from(number);
    let bytes = key.len() + json_bytes(&value) + 4;
    Attribute {
        key: Text::own(key),
        value,
        bytes,
    }
}

impl Attribute {
    /// Puts it on the span of its activity.
    pub(super) fn note_on(&self, span: &tracing::Span) {
        span::note(span, &self.key, &self.value);
    }

    /// What keeping it costs in memory.
    pub(super) fn charge(&self) -> usize {
        charge(self.key.heap_bytes(), &self.value)
    }

    /// Keeps it where the limits allow, else marks that something is missing. Returns the bytes that are not
    /// kept now: its own, or those of the value that it replaces.
    pub(super) fn keep(self, details: &mut Details) -> usize {
        if self.bytes > MAX_ATTRIBUTE_BYTES {
            details.truncated = true;
            return self.charge();
        }
        if let Some(value) = details.attribute_mut(&self.key) {
            let replaced = mem::replace(value, self.value);
            return charge(self.key.heap_bytes(), &replaced);
        }
        if details.attributes.len() >= MAX_ATTRIBUTES {
            details.truncated = true;
            return self.charge();
        }
        details.add(self.key, self.value);
        0
    }
}

/// What an attribute that counts costs in memory.
#[cfg(feature = "subscriber")]
pub(super) fn counter_charge() -> usize {
    charge(0, &0.into())
}

/// Adds one to an attribute that counts; the limits are for what the application says. Returns the bytes of
/// [`counter_charge`] that are not kept now, because it stood there already.
#[cfg(feature = "subscriber")]
pub(super) fn count_up(details: &mut Details, key: &'static str) -> usize {
    let Some(value) = details.attribute_mut(key) else {
        details.add(key.into(), 1.into());
        return 0;
    };
    let count = value.as_u64().unwrap_or(0).saturating_add(1);
    let replaced = mem::replace(value, count.into());
    charge(0, &replaced)
}

/// What an attribute costs in memory: its place in a vector that begins with four and grows by doubling, beside its
/// texts.
fn charge(key_bytes: usize, value: &Value) -> usize {
    3 * size_of::<(Text, Value)>() + key_bytes + heap_bytes(value)
}

/// Redacts and caps a payload. `None` where nothing is to be kept, or nothing can be.
pub(super) fn payload(
    shared: &Shared,
    payload: &impl serde::Serialize,
    capture: Capture,
) -> Option<Preview> {
    if capture == Capture::Off {
        return None;
    }
    // What an error says of a payload may quote it.
    let value = serde_json::to_value(payload)
        .unwrap_or_else(|error| Value::from(format!("not JSON: {error}")));
    match shared.config.redactor.preview(&value, capture.cap()) {
        Ok(mut preview) => {
            // It grew by doubling, and what it takes is charged.
            preview.text.shrink_to_fit();
            Some(preview)
        }
        Err(RedactorPanicked) => {
            withheld(shared, WITHHELD);
            None
        }
    }
}

fn withheld(shared: &Shared, instead: Text) -> Text {
    shared.redactor_panics.fetch_add(1, Relaxed);
    instead
}

/// What the first entry of a map takes beside its key and value, and what each entry does: a node of a B-tree
/// takes 632 bytes, whether it has one entry or eleven, and is half full at worst.
const MAP_BYTES: usize = 520;
const ENTRY_BYTES: usize = 120;

/// The bytes that a value takes beside itself.
fn heap_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.capacity(),
        Value::Array(items) => {
            items.capacity() * size_of::<Value>() + items.iter().map(heap_bytes).sum::<usize>()
        }
        Value::Object(fields) if fields.is_empty() => 0,
        Value::Object(fields) => {
            let entry =
                |(key, field): (&String, &Value)| ENTRY_BYTES + key.capacity() + heap_bytes(field);
            MAP_BYTES + fields.iter().map(entry).sum::<usize>()
        }
    }
}

/// About how many bytes a value takes as JSON.
fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 12,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| 1 + json_bytes(item)).sum::<usize>(),
        Value::Object(fields) => {
            2 + fields
                .iter()
                .map(|(key, field)| key.len() + 4 + json_bytes(field))
                .sum::<usize>()
        }
    }
}
