//! Quarters of an hour, counted from the Unix epoch.

use crate::store::QUARTER_US;

/// Quarters in an hour.
pub(crate) const QUARTERS: i64 = 4;

/// The quarter that an instant lies in, in microseconds.
pub(crate) fn quarter_of(us: i64) -> i64 {
    us.div_euclid(QUARTER_US)
}

/// The first quarter of the hour that a quarter belongs to.
pub(crate) fn first_of_hour(quarter: i64) -> i64 {
    quarter - quarter.rem_euclid(QUARTERS)
}
