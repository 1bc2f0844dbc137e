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
        self.instant(date.and_time(NaiveTime::MIN))
    }

    /// Returns the instant at which clocks show a local time: the first one if they show it twice, and the end of the gap if
    /// they skip it.
    pub fn instant(self, local: NaiveDateTime) -> DateTime<Utc> {
        match self.0.from_local_datetime(&local).earliest() {
            Some(at) => at.to_utc(),
            None => self.end_of_gap(local).unwrap_or(local.and_utc()),
        }
    }

    /// Returns the instant from which on clocks show later times than this one, which they skip.
    fn end_of_gap(self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        // No gap is longer than a day, and no time zone is further from UTC than that. Gaps end at whole seconds.
        let near = local.with_nanosecond(0)?.and_utc();
        let mut before = near.checked_sub_days(Days::new(2))?;
        let mut after = near.checked_add_days(Days::new(2))?;
        while after - before > TimeDelta::seconds(1) {
            let between = before + TimeDelta::seconds((after - before).num_seconds() / 2);
            match self.clock(between) < local {
                true => before = between,
                false => after = between,
            }
        }
        Some(after)
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

#[cfg(all(test, feature = "time-zones"))]
mod tests {
    use super::{DateTime, Utc, Zone};

    #[test]
    fn a_local_time_is_an_instant_also_when_clocks_change() {
        let check = |zone: &str, local: &str, expected: &str| {
            let zone: Zone = zone.parse().unwrap();
            let at = zone.instant(local.parse().unwrap());
            assert_eq!(
                at,
                expected.parse::<DateTime<Utc>>().unwrap(),
                "{zone} {local}"
            );
        };
        check(
            "Asia/Kathmandu",
            "2026-02-18T00:00:00",
            "2026-02-17T18:15:00Z",
        );
        check(
            "Europe/Berlin",
            "2026-03-29T01:59:59",
            "2026-03-29T00:59:59Z",
        );
        // Skipped: the end of the gap.
        check(
            "Europe/Berlin",
            "2026-03-29T02:00:00",
            "2026-03-29T01:00:00Z",
        );
        check(
            "Europe/Berlin",
            "2026-03-29T02:07:30.5",
            "2026-03-29T01:00:00Z",
        );
        check(
            "America/Los_Angeles",
            "2026-03-08T02:30:00",
            "2026-03-08T10:00:00Z",
        );
        check(
            "Australia/Lord_Howe",
            "2026-10-04T02:10:00",
            "2026-10-03T15:30:00Z",
        );
        // Shown twice: the first time.
        check(
            "Europe/Berlin",
            "2026-10-25T02:30:00",
            "2026-10-25T00:30:00Z",
        );
        check(
            "America/Los_Angeles",
            "2026-11-01T01:30:00",
            "2026-11-01T08:30:00Z",
        );
        // Midnight is skipped, and so was a whole day.
        check(
            "America/Havana",
            "2026-03-08T00:00:00",
            "2026-03-08T05:00:00Z",
        );
        check(
            "Pacific/Apia",
            "2011-12-30T12:00:00",
            "2011-12-30T10:00:00Z",
        );
        // A gap that does not end at a whole minute.
        check(
            "Africa/Monrovia",
            "1972-01-07T00:10:00",
            "1972-01-07T00:44:30Z",
        );
    }
}
