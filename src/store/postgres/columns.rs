//! Rows as arrays, one a column: inserted by one statement without a name, whatever their number.

use std::borrow::Cow;

use serde_json::Value;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::connection::Parameter;
use crate::record::fnv1a;

/// The most bytes of a text that is the key of an index, which may have 2,704.
const MAX_KEY_BYTES: usize = 512;

/// The columns of some rows.
#[derive(Default)]
pub(super) struct Columns<'a> {
    names: Vec<&'static str>,
    values: Vec<(Box<dyn ToSql + Sync + 'a>, Type)>,
}

/// A value of a column.
pub(super) trait Element: ToSql + Sync {
    /// The type of an array of them.
    const ARRAY: Type;
}

impl<'a> Columns<'a> {
    /// Adds a column with a value for each row.
    pub(super) fn add<T: Element + 'a>(
        mut self,
        name: &'static str,
        values: impl Iterator<Item = T>,
    ) -> Self {
        self.names.push(name);
        self.values
            .push((Box::new(values.collect::<Vec<T>>()), T::ARRAY));
        self
    }

    /// Returns the names of the columns, separated by commas.
    pub(super) fn names(&self) -> String {
        self.names.join(", ")
    }

    /// Returns the rows as an item of `FROM`, whose parameters are [these](Self::parameters).
    pub(super) fn rows(&self, alias: &str) -> String {
        let numbers: Vec<_> = (1..=self.names.len())
            .map(|number| format!("${number}"))
            .collect();
        format!(
            "unnest({}) AS {alias} ({})",
            numbers.join(", "),
            self.names()
        )
    }

    pub(super) fn parameters(&self) -> Vec<Parameter<'_>> {
        let values = self.values.iter();
        values
            .map(|(value, array)| (&**value as &(dyn ToSql + Sync), array.clone()))
            .collect()
    }
}

impl<T: Element> Element for Option<T> {
    const ARRAY: Type = T::ARRAY;
}

impl Element for i64 {
    const ARRAY: Type = Type::INT8_ARRAY;
}

impl Element for i32 {
    const ARRAY: Type = Type::INT4_ARRAY;
}

impl Element for i16 {
    const ARRAY: Type = Type::INT2_ARRAY;
}

impl Element for bool {
    const ARRAY: Type = Type::BOOL_ARRAY;
}

impl Element for Uuid {
    const ARRAY: Type = Type::UUID_ARRAY;
}

impl Element for Cow<'_, str> {
    const ARRAY: Type = Type::TEXT_ARRAY;
}

impl Element for String {
    const ARRAY: Type = Type::TEXT_ARRAY;
}

impl Element for &[u8] {
    const ARRAY: Type = Type::BYTEA_ARRAY;
}

/// The largest count in a sum, and the largest sum of durations that may be negative. Both are limits of the schema.
pub(super) const MAX_COUNT: i64 = 1_000_000_000_000_000;
pub(super) const MAX_SUM: i64 = 1_000_000_000_000_000_000;

/// Returns a count for a column of a sum; saturates.
pub(super) fn count(number: u64) -> i64 {
    signed(number).min(MAX_COUNT)
}

/// Returns an integer for a column; saturates.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn uuid(bytes: &[u8; 16]) -> Uuid {
    Uuid::from_bytes(*bytes)
}

/// Returns a text for a column. The server refuses NUL in any text: it becomes U+FFFD.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}").into(),
        false => text.into(),
    }
}

/// Returns a text for a column that is the key of an index: a long one becomes its beginning and a hash.
pub(super) fn key(of: &str) -> Cow<'_, str> {
    let key = text(of);
    if key.len() <= MAX_KEY_BYTES {
        return key;
    }
    let beginning = &key[..key.floor_char_boundary(MAX_KEY_BYTES - 20)];
    format!("{beginning}…{:016x}", fnv1a(key.bytes())).into()
}

/// Returns JSON for a column. The server refuses the escape of NUL where it reads text as JSON.
pub(super) fn json(value: &Value) -> String {
    fn clean(value: &mut Value) {
        match value {
            Value::String(string) => *string = text(string).into_owned(),
            Value::Array(values) => values.iter_mut().for_each(clean),
            Value::Object(members) => {
                let all = std::mem::take(members).into_iter();
                members.extend(all.map(|(key, mut value)| {
                    clean(&mut value);
                    (text(&key).into_owned(), value)
                }));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let json = value.to_string();
    if !json.contains("\\u0000") {
        return json;
    }
    let mut value = value.clone();
    clean(&mut value);
    value.to_string()
}
