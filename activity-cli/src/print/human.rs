//! Numbers, durations, times and sizes for people.

use chrono::{DateTime, Local, TimeDelta, Utc};
use tower_activity::record::Preview;

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const S: u64 = 1_000_000_000;

/// Formats a duration in nanoseconds with about three digits: `380 µs`, `45 ms`, `1.23 s`, `2 min 05 s`.
pub(crate) fn duration(ns: u64) -> String {
    // Bounds at which rounding reaches the next unit.
    match ns {
        0..US => format!("{ns} ns"),
        US..999_500 => format!("{} µs", decimal(ns, US, 0)),
        999_500..9_950_000 => format!("{} ms", decimal(ns, MS, 1)),
        9_950_000..999_500_000 => format!("{} ms", decimal(ns, MS, 0)),
        999_500_000..9_995_000_000 => format!("{} s", decimal(ns, S, 2)),
        9_995_000_000..59_950_000_000 => format!("{} s", decimal(ns, S, 1)),
        _ => long(ns.saturating_add(S / 2) / S),
    }
}

/// Formats a number of units with so many digits after the point, halves rounded up.
fn decimal(n: u64, unit: u64, digits: u32) -> String {
    let scale = 10_u128.pow(digits);
    let unit = u128::from(unit);
    let rounded = (u128::from(n) * scale + unit / 2) / unit;
    match digits {
        0 => rounded.to_string(),
        digits => format!(
            "{}.{:0width$}",
            rounded / scale,
            rounded % scale,
            width = digits as usize
        ),
    }
}

fn long(s: u64) -> String {
    match s {
        0..3_600 => format!("{} min {:02} s", s / 60, s % 60),
        3_600..86_400 => format!("{} h {:02} min", s / 3_600, s % 3_600 / 60),
        _ => format!("{} d {:02} h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// Formats an age: `just now`, `3 min ago`; a date after 30 days.
pub(crate) fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match (now - at).num_seconds() {
        ..-1 => format!("in {}", unit(-(now - at).num_seconds())),
        -1..1 => "just now".to_owned(),
        s @ ..2_592_000 => format!("{} ago", unit(s)),
        _ => at.with_timezone(&Local).format("%Y-%m-%d").to_string(),
    }
}

/// Like [`ago`], for a record: with a mark if it is dated in the future.
pub(crate) fn when(at: DateTime<Utc>, ahead: bool, now: DateTime<Utc>) -> String {
    match ahead {
        true => format!("{} (ahead)", ago(at, now)),
        false => ago(at, now),
    }
}

fn unit(s: i64) -> String {
    match s {
        ..60 => format!("{s} s"),
        60..3_600 => format!("{} min", s / 60),
        3_600..86_400 => format!("{} h", s / 3_600),
        _ => format!("{} d", s / 86_400),
    }
}

/// Returns the nanoseconds from one time to a later one; 0 if it is earlier.
pub(crate) fn since(at: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    let elapsed: TimeDelta = now - at;
    elapsed.to_std().map_or(0, |elapsed| {
        u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
    })
}

/// Formats a number of bytes: `512 B`, `1.2 kB`, `34.5 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let (mut unit, mut name) = (1_000, 0);
    // From here on, rounding reaches the next unit.
    while u128::from(bytes) * 100 >= 99_995 * u128::from(unit) && name + 1 < UNITS.len() {
        unit *= 1_000;
        name += 1;
    }
    format!("{} {}", decimal(bytes, unit, 1), UNITS[name])
}

/// Formats the size of a payload. Of a truncated one only a lower bound is known.
pub(crate) fn payload(preview: &Preview) -> String {
    let size = bytes(preview.bytes);
    if preview.truncated {
        format!("at least {size}, truncated")
    } else {
        size
    }
}

/// Formats a count with thousands separators.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Formats a count with a noun: `1 activity`, `2 activities`.
pub(crate) fn many(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Cases that the dashboard's tests check, too: both write the same.
    const CASES: &str = include_str!("../../../tests/format.json");

    fn check(what: &str, format: impl Fn(u64) -> String) {
        let cases: BTreeMap<String, Vec<(u64, String)>> = serde_json::from_str(CASES).unwrap();
        for (n, expected) in &cases[what] {
            assert_eq!(format(*n), *expected, "{what} of {n}");
        }
    }

    #[test]
    fn numbers_are_written_as_in_the_dashboard() {
        let now = "2026-03-01T12:00:00Z".parse::<DateTime<Utc>>().unwrap();
        check("duration", duration);
        check("bytes", bytes);
        check("count", count);
        check("ago_ms", |ms| {
            ago(now - TimeDelta::milliseconds(ms as i64), now)
        });
    }

    #[test]
    fn numbers_beyond_those_of_javascript_have_a_form() {
        assert_eq!(duration(u64::MAX), "213503 d 23 h");
        assert_eq!(bytes(u64::MAX), "18446.7 PB");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn other_ages_are_a_date_or_in_the_future() {
        let now = "2026-03-01T12:00:00Z".parse::<DateTime<Utc>>().unwrap();
        assert_eq!(ago(now + TimeDelta::seconds(90), now), "in 1 min");
        assert_eq!(ago(now - TimeDelta::days(40), now), "2026-01-20");
    }
}
