//! The fields of one line: taken one by one by name, with errors that quote the name and the value.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::redact::Redactor;

/// The end of the year 9999, in microseconds since the Unix epoch: RFC 3339 cannot express later times.
const END_OF_TIME_US: i64 = 253_402_300_800_000_000;
/// How many bytes of a value or a cause an error quotes.
const QUOTED_BYTES: usize = 120;

/// The message of an error in a line.
pub(super) type LineError = String;

/// The fields of a line that have not been taken yet.
pub(super) struct Fields<'a> {
    remaining: Map<String, Value>,
    redactor: &'a Redactor,
}

impl<'a> Fields<'a> {
    /// Parses a line, which must be one JSON object.
    pub(super) fn parse(line: &str, redactor: &'a Redactor) -> Result<Self, LineError> {
        match serde_json::from_str(line) {
            Ok(UniqueFields(remaining)) => Ok(Fields {
                remaining,
                redactor,
            }),
            Err(cause) => {
                let cause_text = cause.to_string();
                // serde_json counts lines within this one: only its column is useful.
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
        self.remaining.contains_key(name)
    }

    /// Takes a field that must be there.
    pub(super) fn required<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, LineError> {
        self.optional(name)?
            .ok_or_else(|| format!("`{name}` is missing"))
    }

    /// Takes a field that may be missing or null.
    pub(super) fn optional<T: DeserializeOwned>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, LineError> {
        let Some(value) = self.remaining.remove(name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        T::deserialize(&value)
            .map(Some)
            .map_err(|cause| self.invalid(name, value, &cause.to_string()))
    }

    /// Takes a time, in microseconds since the Unix epoch.
    pub(super) fn time(&mut self, name: &str) -> Result<Option<i64>, LineError> {
        let time: Option<DateTime<Utc>> = self.optional(name)?;
        match time.map(|time| time.timestamp_micros()) {
            Some(us) if !is_time(us) => {
                let value = time.map(|time| time.to_rfc3339()).into();
                Err(self.invalid(name, value, "only the years 1970 to 9999 are supported"))
            }
            us => Ok(us),
        }
    }

    /// Takes a number that fits into an SQLite integer.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<u64>, LineError> {
        let number: Option<u64> = self.optional(name)?;
        match number.filter(|number| i64::try_from(*number).is_err()) {
            Some(large) => {
                Err(self.invalid(name, large.into(), "the maximum is 9223372036854775807"))
            }
            None => Ok(number),
        }
    }

    /// Fails if there are fields that were not taken: they are unknown.
    pub(super) fn end(self, record: &str) -> Result<(), LineError> {
        match self.remaining.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!(
                "`{}` is not a field of {record}: remove it",
                quoted(self.redactor, name)
            )),
        }
    }

    /// Returns the message for an invalid value.
    pub(super) fn invalid(&self, name: &str, value: Value, why: &str) -> LineError {
        let value = self.redactor.value(name, value).unwrap_or_default();
        let value = quoted(self.redactor, &value.to_string());
        format!("`{name}` is {value}: {}", quoted(self.redactor, why))
    }
}

/// True for times that ids and RFC 3339 can express.
pub(super) fn is_time(us: i64) -> bool {
    (0..END_OF_TIME_US).contains(&us)
}

/// The beginning of foreign text, redacted.
fn quoted(redactor: &Redactor, text: &str) -> String {
    let text = redactor.text(text).unwrap_or_default();
    match text.len() {
        0..=QUOTED_BYTES => text.into_owned(),
        _ => format!("{}…", &text[..text.floor_char_boundary(QUOTED_BYTES)]),
    }
}

/// A JSON object without duplicate fields, of which it would be ambiguous which one is meant.
struct UniqueFields(Map<String, Value>);

impl<'de> Deserialize<'de> for UniqueFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = UniqueFields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut entries: A,
            ) -> Result<UniqueFields, A::Error> {
                let mut fields = Map::new();
                while let Some(name) = entries.next_key::<String>()? {
                    if fields.contains_key(&name) {
                        return Err(A::Error::custom(format!("duplicate field `{name}`")));
                    }
                    fields.insert(name, entries.next_value()?);
                }
                Ok(UniqueFields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
