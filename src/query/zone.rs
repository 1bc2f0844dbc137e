//! Time zones.

use std::{fmt, str::FromStr};

use chrono::{
    DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Timelike, Utc,
};

use crate::error::{Error, Result};

#[cfg(feature = "time-zones")]
type Known = chrono_tz::Tz;
#[cfg(not(feature = "time-zones"))]
type Known = Utc;

/// A time zone of the IANA database, by its name; UTC by default.
///
/// Without the feature `time-zones`, only UTC is available.
///
/// # Examples
///
/// ```
/// use tower_activity::query::Zone;
///
/// assert_eq!(Zone::default().to_string(), "UTC");
/// # #[cfg(feature = "time-zones")]
/// assert_eq!("Asia/Kathmandu".parse::<Zone>()?.to_string(), "Asia/Kathmandu");
/// assert!("Asia/Atlantis".parse::<Zone>().is_err());
/// # Ok::<_, tower_activity::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Zone(Known);

impl Zone {
    /// Returns the local date at an instant.
    pub fn date(self, at: DateTime<Utc>) -> NaiveDate {
        self.clock(at).date()
    }

    /// Returns the start of a local day: its first midnight, or the end of the gap if clocks skip midnight.
    pub fn start_of_day(self, date: NaiveDate) -> DateTime<Utc> {
        let midnight = date.and_time(NaiveTime::MIN);
        // No time zone has skipped more than a day, and gaps are whole quarter hours.
        let candidates = (0..=96).map(|quarters| midnight + TimeDelta::minutes(15 * quarters));
        let valid = |local| self.0.from_local_datetime(&local).earliest();
        let start = candidates.into_iter().find_map(valid);
        start.map_or(midnight.and_utc(), |start| start.to_utc())
    }

    /// Returns the date `days` later, or earlier if negative; the last or first valid date on overflow.
    pub(super) fn day_after(self, date: NaiveDate, days: i64) -> NaiveDate {
        let count = Days::new(days.unsigned_abs());
        match days {
            0.. => date.checked_add_days(count).unwrap_or(NaiveDate::MAX),
            _ => date.checked_sub_days(count).unwrap_or(NaiveDate::MIN),
        }
    }

    /// Returns the local time at an instant.
    pub fn clock(self, at: DateTime<Utc>) -> NaiveDateTime {
        at.with_timezone(&self.0).naive_local()
    }

    /// Returns the local hour that contains an instant: its start by the clock, and the UTC offset in seconds, which
    /// distinguishes the repeated hour when clocks are set back.
    pub(super) fn hour(self, at: DateTime<Utc>) -> (NaiveDateTime, i32) {
        let local = at.with_timezone(&self.0);
        let ahead = local.offset().fix().local_minus_utc();
        let clock = local.naive_local();
        let past = TimeDelta::seconds(i64::from(clock.num_seconds_from_midnight() % 3_600));
        (clock - past, ahead)
    }
}

impl Default for Zone {
    fn default() -> Self {
        #[cfg(feature = "time-zones")]
        return Zone(chrono_tz::UTC);
        #[cfg(not(feature = "time-zones"))]
        return Zone(Utc);
    }
}

impl FromStr for Zone {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        #[cfg(feature = "time-zones")]
        if let Ok(known) = name.parse() {
            return Ok(Zone(known));
        }
        #[cfg(not(feature = "time-zones"))]
        if ["UTC", "Etc/UTC"].contains(&name) {
            return Ok(Zone::default());
        }
        let hint = match cfg!(feature = "time-zones") {
            true => "use an IANA name, for example `UTC` or `Asia/Kathmandu`",
            false => "without the feature `time-zones` UTC is the only one",
        };
        let what = format!("unknown time zone {name:?} · {hint}");
        Err(Error::invalid(what))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
