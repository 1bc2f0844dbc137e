//! The fields of one line: each is taken by its name, and what is wrong is said with the name and the value.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::redact::Redactor;

/// The end of the year 9999, in microseconds since the Unix epoch: later times have no form in RFC 3339.
const END_OF_TIME_US: i64 = 253_402_300_800_000_000;
/// The longest part of a value or a cause that an error quotes, in bytes.
const QUOTED_BYTES: usize = 120;

/// What is wrong with a line.
pub(super) type Wrong = String;

/// The fields of one line that have not been taken yet.
pub(super) struct Fields<'a> {
    left: Map<String, Value>,
    redactor: &'a Redactor,
}

impl<'a> Fields<'a> {
    pub(super) fn of(line: &str, redactor: &'a Redactor) -> Result<Self, Wrong> {
        match serde_json::from_str(line) {
            Ok(Unique(left)) => Ok(Fields { left, redactor }),
            Err(cause) => {
                let cause_text = cause.to_string();
                // The line is its own: only the column tells something.
                let end = cause_text.rfind(" at line ").unwrap_or(cause_text.len());
                let quoted = quoted(redactor, &cause_text[..end]);
                Err(format!(
                    "column {}: {quoted} (a line is one activity or event as JSON, as `activity export` writes it)",
                    cause.column()
                ))
            }
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.left.contains_key(name)
    }

    /// A field that must be there.
    pub(super) fn required<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Wrong> {
        self.optional(name)?
            .ok_or_else(|| format!("`{name}` is missing"))
    }

    /// A field that may be missing, or null.
    pub(super) fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Wrong> {
        let Some(value) = self.left.remove(name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        T::deserialize(&value)
            .map(Some)
            .map_err(|cause| self.wrong(name, value, &cause.to_string()))
    }

    /// A time, in microseconds since the Unix epoch.
    pub(super) fn time(&mut self, name: &str) -> Result<Option<i64>, Wrong> {
        let time: Option<DateTime<Utc>> = self.optional(name)?;
        match time.map(|time| time.timestamp_micros()) {
            Some(us) if !is_time(us) => {
                let value = time.map(|time| time.to_rfc3339()).into();
                Err(self.wrong(name, value, "only the years 1970 to 9999 can be kept"))
            }
            us => Ok(us),
        }
    }

    /// A number that SQLite can keep.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<u64>, Wrong> {
        let number: Option<u64> = self.optional(name)?;
        match number.filter(|number| i64::try_from(*number).is_err()) {
            Some(large) => Err(self.wrong(
                name,
                large.into(),
                "at most 9223372036854775807 can be kept",
            )),
            None => Ok(number),
        }
    }

    /// The rest of the fields has been taken: what is left is unknown.
    pub(super) fn end(self, of: &str) -> Result<(), Wrong> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!(
                "`{}` is not a field of {of}: remove it",
                quoted(self.redactor, name)
            )),
        }
    }

    /// Says what is wrong with a value.
    pub(super) fn wrong(&self, name: &str, value: Value, why: &str) -> Wrong {
        let value = self.redactor.value(name, value).unwrap_or_default();
        let value = quoted(self.redactor, &value.to_string());
        format!("`{name}` is {value}: {}", quoted(self.redactor, why))
    }
}

/// True for what an id, and RFC 3339, can say.
pub(super) fn is_time(us: i64) -> bool {
    (0..END_OF_TIME_US).contains(&us)
}

/// A part of what somebody else wrote, without secrets.
fn quoted(redactor: &Redactor, text: &str) -> String {
    let text = redactor.text(text).unwrap_or_default();
    match text.len() {
        0..=QUOTED_BYTES => text.into_owned(),
        _ => format!("{}…", &text[..text.floor_char_boundary(QUOTED_BYTES)]),
    }
}

/// A JSON object that names each field once: of two it could not be said which one was meant.
struct Unique(Map<String, Value>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Unique, A::Error> {
                let mut fields = Map::new();
                while let Some(name) = entries.next_key::<String>()? {
                    if fields.contains_key(&name) {
                        return Err(A::Error::custom(format!("`{name}` is there twice")));
                    }
                    fields.insert(name, entries.next_value()?);
                }
                Ok(Unique(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
