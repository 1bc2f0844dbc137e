//! Numbers in SQLite's columns, whose integers have a sign.

/// A number of a column; below zero is zero.
pub(in crate::store::sqlite) fn unsigned(number: i64) -> u64 {
    number.max(0).cast_unsigned()
}

/// A number for a column; beyond its largest integer is that.
pub(in crate::store::sqlite) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
