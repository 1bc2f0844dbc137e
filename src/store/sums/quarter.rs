//! Quarter hours, numbered from the Unix epoch.

use std::ops::Range;

use chrono::{DateTime, Utc};

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::record::{ActivityId, LAST_US};

/// Microseconds in a quarter hour.
pub(crate) const QUARTER_US: i64 = 900_000_000;

/// The last quarter hour that an id can have.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) const LAST_QUARTER: i64 = LAST_US / QUARTER_US;

/// Quarter hours in an hour.
pub(crate) const QUARTERS: i64 = 4;

/// A quarter hour of UTC, the unit that sums are kept by.
///
/// The hours and days of every time zone, also those at :30 and :45, begin and end at a quarter hour of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarter(i64);

impl Quarter {
    /// Returns the quarter hour that contains an instant.
    pub fn containing(at: DateTime<Utc>) -> Self {
        Quarter(quarter_of(at.timestamp_micros()))
    }

    /// Returns the quarter hour with this number; number 0 starts at the Unix epoch.
    pub const fn from_number(number: i64) -> Self {
        Quarter(number)
    }

    /// Returns the number of quarter hours since the Unix epoch.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// Returns the start; `None` outside the range of `DateTime`.
    pub fn start(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.0.checked_mul(QUARTER_US)?)
    }

    /// Returns the quarter hour this many quarter hours earlier.
    pub const fn before(self, quarters: i64) -> Self {
        Quarter(self.0.saturating_sub(quarters))
    }
}

/// Converts a range of quarter hours to their numbers.
pub(crate) fn numbers(quarters: &Range<Quarter>) -> Range<i64> {
    quarters.start.number()..quarters.end.number()
}

/// Returns the number of the quarter hour that contains an instant, in microseconds since the Unix epoch.
pub(crate) fn quarter_of(us: i64) -> i64 {
    us.div_euclid(QUARTER_US)
}

/// Returns a bound for ids: those from this quarter hour on are not below it. Behind the last quarter hour that ids can have it is the
/// greatest id.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn first_id(quarter: i64) -> ActivityId {
    match quarter > LAST_QUARTER {
        true => ActivityId::from_bytes([0xff; 16]),
        false => ActivityId::from_parts(quarter.saturating_mul(QUARTER_US), 0),
    }
}

/// Returns the first quarter hour of the hour that contains `quarter`.
pub(crate) fn first_of_hour(quarter: i64) -> i64 {
    quarter.saturating_sub(quarter.rem_euclid(QUARTERS))
}
