//! What enters a record, recorded or imported: redacted first, then within limits.

use std::{
    borrow::Cow,
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use serde_json::Value;

use crate::{
    record::{Preview, Scope, Text, snake_case},
    redact::{RawPreview, Redactor, RedactorPanicked},
    store::{Batch, Details, NewEvent, batch::Payloads},
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
/// So many times what is kept is not looked at: redacting makes a value shorter, but not by that much.
const FAR: usize = 4;
/// What stands for a value whose redactor panicked.
const WITHHELD: Text = Text::from_static("[withheld: the redactor panicked]");

/// The rules for everything that enters a record: a redactor, the limits, and a count of the redactor's panics.
///
/// Texts known at compile time hold no secrets: they are taken as they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sanitizer<'a> {
    redactor: &'a Redactor,
    panics: &'a AtomicU64,
}

/// An attribute that may be kept: redacted, its size known.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) key: Text,
    pub(crate) value: Value,
    /// Its size as JSON.
    bytes: usize,
}

impl<'a> Sanitizer<'a> {
    pub(crate) fn new(redactor: &'a Redactor, panics: &'a AtomicU64) -> Self {
        Sanitizer { redactor, panics }
    }

    /// A name or a scope text.
    pub(crate) fn text(self, text: Text) -> Text {
        self.clean(text, MAX_TEXT_BYTES)
    }

    /// What an error said.
    pub(crate) fn message(self, text: Text) -> Text {
        self.clean(text, MAX_MESSAGE_BYTES)
    }

    /// The type of an event in snake_case; empty where it has no letters or digits.
    pub(crate) fn event_type(self, text: Text) -> Text {
        snake_case(&self.text(text))
    }

    /// Everything that is said about an event, and its data; what is left out marks it as truncated.
    pub(crate) fn event(self, event: &mut NewEvent, data: Option<Value>) {
        event.summary = event.summary.take().map(|text| self.message(text));
        event.reference =
            (event.reference.take()).map(|text| self.clean(text, MAX_REFERENCE_BYTES));
        if let Some(data) = data {
            event.data = self.data(data);
            event.truncated |= event.data.is_none();
        }
        if let Some(key) = event.dedup_key.take() {
            event.dedup_key = self.dedup_key(key);
            event.truncated |= event.dedup_key.is_none();
        }
    }

    /// A payload of this process. `None` where its redactor panicked.
    fn captured(self, captured: &RawPreview) -> Option<Preview> {
        self.redactor
            .raw_preview(captured)
            .inspect_err(|RedactorPanicked| drop(self.withheld()))
            .ok()
    }

    /// The payloads that the activities of a batch captured.
    pub(crate) fn batch(self, batch: &mut Batch) {
        let ended = batch.ended.iter_mut().map(|ended| &mut ended.started);
        for started in ended.chain(&mut batch.open) {
            if let Some(details) = &mut started.details {
                let Payloads { input, output } = mem::take(&mut details.captured);
                if let Some(input) = input {
                    details.input = self.captured(&input);
                }
                if let Some(output) = output {
                    details.output = self.captured(&output);
                }
            }
        }
    }

    /// A payload that was capped before. `None` where its redactor panicked.
    pub(crate) fn preview(self, mut preview: Preview) -> Option<Preview> {
        match self.redactor.text(&preview.text) {
            Ok(Cow::Borrowed(_)) => {}
            Ok(Cow::Owned(clean)) => preview.text = clean,
            Err(RedactorPanicked) => {
                self.withheld();
                return None;
            }
        }
        Some(preview)
    }

    /// Every text of a scope.
    pub(crate) fn scope(self, scope: &mut Arc<Scope>) {
        let dirty = |one: &Option<Text>| one.as_ref().is_some_and(|one| !one.is_static());
        if scope.texts().into_iter().any(dirty) {
            for one in Arc::make_mut(scope).texts_mut() {
                *one = one.take().map(|one| self.text(one));
            }
        }
    }

    /// An attribute.
    pub(crate) fn attribute(self, key: Text, value: Value) -> Attribute {
        let key = self.text(key);
        if json_bytes(&value) > FAR * MAX_ATTRIBUTE_BYTES {
            return Attribute {
                key,
                value: Value::Null,
                bytes: FAR * MAX_ATTRIBUTE_BYTES,
            };
        }
        let value = match value {
            // Nothing in these can be a secret, unless their key says so.
            plain @ (Value::Null | Value::Bool(_)) => plain,
            value => match key.own_name() {
                Some(name) => self.kept(self.redactor.builtin_field(name, value)),
                None => self.value(&key, value),
            },
        };
        Attribute::new(key, value)
    }

    /// All attributes that are known at the start. They stay in their vector, as far as the limits allow.
    pub(crate) fn attributes(self, mut all: Vec<(Text, Value)>, details: &mut Details) {
        let mut kept = 0;
        for at in 0..all.len() {
            let (key, value) = mem::replace(&mut all[at], (Text::own(""), Value::Null));
            let attribute = self.attribute(key, value);
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
        details.attributes = all;
    }

    /// Counts a panic of the redactor. Returns what stands instead.
    pub(crate) fn withheld(self) -> Text {
        self.panics.fetch_add(1, Relaxed);
        WITHHELD
    }

    /// The key of an event as it is. `None` where it holds a secret or is too long: two keys of which something is
    /// left out may look alike, and one event too many is better than one too few.
    fn dedup_key(self, text: Text) -> Option<Text> {
        let clean = self.clean(text.clone(), MAX_REFERENCE_BYTES);
        (clean == text).then_some(text)
    }

    /// The data of an event. `None` where they are too large.
    fn data(self, value: Value) -> Option<String> {
        if json_bytes(&value) > FAR * MAX_DATA_BYTES {
            return None;
        }
        let mut json = self.value("data", value).to_string();
        // It grew by doubling, and what it takes is charged.
        json.shrink_to_fit();
        Some(json).filter(|json| json.len() <= MAX_DATA_BYTES)
    }

    fn value(self, key: &str, value: Value) -> Value {
        self.kept(self.redactor.value(key, value))
    }

    fn kept(self, clean: Result<Value, RedactorPanicked>) -> Value {
        clean.unwrap_or_else(|RedactorPanicked| Value::from(self.withheld().as_str()))
    }

    fn clean(self, text: Text, cap: usize) -> Text {
        if text.is_static() {
            return text;
        }
        match self.redactor.capped(&text, cap) {
            Ok(Cow::Borrowed(_)) => text,
            Ok(Cow::Owned(clean)) => Text::from(clean),
            Err(RedactorPanicked) => self.withheld(),
        }
    }
}

impl Attribute {
    /// One that was redacted, or needs no redaction.
    pub(crate) fn new(key: Text, value: Value) -> Self {
        let bytes = key.len() + json_bytes(&value) + 4;
        Attribute { key, value, bytes }
    }

    /// Keeps it where the limits allow, else marks the record as truncated. Returns what is not kept: the attribute, or
    /// the value that it replaces.
    pub(crate) fn keep(mut self, details: &mut Details) -> Option<Attribute> {
        if self.bytes > MAX_ATTRIBUTE_BYTES {
            details.truncated = true;
            return Some(self);
        }
        if let Some(value) = details.attribute_mut(&self.key) {
            mem::swap(value, &mut self.value);
            return Some(self);
        }
        if details.attributes.len() >= MAX_ATTRIBUTES {
            details.truncated = true;
            return Some(self);
        }
        details.add(self.key, self.value);
        None
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
