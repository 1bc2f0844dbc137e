//! Parsers of option values, for errors in which clap names the option.

use std::num::NonZeroUsize;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use tower_activity::{
    Error,
    record::{ActivityRecord, EventRecord},
    store::{Cursor, Limit, Position},
};

/// Checks a position in commit order, of either kind of record.
pub(super) fn position(text: &str) -> Result<String, Error> {
    text.parse::<Position<ActivityRecord>>()
        .map(|_| text.to_owned())
}

/// Refuses a blank text: a variable of a script that is not set.
pub(super) fn not_blank(text: &str) -> Result<String, String> {
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
    let invalid = || format!("{text:?} is not a size: write 500MB or 2GB");
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = text.strip_suffix(unit).unwrap_or(text);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        _ => return Err(invalid()),
    };
    let number: f64 = number.parse().map_err(|_| invalid())?;
    Ok((number * factor) as u64)
}

/// Parses an instant in the future: an age from now, or a date, at midnight UTC.
pub(crate) fn future(text: &str) -> Result<DateTime<Utc>, String> {
    let now = Utc::now();
    let at = match text.parse::<NaiveDate>() {
        Ok(date) => Some(date.and_time(NaiveTime::MIN).and_utc()),
        Err(_) => {
            let limit = text
                .parse::<Limit>()
                .ok()
                .filter(|limit| limit.bytes.is_none());
            let age = limit.and_then(|limit| TimeDelta::from_std(limit.age?).ok());
            age.and_then(|age| now.checked_add_signed(age))
        }
    };
    at.filter(|at| *at > now).ok_or_else(|| {
        format!("{text:?} is not an age or a date in the future: write 30d or 2030-01-31")
    })
}

/// Parses a number of rows.
pub(super) fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .map_err(|_| "write a number of at least 1".to_owned())
}

/// Parses a number of seconds.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok();
    let seconds = seconds.filter(|seconds| (0.1..=3_600.0).contains(seconds));
    seconds.ok_or_else(|| "write a number of seconds from 0.1 to 3600".to_owned())
}

/// Parses a date.
pub(super) fn date(text: &str) -> Result<NaiveDate, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a date: write 2026-02-18"))
}
