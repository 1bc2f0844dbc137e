//! Quarters of an hour, counted from the Unix epoch.

/// Quarters in an hour.
pub(crate) const QUARTERS: i64 = 4;

/// The first quarter of the hour that a quarter belongs to.
pub(crate) fn first_of_hour(quarter: i64) -> i64 {
    quarter - quarter.rem_euclid(QUARTERS)
}
