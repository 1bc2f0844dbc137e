//! Column values: SQLite's signed integers, and the ids of texts in the dictionary.

/// Finds the id of a text.
pub(crate) const TEXT_ID: &str = "SELECT id FROM text WHERE value = ?1";
/// Finds the text of an id.
pub(crate) const TEXT_VALUE: &str = "SELECT value FROM text WHERE id = ?1";

/// Converts a column's integer; negative becomes 0.
pub(crate) fn unsigned(number: i64) -> u64 {
    number.max(0).cast_unsigned()
}

/// Converts an integer for a column; saturates at `i64::MAX`.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
