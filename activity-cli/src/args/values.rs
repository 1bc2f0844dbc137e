//! Parsers of option values, for errors in which clap names the option.

use std::{num::NonZeroUsize, ops::Bound, time::Duration};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use tower_activity::{
    Error,
    record::{ActivityRecord, EventRecord, Filter},
    store::{Cursor, Limit, Position},
};

/// Checks a position in commit order, of either kind of record.
pub(super) fn position(text: &str) -> Result<String, Error> {
    text.parse::<Position<ActivityRecord>>()
        .map(|_| text.to_owned())
}

/// Refuses a blank text: a variable of a script that is not set.
pub(crate) fn not_blank(text: &str) -> Result<String, String> {
    match text.trim().is_empty() {
        true => Err("it is blank".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// Checks a cursor of a list, of either kind of record.
pub(super) fn cursor(text: &str) -> Result<String, Error> {
    let of_activities = text.parse::<Cursor<ActivityRecord>>().map(drop);
    let parsed = of_activities.or_else(|error| match text.parse::<Cursor<EventRecord>>() {
        Ok(_) => Ok(()),
        Err(_) => Err(error),
    });
    parsed.map(|()| text.to_owned())
}

/// Parses a size as `human::bytes` formats it, with or without a space and a decimal point.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let limit = text.parse::<Limit>().ok();
    let size = limit.filter(|limit| limit.age.is_none());
    size.and_then(|limit| limit.bytes)
        .ok_or_else(|| format!("{text:?} is not a size from 1B to 1000000TB: write 500MB or 2GB"))
}

/// Parses a duration as filters do.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let is_one = text.chars().all(|c| c.is_alphanumeric() || c == '.');
    let filter = Filter::parse(&format!("duration:>={text}"), Utc::now()).ok();
    let range = filter.filter(|_| is_one).and_then(|filter| filter.duration);
    match range.map(|range| range.min_ns) {
        Some(Bound::Included(ns @ 1..=MOST_NS)) => Ok(Duration::from_nanos(ns)),
        _ => Err(format!(
            "{text:?} is not a duration above 0, up to 200000d: write 90s, 5m or 1h30m"
        )),
    }
}

/// 200,000 days.
const MOST_NS: u64 = 200_000 * 86_400 * 1_000_000_000;

/// Parses an instant in the future: an age from now, or a date, at midnight UTC.
pub(crate) fn future(text: &str) -> Result<DateTime<Utc>, String> {
    let now = Utc::now();
    let at = match text.parse::<NaiveDate>() {
        Ok(date) => Some(date.and_time(NaiveTime::MIN).and_utc()),
        Err(_) => {
            let age = duration(text).ok();
            let age = age.and_then(|age| TimeDelta::from_std(age).ok());
            age.and_then(|age| now.checked_add_signed(age))
        }
    };
    at.filter(|at| *at > now).ok_or_else(|| {
        format!(
            "{text:?} is neither a duration up to 200000d nor a date in the future: write 30d or 2030-01-31"
        )
    })
}

/// Parses a number of rows.
pub(super) fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a number of at least 1"))
}

/// Parses a number of seconds.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok();
    let seconds = seconds.filter(|seconds| (0.1..=3_600.0).contains(seconds));
    seconds.ok_or_else(|| format!("{text:?} is not a number of seconds from 0.1 to 3600"))
}

/// Parses a date.
pub(super) fn date(text: &str) -> Result<NaiveDate, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a date: write 2026-02-18"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        let check = |text: &str, ms: Option<u64>| {
            let parsed = duration(text).ok();
            assert_eq!(parsed, ms.map(Duration::from_millis), "{text}");
        };
        check("90s", Some(90_000));
        check("1.5h", Some(5_400_000));
        check("5m", Some(300_000));
        for text in [
            "",
            "5",
            "m",
            "0s",
            "-5m",
            ">5m",
            "5m has:error",
            "1m..2m",
            "200001d",
            "9999999999d",
        ] {
            check(text, None);
        }
    }
}
