//! Changes of JSON as text: what is not changed keeps its bytes, such as the digits of numbers and the order of keys.

use std::{fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The entries of an object, in their order. A key may repeat.
#[derive(Debug)]
pub(super) struct Entries<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'a> Entries<'a> {
    /// Returns the entries of a text; `None` if it is not an object.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Returns the value of a key; the last counts, as in most parsers.
    pub(super) fn get(&self, key: &str) -> Option<&'a RawValue> {
        let mut entries = self.0.iter().rev();
        entries.find(|(one, _)| one == key).map(|(_, value)| *value)
    }

    /// Returns a value that is a string.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.get(key)?.get()).ok()
    }

    /// Returns the object without a key.
    pub(super) fn without(&self, key: &str) -> String {
        let mut text = String::from("{");
        for (one, value) in self.0.iter().filter(|(one, _)| one != key) {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&quoted(one));
            text.push(':');
            text.push_str(value.get());
        }
        text.push('}');
        text
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfObject;

        impl<'de> Visitor<'de> for OfObject {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries)
            }
        }

        deserializer.deserialize_map(OfObject).map(Entries)
    }
}

/// A change of a text.
#[derive(Debug)]
pub(super) struct Edit {
    range: Range<usize>,
    replacement: String,
}

impl Edit {
    /// Replaces a value of the text.
    pub(super) fn replace(text: &str, value: &RawValue, replacement: String) -> Self {
        Edit {
            range: range_in(text, value),
            replacement,
        }
    }

    /// Adds an item before the bracket that ends a list or an object of the text.
    pub(super) fn append(text: &str, value: &RawValue, item: &str) -> Self {
        let Range { end, .. } = range_in(text, value);
        let bracket = end - 1;
        let is_empty = value.get()[1..].trim_start().len() == 1;
        let comma = if is_empty { "" } else { "," };
        Edit {
            range: bracket..bracket,
            replacement: format!("{comma}{item}"),
        }
    }
}

/// Returns the text with all changes, which do not overlap.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| edit.range.start);
    let mut changed = String::with_capacity(text.len() + 256);
    let mut at = 0;
    for edit in edits {
        changed.push_str(&text[at..edit.range.start]);
        changed.push_str(&edit.replacement);
        at = edit.range.end;
    }
    changed.push_str(&text[at..]);
    changed
}

/// Returns a string as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns where a value that was borrowed from a text stands in it.
fn range_in(text: &str, value: &RawValue) -> Range<usize> {
    let start = value.get().as_ptr() as usize - text.as_ptr() as usize;
    start..start + value.get().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_changed_keeps_its_bytes() {
        let text = r#"{ "a" : 1.50,"a":12345678901234567890123, "ü\n" : [ ] , "b": {"c":[1 ]} }"#;
        let entries = Entries::parse(text).unwrap();
        assert_eq!(
            entries.without("b"),
            r#"{"a":1.50,"a":12345678901234567890123,"ü\n":[ ]}"#
        );
        assert_eq!(entries.without("a"), r#"{"ü\n":[ ],"b":{"c":[1 ]}}"#);
        let inner = Entries::parse(entries.get("b").unwrap().get()).unwrap();
        let edits = vec![
            Edit::append(text, inner.get("c").unwrap(), "2"),
            Edit::append(text, entries.get("ü\n").unwrap(), "\"x\""),
            Edit::append(text, entries.get("b").unwrap(), "\"d\":0"),
            Edit::replace(text, entries.get("a").unwrap(), String::from("7")),
        ];
        assert_eq!(
            apply(text, edits),
            r#"{ "a" : 1.50,"a":7, "ü\n" : [ "x"] , "b": {"c":[1 ,2],"d":0} }"#
        );
        assert!(Entries::parse("[1]").is_none() && Entries::parse("{").is_none());
    }
}
