//! Quarters of an hour, counted from the Unix epoch.

use std::ops::Range;

use chrono::{DateTime, Utc};

/// Microseconds in a quarter of an hour.
pub(crate) const QUARTER_US: i64 = 900_000_000;

/// Quarters in an hour.
pub(crate) const QUARTERS: i64 = 4;

/// A quarter of an hour of UTC: what sums are kept of, as the hours and days of every time zone are made of whole ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarter(i64);

impl Quarter {
    /// The quarter that an instant lies in.
    pub fn containing(at: DateTime<Utc>) -> Self {
        Quarter(quarter_of(at.timestamp_micros()))
    }

    /// The one with this number: 0 begins with the Unix epoch.
    pub const fn from_number(number: i64) -> Self {
        Quarter(number)
    }

    /// Its number.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// When it begins; `None` beyond the years that an instant can have.
    pub fn start(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.0.checked_mul(QUARTER_US)?)
    }

    /// The one so many quarters before.
    pub const fn before(self, quarters: i64) -> Self {
        Quarter(self.0.saturating_sub(quarters))
    }
}

/// The numbers of some quarters.
pub(crate) fn numbers(quarters: &Range<Quarter>) -> Range<i64> {
    quarters.start.number()..quarters.end.number()
}

/// The quarter that an instant lies in, in microseconds.
pub(crate) fn quarter_of(us: i64) -> i64 {
    us.div_euclid(QUARTER_US)
}

/// The first quarter of the hour that a quarter belongs to.
pub(crate) fn first_of_hour(quarter: i64) -> i64 {
    quarter - quarter.rem_euclid(QUARTERS)
}
