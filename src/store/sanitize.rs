//! Redaction and limits for everything that enters a record, recorded or imported. Redaction comes first.

use std::{
    borrow::Cow,
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use serde_json::Value;

#[cfg(feature = "postgres")]
use crate::record::{ActivityRecord, EventRecord};
use crate::{
    record::{Preview, Scope, Text, snake_case},
    redact::{RawPreview, Redactor, RedactorPanicked},
    store::{
        Batch, Details, NewEvent, Payloads, StartedActivity,
        raw_attributes::{MAX_SCANNED_BYTES, RawAttribute},
    },
};

/// The most attributes an activity keeps.
const MAX_ATTRIBUTES: usize = 64;
/// The attribute that links an activity to the trace of its request, beside that of its parent.
pub(crate) const TRACE_LINK: &str = "trace.link";
/// The attribute with the number of log lines that were dropped.
pub(crate) const DROPPED_COUNT: &str = "log.dropped_count";
/// Our own, which are kept beside the most.
const UNCOUNTED_ATTRIBUTES: [&str; 2] = [TRACE_LINK, DROPPED_COUNT];
/// The largest attribute in bytes, as JSON.
const MAX_ATTRIBUTE_BYTES: usize = 4096;
/// The longest name, scope text or attribute key in bytes.
const MAX_TEXT_BYTES: usize = 256;
/// The longest sanitized name in bytes, with the ellipsis of one that was cut.
pub(crate) const MAX_NAME_BYTES: usize = MAX_TEXT_BYTES + '…'.len_utf8();
/// The longest name, type or scope text of a record in a central store, in bytes without the ellipsis: twice the limit of a file,
/// because those in the source of a program have none, and types grow when they become snake_case.
#[cfg(feature = "postgres")]
const MAX_CENTRAL_TEXT_BYTES: usize = 2 * MAX_TEXT_BYTES - '…'.len_utf8();
/// The most attributes there.
#[cfg(feature = "postgres")]
const MAX_CENTRAL_ATTRIBUTES: usize = MAX_ATTRIBUTES + UNCOUNTED_ATTRIBUTES.len();
/// The longest message in bytes.
const MAX_MESSAGE_BYTES: usize = 2048;
/// The longest reference or deduplication key of an event in bytes.
const MAX_REFERENCE_BYTES: usize = 1024;
/// The largest data of an event in bytes, as JSON.
const MAX_DATA_BYTES: usize = 64 << 10;
/// Values larger than this many times their limit are dropped without a scan: redaction would not shorten them enough.
const SCAN_FACTOR: usize = 4;
/// Replaces a value whose redactor panicked.
const WITHHELD: Text = Text::from_static("[withheld: the redactor panicked]");

/// Redacts and limits everything that enters a record, and counts panics of the redactor.
///
/// `&'static str` values are not redacted: they are known at compile time and hold no secrets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sanitizer<'a> {
    redactor: &'a Redactor,
    panics: &'a AtomicU64,
}

/// A redacted attribute and its size.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) key: Text,
    pub(crate) value: Value,
    /// Its size as JSON, in bytes.
    bytes: usize,
}

impl<'a> Sanitizer<'a> {
    pub(crate) fn new(redactor: &'a Redactor, panics: &'a AtomicU64) -> Self {
        Sanitizer { redactor, panics }
    }

    /// Sanitizes a name or a scope text.
    pub(crate) fn text(self, text: Text) -> Text {
        self.clean(text, MAX_TEXT_BYTES)
    }

    /// Sanitizes an error message.
    pub(crate) fn message(self, text: Text) -> Text {
        self.clean(text, MAX_MESSAGE_BYTES)
    }

    /// Sanitizes the type of an event and converts it to snake_case; empty if it has no letters or digits.
    pub(crate) fn event_type(self, text: Text) -> Text {
        snake_case(&self.text(text))
    }

    /// Sanitizes the texts and data of an event. Dropping one marks the event as truncated.
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

    /// Redacts a payload captured in this process. `None` if the redactor panicked.
    fn captured(self, captured: &RawPreview) -> Option<Preview> {
        self.redactor
            .raw_preview(captured)
            .inspect_err(|RedactorPanicked| drop(self.withheld()))
            .ok()
    }

    /// Sanitizes the raw attributes of a batch, and redacts its captured payloads.
    pub(crate) fn batch(self, batch: &mut Batch) {
        let ended = batch.ended.iter_mut().map(|ended| &mut ended.started);
        for started in ended.chain(&mut batch.open) {
            if !started.raw.is_empty() {
                self.raw_attributes(started);
            }
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

    /// Redacts a preview that is already capped. `None` if the redactor panicked.
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

    /// Sanitizes every text of a scope.
    pub(crate) fn scope(self, scope: &mut Arc<Scope>) {
        let needs_redaction = |one: &Option<Text>| one.as_ref().is_some_and(|one| !one.is_static());
        if scope.texts().into_iter().any(needs_redaction) {
            for one in Arc::make_mut(scope).texts_mut() {
                *one = one.take().map(|one| self.text(one));
            }
        }
    }

    /// Sanitizes an attribute.
    pub(crate) fn attribute(self, key: Text, value: Value) -> Attribute {
        let is_own = key.is_own();
        self.attribute_of(self.text(key), is_own, value)
    }

    /// Sanitizes an attribute that was copied unredacted.
    pub(crate) fn raw_attribute(self, raw: RawAttribute<'_>) -> Attribute {
        let key = match raw.is_static() {
            true => raw.key(),
            false => self.text(raw.key()),
        };
        self.attribute_of(key, raw.is_own(), raw.value)
    }

    /// Sanitizes the value of an attribute.
    fn attribute_of(self, key: Text, is_own: bool, value: Value) -> Attribute {
        if json_bytes(&value) > MAX_SCANNED_BYTES {
            return Attribute {
                key,
                value: Value::Null,
                bytes: MAX_SCANNED_BYTES,
            };
        }
        let value = match value {
            // These hold no secret.
            plain @ (Value::Null | Value::Bool(_)) => plain,
            value if is_own => self.or_withheld(self.redactor.builtin_field(&key, value)),
            value => self.value(&key, value),
        };
        Attribute::new(key, value)
    }

    /// Sanitizes all attributes known at the start. Those beyond the limits are dropped.
    pub(crate) fn attributes(self, all: Vec<(Text, Value)>, details: &mut Details) {
        details
            .attributes
            .reserve_exact(all.len().min(MAX_ATTRIBUTES));
        for (key, value) in all {
            self.attribute(key, value).add_to(details);
        }
    }

    /// Sanitizes the raw attributes of an activity, and adds them to its others, which were set later.
    pub(crate) fn raw_attributes(self, started: &mut StartedActivity) {
        let raw = mem::take(&mut started.raw);
        let details = started.details.get_or_insert_default();
        let others = mem::take(&mut details.attributes);
        let most = (raw.len() + others.len() + raw.at_end().count()).min(MAX_ATTRIBUTES);
        details.attributes.reserve_exact(most);
        for one in raw.iter() {
            self.raw_attribute(one).add_to(details);
        }
        for (key, value) in others.into_iter().chain(raw.at_end()) {
            Attribute::new(key, value).add_to(details);
        }
    }

    /// Counts a panic of the redactor. Returns the placeholder.
    pub(crate) fn withheld(self) -> Text {
        self.panics.fetch_add(1, Relaxed);
        WITHHELD
    }

    /// Returns the deduplication key unchanged, or `None` if it holds a secret or is too long: two redacted or cut keys may
    /// become equal, and a duplicate event is better than a lost one.
    fn dedup_key(self, text: Text) -> Option<Text> {
        let clean = self.clean(text.clone(), MAX_REFERENCE_BYTES);
        (clean == text).then_some(text)
    }

    /// Sanitizes the data of an event. `None` if they are too large.
    fn data(self, value: Value) -> Option<String> {
        if json_bytes(&value) > SCAN_FACTOR * MAX_DATA_BYTES {
            return None;
        }
        let mut json = self.value("data", value).to_string();
        // The string grew by doubling, and its capacity counts against the memory limit.
        json.shrink_to_fit();
        Some(json).filter(|json| json.len() <= MAX_DATA_BYTES)
    }

    fn value(self, key: &str, value: Value) -> Value {
        self.or_withheld(self.redactor.value(key, value))
    }

    fn or_withheld(self, clean: Result<Value, RedactorPanicked>) -> Value {
        clean.unwrap_or_else(|RedactorPanicked| Value::from(self.withheld().as_str()))
    }

    #[inline]
    fn clean(self, text: Text, cap: usize) -> Text {
        match text.is_static() {
            true => text,
            false => self.redacted(text, cap),
        }
    }

    /// Out of line: most names and keys are static.
    #[inline(never)]
    fn redacted(self, text: Text, cap: usize) -> Text {
        match self.redactor.capped(&text, cap) {
            Ok(Cow::Borrowed(_)) => text,
            Ok(Cow::Owned(clean)) => Text::from(clean),
            Err(RedactorPanicked) => self.withheld(),
        }
    }
}

impl Attribute {
    /// Returns an attribute that is redacted, or needs no redaction.
    pub(crate) fn new(key: Text, value: Value) -> Self {
        let bytes = key.len() + json_bytes(&value) + 4;
        Attribute { key, value, bytes }
    }

    /// Adds the attribute to the record, or marks the record as truncated if it exceeds a limit. Returns the rejected
    /// attribute, or the value that it replaced.
    pub(crate) fn add_to(mut self, details: &mut Details) -> Option<Attribute> {
        if self.bytes > MAX_ATTRIBUTE_BYTES {
            details.truncated = true;
            return Some(self);
        }
        if let Some(value) = details.attribute_mut(&self.key) {
            mem::swap(value, &mut self.value);
            return Some(self);
        }
        let is_own = UNCOUNTED_ATTRIBUTES.contains(&&*self.key);
        if details.attributes.len() >= MAX_ATTRIBUTES && !is_own {
            details.truncated = true;
            return Some(self);
        }
        details.add(self.key, self.value);
        None
    }
}

/// Returns a copy of an activity within the limits of a central store; `None` if it is within them. Activities of a file are, but for
/// names in the source of more than half a kilobyte.
#[cfg(feature = "postgres")]
pub(crate) fn limited_activity(one: &ActivityRecord) -> Option<ActivityRecord> {
    let is_long =
        |(key, value): &(&String, &Value)| key.len() + json_bytes(value) > MAX_ATTRIBUTE_BYTES;
    let mut attributes = one.attributes.iter().take(MAX_CENTRAL_ATTRIBUTES);
    let is_within = !is_longer(Some(&one.name), MAX_CENTRAL_TEXT_BYTES)
        && !is_longer(one.error_type.as_ref(), MAX_CENTRAL_TEXT_BYTES)
        && !is_longer(one.message.as_ref(), MAX_MESSAGE_BYTES)
        && !one
            .scope
            .texts()
            .into_iter()
            .any(|text| is_longer(text.as_ref(), MAX_CENTRAL_TEXT_BYTES))
        && one.attributes.len() <= MAX_CENTRAL_ATTRIBUTES
        && !attributes.any(|one| is_long(&one));
    if is_within {
        return None;
    }
    let mut one = one.clone();
    one.name = cut(one.name, MAX_CENTRAL_TEXT_BYTES);
    one.error_type = one.error_type.map(|text| cut(text, MAX_CENTRAL_TEXT_BYTES));
    one.message = one.message.map(|text| cut(text, MAX_MESSAGE_BYTES));
    limit_scope(&mut one.scope);
    let before = one.attributes.len();
    let attributes = one.attributes.into_iter();
    let kept = attributes.filter(|(key, value)| !is_long(&(key, value)));
    one.attributes = kept.take(MAX_CENTRAL_ATTRIBUTES).collect();
    one.truncated |= one.attributes.len() < before;
    Some(one)
}

/// Returns a copy of an event within the limits of a central store; `None` if it is within them.
#[cfg(feature = "postgres")]
pub(crate) fn limited_event(one: &EventRecord) -> Option<EventRecord> {
    // A byte is up to six in JSON.
    let is_long = |data: &Value| {
        json_bytes(data) > MAX_DATA_BYTES / 6 && data.to_string().len() > MAX_DATA_BYTES
    };
    let has_long_data = one.data.as_ref().is_some_and(is_long);
    let is_within = !has_long_data
        && !is_longer(Some(&one.event_type), MAX_CENTRAL_TEXT_BYTES)
        && !is_longer(one.summary.as_ref(), MAX_MESSAGE_BYTES)
        && !is_longer(one.reference.as_ref(), MAX_REFERENCE_BYTES)
        && !one
            .scope
            .texts()
            .into_iter()
            .any(|text| is_longer(text.as_ref(), MAX_CENTRAL_TEXT_BYTES));
    if is_within {
        return None;
    }
    let mut one = one.clone();
    one.event_type = cut(one.event_type, MAX_CENTRAL_TEXT_BYTES);
    one.summary = one.summary.map(|text| cut(text, MAX_MESSAGE_BYTES));
    one.reference = one.reference.map(|text| cut(text, MAX_REFERENCE_BYTES));
    limit_scope(&mut one.scope);
    if has_long_data {
        (one.data, one.truncated) = (None, true);
    }
    Some(one)
}

#[cfg(feature = "postgres")]
fn limit_scope(scope: &mut Scope) {
    for text in scope.texts_mut() {
        *text = text.take().map(|text| cut(text, MAX_CENTRAL_TEXT_BYTES));
    }
}

/// Whether a text is longer than one that was cut, with the ellipsis.
#[cfg(feature = "postgres")]
fn is_longer(text: Option<&Text>, max: usize) -> bool {
    text.is_some_and(|text| text.len() > max + '…'.len_utf8())
}

#[cfg(feature = "postgres")]
fn cut(text: Text, max: usize) -> Text {
    match is_longer(Some(&text), max) {
        true => format!("{}…", &text[..text.floor_char_boundary(max)]).into(),
        false => text,
    }
}

/// Estimates the size of a value as JSON, in bytes.
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
