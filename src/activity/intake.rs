//! What enters the record of a running activity, and what it costs in memory. The rules are those of
//! [`store::Intake`](crate::store::Intake).

use std::mem;

use serde::Serialize;
use serde_json::Value;

use crate::{
    pipeline::Shared,
    record::{Capture, Text},
    redact::RawPreview,
    store::{Attribute, Details},
};

/// Takes in the attributes of a description. Returns what they cost in memory.
pub(super) fn attributes(shared: &Shared, all: Vec<(Text, Value)>, details: &mut Details) -> usize {
    shared.intake().attributes(all, details);
    let all = &details.attributes;
    let texts = all
        .iter()
        .map(|(key, value)| key.heap_bytes() + heap_bytes(value));
    all.capacity() * size_of::<(Text, Value)>() + texts.sum::<usize>()
}

/// A number under a name of our own: neither can be a secret.
pub(super) fn number(key: &'static str, number: u64) -> Attribute {
    Attribute::new(Text::own(key), number.into())
}

/// What keeping an attribute costs in memory.
pub(super) fn cost(attribute: &Attribute) -> usize {
    attribute_cost(attribute.key.heap_bytes(), &attribute.value)
}

/// Keeps an attribute within the limits. Returns the bytes that are not kept now.
pub(super) fn keep(attribute: Attribute, details: &mut Details) -> usize {
    attribute.keep(details).map_or(0, |left| cost(&left))
}

/// What an attribute that counts costs in memory.
#[cfg(feature = "subscriber")]
pub(super) fn counter_cost() -> usize {
    attribute_cost(0, &0.into())
}

/// Adds one to an attribute that counts; the limits are for what the application says. Returns the bytes of
/// [`counter_cost`] that are not kept now, because it stood there already.
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

/// What an attribute costs in memory: its place in a vector that begins with four and grows by doubling, beside its
/// texts.
fn attribute_cost(key_bytes: usize, value: &Value) -> usize {
    3 * size_of::<(Text, Value)>() + key_bytes + heap_bytes(value)
}

/// Copies the beginning of a payload; the writer thread redacts it. `None` where nothing is to be kept.
pub(super) fn payload(payload: &impl Serialize, capture: Capture) -> Option<Box<RawPreview>> {
    (capture != Capture::Off).then(|| Box::new(RawPreview::new(payload, capture.max_bytes())))
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
