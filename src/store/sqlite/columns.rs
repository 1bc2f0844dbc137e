//! Column values: SQLite's signed integers, and the ids of texts in the dictionary.

use std::borrow::Cow;

use rusqlite::types::ValueRef;

use crate::record::fold;

/// Finds the id of a text.
pub(crate) const TEXT_ID: &str = "SELECT id FROM text WHERE value = ?1";
/// Inserts a text and its [folded form](folded).
pub(crate) const ADD_TEXT: &str = "INSERT OR IGNORE INTO text (value, folded) VALUES (?1, ?2)";
/// Finds the text of an id.
pub(crate) const TEXT_VALUE: &str = "SELECT value FROM text WHERE id = ?1";

/// Returns a text in one case; `None` if that is the text itself.
pub(crate) fn folded(text: &str) -> Option<String> {
    Some(fold(text).into_owned()).filter(|folded| folded != text)
}

/// Converts a column's integer; negative becomes 0.
pub(crate) fn unsigned(number: i64) -> u64 {
    number.max(0).cast_unsigned()
}

/// Converts an integer for a column; saturates at `i64::MAX`.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns the text of a column; `None` for NULL and other types. Another program may have written bytes that are not UTF-8: they
/// are replaced, so that one such row does not stop a scan.
pub(crate) fn lossy(value: ValueRef<'_>) -> Option<Cow<'_, str>> {
    match value {
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes)),
        _ => None,
    }
}
