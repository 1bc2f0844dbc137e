//! What columns hold: integers, which have a sign in SQLite, and numbers that stand for repeated texts.

/// The number of a text.
pub(crate) const TEXT_ID: &str = "SELECT id FROM text WHERE value = ?1";
/// The text of a number.
pub(crate) const TEXT_VALUE: &str = "SELECT value FROM text WHERE id = ?1";

/// A number of a column; below zero is zero.
pub(crate) fn unsigned(number: i64) -> u64 {
    number.max(0).cast_unsigned()
}

/// A number for a column; beyond its largest integer is that.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
