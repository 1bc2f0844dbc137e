//! Attributes and payloads of running activities: redacted, limited, and counted in bytes. The rules are those of
//! [`store::Intake`](crate::store::Intake).

use std::mem;

use serde::Serialize;
use serde_json::Value;

use crate::{
    activity::guarded::guarded,
    pipeline::{Change, Shared},
    record::{Capture, Text},
    redact::RawPreview,
    store::{Attribute, Details},
};

/// The preview of a payload whose serialization panicked.
const PANICKED: &str = "not JSON: its serialization panicked";

/// Adds the attributes of a description. Returns their cost in bytes.
pub(super) fn attributes(shared: &Shared, all: Vec<(Text, Value)>, details: &mut Details) -> usize {
    shared.intake().attributes(all, details);
    let all = &details.attributes;
    let texts = all
        .iter()
        .map(|(key, value)| key.heap_bytes() + heap_bytes(value));
    all.capacity() * size_of::<(Text, Value)>() + texts.sum::<usize>()
}

/// A numeric attribute whose key is defined by this crate: neither can be a secret.
pub(super) fn number(key: &'static str, number: u64) -> Attribute {
    Attribute::new(Text::own(key), number.into())
}

/// Adds a number at the end of an activity: without a cost if raw attributes have reserved room for it.
pub(super) fn add_at_end(change: &mut Change<'_>, key: &'static str, value: u64) {
    let mut is_added = false;
    change.make(0, |started| {
        is_added = started.raw.push_at_end(key, value);
        0
    });
    if !is_added {
        let attribute = number(key, value);
        change.make(cost(&attribute), |started| {
            keep(attribute, started.details.get_or_insert_default())
        });
    }
}

/// The cost of keeping an attribute, in bytes.
pub(super) fn cost(attribute: &Attribute) -> usize {
    attribute_cost(attribute.key.heap_bytes(), &attribute.value)
}

/// Keeps an attribute within the limits. Returns the cost of the attribute that it replaced, or of itself if it was
/// dropped.
pub(super) fn keep(attribute: Attribute, details: &mut Details) -> usize {
    attribute.add_to(details).map_or(0, |left| cost(&left))
}

/// The cost of a counter attribute, in bytes.
#[cfg(feature = "subscriber")]
pub(super) fn counter_cost() -> usize {
    attribute_cost(0, &0.into())
}

/// Increments a counter attribute, beyond the limits that hold for the application. Returns how much of
/// [`counter_cost`] is released again because the counter existed.
#[cfg(feature = "subscriber")]
pub(super) fn count_up(details: &mut Details, key: &'static str) -> usize {
    let Some(value) = details.attribute_mut(key) else {
        details.add(key.into(), 1.into());
        return 0;
    };
    let count = value.as_u64().unwrap_or(0).saturating_add(1);
    let replaced = mem::replace(value, count.into());
    attribute_cost(0, &replaced)
}

/// The cost of an attribute: its texts, and its share of a vector that starts with four and doubles.
fn attribute_cost(key_bytes: usize, value: &Value) -> usize {
    3 * size_of::<(Text, Value)>() + key_bytes + heap_bytes(value)
}

/// Copies the beginning of a payload; the writer thread redacts it. `None` if nothing is captured.
pub(super) fn payload(payload: &impl Serialize, capture: Capture) -> Option<Box<RawPreview>> {
    if capture == Capture::Off {
        return None;
    }
    let max_bytes = capture.max_bytes();
    let raw = guarded(|| RawPreview::new(payload, max_bytes));
    let raw = raw.unwrap_or_else(|| RawPreview::new(&PANICKED, max_bytes));
    Some(Box::new(raw))
}

/// The same of a payload of which only the beginning is there, closed.
#[cfg(feature = "mcp")]
pub(crate) fn beginning(start: &impl Serialize, capture: Capture) -> Option<Box<RawPreview>> {
    let mut raw = payload(start, capture)?;
    raw.mark_cut();
    Some(raw)
}

/// The overhead of a map's first entry, and of each entry, beside key and value: a B-tree node takes 632 bytes with one
/// entry or with eleven, and is half full at worst.
const MAP_BYTES: usize = 520;
const ENTRY_BYTES: usize = 120;

/// The bytes that a value takes on the heap.
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
