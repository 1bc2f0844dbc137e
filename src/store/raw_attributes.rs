//! Attributes before redaction.

use std::{fmt, mem, sync::Arc};

use serde_json::Value;

use crate::record::Text;

/// The largest attribute that is scanned, in bytes, as JSON: four times the largest that is kept.
pub(super) const MAX_SCANNED_BYTES: usize = 16 << 10;
/// The bytes for the first attributes, so that a buffer takes 320 bytes.
const START: usize = 246;
/// The most numbers that the end of an activity adds.
const AT_END: usize = 2;

/// The unredacted attributes of a description, mostly in one allocation: copied by the call, and redacted and limited by the
/// writer thread before the store sees them.
#[derive(Clone, Default)]
pub(crate) struct RawAttributes(Option<Box<Buffer>>);

/// Each attribute has a tag, the lengths of its key and value, its key, and its value.
#[derive(Clone)]
struct Buffer {
    start: [u8; START],
    start_bytes: u8,
    count: u8,
    /// The attributes from the first on that does not fit into `start`.
    rest: Vec<u8>,
    /// What is known at the end of the activity.
    at_end: [Option<(&'static str, u64)>; AT_END],
}

/// An unredacted attribute.
pub(crate) struct RawAttribute<'a> {
    tag: u8,
    key: &'a str,
    pub(crate) value: Value,
}

// The tag: the type of the value, and the origin of the key.
const NUMBER: u8 = 1;
const STATIC_KEY: u8 = 1 << 1;
const OWN_KEY: u8 = 1 << 2;

impl RawAttributes {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the number of attributes, without those of the end.
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |buffer| buffer.count.into())
    }

    /// Copies a text or an unsigned number. Returns false for other values, and if there are too many.
    pub(crate) fn push(&mut self, key: &Text, value: &Value) -> bool {
        match value {
            Value::String(text) => self.push_text(key, text),
            Value::Number(number) => {
                (number.as_u64()).is_some_and(|one| self.push_number(key, one))
            }
            _ => false,
        }
    }

    /// Copies a text. One that is too long to be scanned is cut just above that limit, so that it is still refused.
    pub(crate) fn push_text(&mut self, key: &Text, text: &str) -> bool {
        let end = text.floor_char_boundary(MAX_SCANNED_BYTES + 3);
        self.append(key, 0, &text.as_bytes()[..end])
    }

    /// Copies a number.
    pub(crate) fn push_number(&mut self, key: &Text, number: u64) -> bool {
        self.append(key, NUMBER, &number.to_le_bytes())
    }

    fn append(&mut self, key: &Text, tag: u8, value: &[u8]) -> bool {
        let buffer = self.0.get_or_insert_default();
        let (Ok(key_bytes), Some(count)) = (u16::try_from(key.len()), buffer.count.checked_add(1))
        else {
            return false;
        };
        let origin = match key.is_static() {
            true if key.is_own() => OWN_KEY,
            true => STATIC_KEY,
            false => 0,
        };
        let ([k0, k1], [v0, v1]) = (key_bytes.to_le_bytes(), (value.len() as u16).to_le_bytes());
        let head = [tag | origin, k0, k1, v0, v1];
        let parts = [&head, key.as_bytes(), value];
        buffer.count = count;
        let start = usize::from(buffer.start_bytes);
        let end = start + parts.map(<[u8]>::len).iter().sum::<usize>();
        match buffer.start.get_mut(start..end) {
            Some(mut room) if buffer.rest.is_empty() => {
                for part in parts {
                    let (place, behind) = room.split_at_mut(part.len());
                    place.copy_from_slice(part);
                    room = behind;
                }
                buffer.start_bytes = end as u8;
            }
            _ => buffer.rest.extend(parts.into_iter().flatten()),
        }
        true
    }

    /// Adds a number at the end of the activity, whose memory [`cost`](Self::cost) includes. Returns false if there are no attributes.
    pub(crate) fn push_at_end(&mut self, name: &'static str, number: u64) -> bool {
        let mut places = self.0.iter_mut().flat_map(|buffer| &mut buffer.at_end);
        let place = places.find(|place| place.is_none());
        place.is_some_and(|place| place.replace((name, number)).is_none())
    }

    /// Returns its size in memory with the sanitized copy, in bytes.
    pub(crate) fn cost(&self) -> usize {
        self.0.as_ref().map_or(0, |buffer| {
            let attributes = (self.len() + AT_END) * size_of::<(Text, Value)>();
            let texts = usize::from(buffer.start_bytes) + 2 * buffer.rest.capacity();
            size_of::<Buffer>() + attributes + texts
        })
    }

    /// Returns the attributes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = RawAttribute<'_>> {
        let parts = self.0.iter().flat_map(|buffer| {
            let start = &buffer.start[..buffer.start_bytes.into()];
            [start, &buffer.rest]
        });
        parts.flat_map(|mut rest| std::iter::from_fn(move || RawAttribute::take_from(&mut rest)))
    }

    /// Returns the numbers of the end.
    pub(crate) fn at_end(&self) -> impl Iterator<Item = (Text, Value)> {
        let at_end = self.0.iter().flat_map(|buffer| buffer.at_end);
        let known = at_end.flatten();
        known.map(|(name, number)| (Text::own(name), number.into()))
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Buffer {
            start: [0; START],
            start_bytes: 0,
            count: 0,
            rest: Vec::new(),
            at_end: [None; AT_END],
        }
    }
}

impl<'a> RawAttribute<'a> {
    fn take_from(rest: &mut &'a [u8]) -> Option<Self> {
        let ([tag, k0, k1, v0, v1], behind) = mem::take(rest).split_first_chunk()?;
        let [key, value] = [[*k0, *k1], [*v0, *v1]].map(u16::from_le_bytes);
        let (key, behind) = behind.split_at_checked(key.into())?;
        let (value, behind) = behind.split_at_checked(value.into())?;
        *rest = behind;
        Some(RawAttribute {
            tag: *tag,
            key: str::from_utf8(key).ok()?,
            value: match tag & NUMBER {
                0 => str::from_utf8(value).ok()?.into(),
                _ => u64::from_le_bytes(value.try_into().ok()?).into(),
            },
        })
    }

    /// True if its key is defined by this crate.
    pub(crate) fn is_own(&self) -> bool {
        self.tag & OWN_KEY != 0
    }

    /// True if its key was known at compile time.
    pub(crate) fn is_static(&self) -> bool {
        self.tag & (OWN_KEY | STATIC_KEY) != 0
    }

    /// The key.
    pub(crate) fn key(&self) -> Text {
        Arc::<str>::from(self.key).into()
    }
}

impl fmt::Debug for RawAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.len();
        f.debug_struct("RawAttributes").field("len", &len).finish()
    }
}
