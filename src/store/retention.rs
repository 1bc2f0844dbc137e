//! Retention: how long and how much a store keeps.

use std::{fmt, str::FromStr, time::Duration};

use serde::Serialize;

use crate::{
    error::{Error, Result},
    record::parse_duration,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The default age limit of sums and recordings.
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The default size limit of recordings.
const RECORDINGS: u64 = 10_000_000_000;

/// The limits of a store, by kind of record. `None` means that no limit was set for the kind.
///
/// The retention is stored in the store, and every process that records there applies it. Builders
/// ([`keep_activities`](crate::log::Builder::keep_activities) and its siblings), `activity retention` and
/// [`Maintenance::set_retention`](crate::store::Maintenance::set_retention) change only the kinds that they name.
///
/// The age of a record is measured from the later of its date and its commit, by the store's own clock (see
/// [`Maintenance::now`](crate::store::Maintenance::now)). So imported records are kept as long as recorded ones, and a wrong
/// clock deletes nothing early.
///
/// # Examples
///
/// ```
/// use tower_activity::store::{Limit, Retention};
///
/// let mut retention = Retention::default();
/// retention.activities = Some(Limit::days(90));
/// assert_eq!(retention.or(Retention::DEFAULT).sums, Some(Limit::days(30)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(into = "RetentionFields")]
#[non_exhaustive]
pub struct Retention {
    /// Ended activities, with their previews.
    pub activities: Option<Limit>,
    /// Events.
    pub events: Option<Limit>,
    /// Payload previews of activities; the activities stay.
    pub previews: Option<Limit>,
    /// The sums that metrics are computed from.
    pub sums: Option<Limit>,
    /// Ended recordings. Their activities stay.
    pub recordings: Option<Limit>,
}

/// A retention limit for one kind of record; unlimited by default.
///
/// Records beyond either limit are deleted, the oldest first. The text form is an age, a size, both, or `forever`:
/// `90d`, `10GB`, `30d/10GB`.
///
/// # Examples
///
/// ```
/// use tower_activity::store::Limit;
///
/// let limit: Limit = "30d/10GB".parse()?;
/// assert_eq!(limit, Limit::days(30).or_bytes(10_000_000_000));
/// assert_eq!("forever".parse::<Limit>()?, Limit::FOREVER);
/// # Ok::<_, tower_activity::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// Records older than this are deleted.
    pub age: Option<Duration>,
    /// The oldest records are deleted beyond this many bytes.
    ///
    /// An estimate, as the size of indexes per row is not known: texts plus 200 bytes for each activity and event, 40 bytes for
    /// each preview, 200 bytes for each row of sums (groups of errors included), and the chunks of recordings.
    pub bytes: Option<u64>,
}

impl Retention {
    /// The defaults for kinds without a set limit: activities, events and previews are kept forever, sums for 30 days,
    /// recordings for 30 days and up to 10 GB.
    pub const DEFAULT: Retention = Retention {
        activities: Some(Limit::FOREVER),
        events: Some(Limit::FOREVER),
        previews: Some(Limit::FOREVER),
        sums: Some(Limit {
            age: Some(MONTH),
            bytes: None,
        }),
        recordings: Some(Limit {
            age: Some(MONTH),
            bytes: Some(RECORDINGS),
        }),
    };

    /// Everything is kept forever: the defaults of a central store.
    pub const FOREVER: Retention = Retention {
        activities: Some(Limit::FOREVER),
        events: Some(Limit::FOREVER),
        previews: Some(Limit::FOREVER),
        sums: Some(Limit::FOREVER),
        recordings: Some(Limit::FOREVER),
    };

    /// Returns the limits of this retention, and those of `other` for kinds that this one does not set.
    #[must_use]
    pub fn or(self, other: Retention) -> Retention {
        self.zip(other, Option::or)
    }

    /// Returns the limits of this retention for the kinds that `other` does not set.
    #[must_use]
    pub fn missing_in(self, other: Retention) -> Retention {
        self.zip(other, |own, other| own.filter(|_| other.is_none()))
    }

    fn zip(self, other: Retention, one: fn(Option<Limit>, Option<Limit>) -> Option<Limit>) -> Self {
        Retention {
            activities: one(self.activities, other.activities),
            events: one(self.events, other.events),
            previews: one(self.previews, other.previews),
            sums: one(self.sums, other.sums),
            recordings: one(self.recordings, other.recordings),
        }
    }

    /// Returns the name and the limit of every kind.
    pub fn kinds(&self) -> [(&'static str, Option<Limit>); 5] {
        [
            ("activities", self.activities),
            ("events", self.events),
            ("previews", self.previews),
            ("sums", self.sums),
            ("recordings", self.recordings),
        ]
    }

    /// Returns the limit of the kind with this name.
    pub(crate) fn kind_mut(&mut self, name: &str) -> Option<&mut Option<Limit>> {
        match name {
            "activities" => Some(&mut self.activities),
            "events" => Some(&mut self.events),
            "previews" => Some(&mut self.previews),
            "sums" => Some(&mut self.sums),
            "recordings" => Some(&mut self.recordings),
            _ => None,
        }
    }
}

impl Limit {
    /// No limit.
    pub const FOREVER: Limit = Limit {
        age: None,
        bytes: None,
    };

    /// Returns a limit by age.
    pub const fn age(age: Duration) -> Self {
        Limit {
            age: Some(age),
            bytes: None,
        }
    }

    /// Returns a limit by age, in days.
    pub const fn days(days: u32) -> Self {
        Limit::age(Duration::from_secs(days as u64 * DAY.as_secs()))
    }

    /// Returns a limit by size: the newest records are kept, up to this many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Limit {
            age: None,
            bytes: Some(bytes),
        }
    }

    /// Adds a limit by size: records beyond either limit are deleted.
    #[must_use]
    pub const fn or_bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }
}

impl From<Duration> for Limit {
    fn from(age: Duration) -> Self {
        Limit::age(age)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let age = self.age.map(|age| format_units(age.as_secs(), &AGES));
        let size = self.bytes.map(|bytes| format_units(bytes, &SIZES));
        let text: Vec<String> = age.into_iter().chain(size).collect();
        match text.is_empty() {
            true => f.pad("forever"),
            false => f.pad(&text.join("/")),
        }
    }
}

impl FromStr for Limit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut limit = Limit::FOREVER;
        if text == "forever" {
            return Ok(limit);
        }
        let unknown = || {
            Error::invalid(format!(
                "{text:?} is not a retention limit: write an age from 1s to {MOST_DAYS}d (90d, 12h), a size from 1B to 1000000TB (500MB, \
                 2GB), both (30d/10GB) or `forever`"
            ))
        };
        for part in text.split('/') {
            let part = part.trim();
            let age = parse_duration(&part.to_ascii_lowercase()).ok();
            let age = age.map(|ns| ns / 1_000_000_000);
            match (age, parse_size(part)) {
                (Some(1..=MOST_SECONDS), _) if limit.age.is_none() => {
                    limit.age = age.map(Duration::from_secs);
                }
                (None, Some(size @ 1..=MOST_BYTES)) if limit.bytes.is_none() => {
                    limit.bytes = Some(size);
                }
                _ => return Err(unknown()),
            }
        }
        Ok(limit)
    }
}

/// The longest age: nanoseconds in 64 bits have some more.
const MOST_DAYS: u64 = 200_000;
const MOST_SECONDS: u64 = MOST_DAYS * DAY.as_secs();
/// The largest size: bytes in 63 bits, as databases count them, have some more.
const MOST_BYTES: u64 = 1_000_000_000_000_000_000;
/// Units of an age in seconds, the largest first.
const AGES: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
/// Units of a size in bytes, the largest first.
const SIZES: [(&str, u64); 5] = [
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Formats a number in the largest unit that divides it.
fn format_units(number: u64, units: &[(&str, u64)]) -> String {
    let whole = units.iter().find(|(_, unit)| number.is_multiple_of(*unit));
    let (name, unit) = match whole {
        Some(found) if number > 0 => *found,
        _ => units[units.len() - 1],
    };
    format!("{}{name}", number / unit)
}

/// Parses a decimal number of bytes and its unit, ignoring case.
fn parse_size(text: &str) -> Option<u64> {
    let at = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, name) = text.split_at(at);
    let mut units = SIZES.iter();
    let (_, unit) = units.find(|(unit, _)| unit.eq_ignore_ascii_case(name.trim()))?;
    let number: f64 = number.parse().ok()?;
    // Saturates.
    Some((number * *unit as f64) as u64)
}

/// A [`Retention`] as JSON: seconds or `null` for no limit, and bytes if there is a limit by size.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
pub(crate) struct RetentionFields {
    activities_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activities_bytes: Option<u64>,
    events_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events_bytes: Option<u64>,
    previews_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previews_bytes: Option<u64>,
    sums_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sums_bytes: Option<u64>,
    recordings_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recordings_bytes: Option<u64>,
}

impl From<Retention> for RetentionFields {
    fn from(retention: Retention) -> Self {
        let seconds = |limit: Option<Limit>| Some(limit?.age?.as_secs());
        let bytes = |limit: Option<Limit>| limit?.bytes;
        RetentionFields {
            activities_s: seconds(retention.activities),
            activities_bytes: bytes(retention.activities),
            events_s: seconds(retention.events),
            events_bytes: bytes(retention.events),
            previews_s: seconds(retention.previews),
            previews_bytes: bytes(retention.previews),
            sums_s: seconds(retention.sums),
            sums_bytes: bytes(retention.sums),
            recordings_s: seconds(retention.recordings),
            recordings_bytes: bytes(retention.recordings),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_reads_back_what_it_writes() {
        let check = |text: &str, limit: Limit| {
            assert_eq!(text.parse::<Limit>().unwrap(), limit, "{text}");
            assert_eq!(limit.to_string().parse::<Limit>().unwrap(), limit, "{text}");
        };
        check("forever", Limit::FOREVER);
        check("90d", Limit::days(90));
        check("36h", Limit::age(Duration::from_secs(36 * 3600)));
        check("2w", Limit::days(14));
        check("1.5GB", Limit::bytes(1_500_000_000));
        check("10gb/30d", Limit::days(30).or_bytes(10_000_000_000));
        assert_eq!(
            Limit::days(30).or_bytes(10_000_000_000).to_string(),
            "30d/10GB"
        );
        for text in [
            "",
            "90",
            "d",
            "30d/40d",
            "1GB/2GB",
            "forever/30d",
            "-3d",
            "3 weeks",
            // Everything would be deleted, or the number is too large.
            "0d",
            "0.5s",
            "0GB",
            "0.1B",
            "200001d",
            "99999999999999999999d",
            "99999999999999999999TB",
        ] {
            assert!(text.parse::<Limit>().unwrap_err().is_invalid(), "{text}");
        }
    }

    #[test]
    fn a_limit_that_is_set_takes_the_place_of_the_default() {
        let set = Retention {
            recordings: Some(Limit::FOREVER),
            ..Retention::default()
        };
        let all = set.or(Retention::DEFAULT);
        assert_eq!(all.activities, Some(Limit::FOREVER));
        assert_eq!(all.sums, Some(Limit::days(30)));
        assert_eq!(all.recordings, Some(Limit::FOREVER));
        assert_eq!(Retention::DEFAULT.missing_in(set).recordings, None);
        assert_eq!(set.missing_in(Retention::default()), set);
    }
}
