//! Numbers, durations, times and sizes for people.

use chrono::{DateTime, Local, TimeDelta, Utc};
use tower_activity::record::Preview;

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const S: u64 = 1_000_000_000;

/// Formats a duration in nanoseconds with about three digits: `380 µs`, `45 ms`, `1.23 s`, `2 min 05 s`.
pub(crate) fn duration(ns: u64) -> String {
    let decimal = |unit: u64| ns as f64 / unit as f64;
    // Bounds at which rounding reaches the next unit.
    match ns {
        0..US => format!("{ns} ns"),
        US..999_500 => format!("{:.0} µs", decimal(US)),
        999_500..9_950_000 => format!("{:.1} ms", decimal(MS)),
        9_950_000..999_500_000 => format!("{:.0} ms", decimal(MS)),
        999_500_000..9_995_000_000 => format!("{:.2} s", decimal(S)),
        9_995_000_000..59_950_000_000 => format!("{:.1} s", decimal(S)),
        _ => long(ns.saturating_add(S / 2) / S),
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
    let mut value = bytes as f64 / 1e3;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
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
    use super::*;

    #[test]
    fn a_duration_has_about_three_digits() {
        let check = |ns, expected: &str| assert_eq!(duration(ns), expected);
        check(0, "0 ns");
        check(999, "999 ns");
        check(380 * US, "380 µs");
        check(999_499, "999 µs");
        check(999_500, "1.0 ms");
        check(1_200_000, "1.2 ms");
        check(9_949_999, "9.9 ms");
        check(45 * MS, "45 ms");
        check(999_500_000, "1.00 s");
        check(1_234 * MS, "1.23 s");
        check(12_340 * MS, "12.3 s");
        check(59_960 * MS, "1 min 00 s");
        check(125 * S, "2 min 05 s");
        check(3_720 * S, "1 h 02 min");
        check(100 * 3_600 * S, "4 d 04 h");
        check(u64::MAX, "213503 d 23 h");
    }

    #[test]
    fn ages_counts_and_sizes_are_short() {
        let now = "2026-03-01T12:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let check = |s, expected: &str| assert_eq!(ago(now - TimeDelta::seconds(s), now), expected);
        check(0, "just now");
        check(12, "12 s ago");
        check(200, "3 min ago");
        check(7_200, "2 h ago");
        check(5 * 86_400, "5 d ago");
        check(-90, "in 1 min");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(999_950), "1.0 MB");
    }
}
