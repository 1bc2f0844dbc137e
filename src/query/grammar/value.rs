//! Parsers of typed values: durations, instants and ranges.

use std::ops::Bound;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use serde_json::Number;

use super::{error::Problem, scan::Value};
use crate::{
    query::Zone,
    record::{AttributeTest, DurationRange, parse_duration, parse_number},
};

const DURATIONS: &str =
    "a duration is a number and a unit: 250us, 45ms, 2s, 1.5m, 24h, 7d, 2w, 1h30m";
const INSTANTS: &str = "a time is an age (90m, 24h, 7d), a date (2026-02-18, today, yesterday), \
     a time of today (14:00) or both (2026-02-18T14:00, with Z in UTC)";
const RANGES: &str = "write `duration:>2s` (or >=, <, <=) or `duration:1s..5s`";

/// Parses `>2s`, `>=2s`, `<2s`, `<=2s`, `1s..5s`, `1s..`, `..5s`.
pub(super) fn range(text: &str) -> Result<DurationRange, Problem> {
    let unbounded = (Bound::Unbounded, Bound::Unbounded);
    let (min_ns, max_ns) = if let Some(rest) = text.strip_prefix(">=") {
        (Bound::Included(duration(rest)?), unbounded.1)
    } else if let Some(rest) = text.strip_prefix('>') {
        (Bound::Excluded(duration(rest)?), unbounded.1)
    } else if let Some(rest) = text.strip_prefix("<=") {
        (unbounded.0, Bound::Included(duration(rest)?))
    } else if let Some(rest) = text.strip_prefix('<') {
        (unbounded.0, Bound::Excluded(duration(rest)?))
    } else if let Some((min, max)) = text.split_once("..") {
        let end = |text: &str| match text {
            "" => Ok(Bound::Unbounded),
            text => duration(text).map(Bound::Included),
        };
        (end(min)?, end(max)?)
    } else {
        duration(text)?;
        return Err(Problem::new(format!("`{text}` is not a range")).help(RANGES));
    };
    if let (Bound::Included(min), Bound::Included(max)) = (min_ns, max_ns)
        && min > max
    {
        return Err(empty_range(text));
    }
    Ok(DurationRange { min_ns, max_ns })
}

/// Parses `>2`, `>=2`, `<2`, `<=2`, `1..5`, `1..`, `..5`, or a text, number or boolean.
pub(super) fn attribute_test(value: Value) -> Result<AttributeTest, Problem> {
    let plain = value.plain().filter(|_| !value.exact);
    if let Some(test) = plain.and_then(comparison) {
        return test;
    }
    Ok(AttributeTest::Is(value.into_pattern()))
}

/// Parses a comparison with a number; `None` if it is none.
fn comparison(text: &str) -> Option<Result<AttributeTest, Problem>> {
    type Comparison = fn(Number) -> AttributeTest;
    const OPERATORS: [(&str, Comparison); 4] = [
        (">=", AttributeTest::GreaterOrEqual),
        (">", AttributeTest::Greater),
        ("<=", AttributeTest::LessOrEqual),
        ("<", AttributeTest::Less),
    ];
    for (operator, comparison) in OPERATORS {
        if let Some(number) = text.strip_prefix(operator) {
            let problem = || {
                Problem::new(format!("`{number}` is not a number"))
                    .help("compare with a number, or put the text in quotes")
            };
            return Some(parse_number(number).map(comparison).ok_or_else(problem));
        }
    }
    let (first, last) = text.split_once("..")?;
    match (first, parse_number(first), last, parse_number(last)) {
        (_, Some(first), "", _) => Some(Ok(AttributeTest::GreaterOrEqual(first))),
        ("", _, _, Some(last)) => Some(Ok(AttributeTest::LessOrEqual(last))),
        (_, Some(first), _, Some(last)) if first.as_f64() > last.as_f64() => {
            Some(Err(empty_range(text)))
        }
        (_, Some(first), _, Some(last)) => Some(Ok(AttributeTest::Between(first, last))),
        _ => None,
    }
}

fn empty_range(text: &str) -> Problem {
    Problem::new(format!(
        "`{text}` is an empty range: the first bound is larger than the second"
    ))
}

/// Parses an age before `now`, a day or time in a time zone, or an instant.
pub(super) fn instant(
    text: &str,
    now: DateTime<Utc>,
    zone: Zone,
) -> Result<DateTime<Utc>, Problem> {
    let today = zone.date(now);
    match text.to_ascii_lowercase().as_str() {
        "now" => return Ok(now),
        "today" => return Ok(zone.start_of_day(today)),
        "yesterday" => return Ok(zone.start_of_day(zone.day_after(today, -1))),
        _ => {}
    }
    let is_age = text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_lowercase())
        && !text.contains([':', '-']);
    let far = || Problem::new(format!("`{text}` is out of range"));
    let at = if is_age {
        let ns = i64::try_from(duration(text).map_err(|problem| problem.help(INSTANTS))?);
        let age = TimeDelta::nanoseconds(ns.map_err(|_| far())?);
        now.checked_sub_signed(age)
    } else if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        Some(at.to_utc())
    } else if let Some(text) = text.strip_suffix('Z') {
        local(text, None).map(|at| at.and_utc())
    } else {
        local(text, Some(today)).map(|at| zone.instant(at))
    };
    match at {
        Some(at) if in_range(at) => Ok(at),
        Some(_) => Err(far()),
        None => Err(Problem::new(format!("`{text}` is not a time")).help(INSTANTS)),
    }
}

/// Parses a date, a date and a time, or a time of today.
fn local(text: &str, today: Option<NaiveDate>) -> Option<NaiveDateTime> {
    const TIMES: [&str; 2] = ["%H:%M", "%H:%M:%S%.f"];
    let date = |text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let time = |text| {
        let mut times = TIMES.iter();
        times.find_map(|format| NaiveTime::parse_from_str(text, format).ok())
    };
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((day, hour)) => (date(day)?, time(hour)?),
        None => match (date(text), today, time(text)) {
            (Some(date), _, _) => (date, NaiveTime::MIN),
            (None, today, time) => (today?, time?),
        },
    };
    // Years that have no RFC 3339 form.
    (0..10_000)
        .contains(&date.year())
        .then(|| date.and_time(time))
}

/// Returns true for the years of RFC 3339.
fn in_range(at: DateTime<Utc>) -> bool {
    (0..10_000).contains(&at.year())
}

/// Parses one or more numbers with units. Returns nanoseconds.
fn duration(text: &str) -> Result<u64, Problem> {
    parse_duration(text).map_err(|message| Problem::new(message).help(DURATIONS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_an_age_a_day_or_a_time() {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let check = |text: &str, expected: Option<&str>| {
            let at = instant(text, now, Zone::default()).ok();
            let at = at.map(|at| at.to_rfc3339());
            assert_eq!(at.as_deref(), expected, "{text}");
        };
        check("24h", Some("2026-02-28T12:00:00+00:00"));
        check("90m", Some("2026-03-01T10:30:00+00:00"));
        check("7d", Some("2026-02-22T12:00:00+00:00"));
        check("now", Some("2026-03-01T12:00:00+00:00"));
        check("Today", Some("2026-03-01T00:00:00+00:00"));
        check("yesterday", Some("2026-02-28T00:00:00+00:00"));
        check("14:00", Some("2026-03-01T14:00:00+00:00"));
        check("09:30:15.5", Some("2026-03-01T09:30:15.500+00:00"));
        check("2026-02-18", Some("2026-02-18T00:00:00+00:00"));
        check("2026-02-18T09:30", Some("2026-02-18T09:30:00+00:00"));
        check("2026-02-18 09:30", Some("2026-02-18T09:30:00+00:00"));
        check("2026-02-18Z", Some("2026-02-18T00:00:00+00:00"));
        check(
            "2026-02-18T09:30:00+02:00",
            Some("2026-02-18T07:30:00+00:00"),
        );
        check("2026-02-30", None);
        check("tomorrow", None);
        check("25:00", None);
        check("14:00Z", None);
        check("", None);
        check("24", None);
        check("+12026-02-18", None);
    }

    #[cfg(feature = "time-zones")]
    #[test]
    fn days_and_times_are_those_of_the_time_zone() {
        let check = |zone: &str, now: &str, text: &str, expected: &str| {
            let at = instant(text, now.parse().unwrap(), zone.parse().unwrap());
            let expected: DateTime<Utc> = expected.parse().unwrap();
            assert_eq!(at.ok(), Some(expected), "{zone} {text}");
        };
        // In Los Angeles it is still the day before.
        let (zone, now) = ("America/Los_Angeles", "2026-11-29T03:00:00Z");
        check(zone, now, "today", "2026-11-28T08:00:00Z");
        check(zone, now, "yesterday", "2026-11-27T08:00:00Z");
        check(zone, now, "2026-11-28", "2026-11-28T08:00:00Z");
        check(zone, now, "14:00:30", "2026-11-28T22:00:30Z");
        check(zone, now, "2026-11-28T14:00", "2026-11-28T22:00:00Z");
        check(zone, now, "2026-11-28T14:00Z", "2026-11-28T14:00:00Z");
        check(zone, now, "24h", "2026-11-28T03:00:00Z");
        let (zone, now) = ("Asia/Kathmandu", "2026-02-18T18:30:00Z");
        check(zone, now, "today", "2026-02-18T18:15:00Z");
        check(zone, now, "yesterday", "2026-02-17T18:15:00Z");
        // A day of 23 hours, and a time that is skipped.
        let (zone, now) = ("Europe/Berlin", "2026-03-29T12:00:00Z");
        check(zone, now, "today", "2026-03-28T23:00:00Z");
        check(zone, now, "14:00", "2026-03-29T12:00:00Z");
        check(zone, now, "02:30", "2026-03-29T01:00:00Z");
    }
}
