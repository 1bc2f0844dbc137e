//! Windows, periods and steps in the viewer's time zone.

use std::{fmt, ops::Range, str::FromStr};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    query::Zone,
    store::Quarter,
};

/// Seconds in a quarter hour.
const QUARTER_S: i64 = 900;

/// The length of a window: whole days, from midnight to midnight in the viewer's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Window {
    /// One day.
    #[default]
    Day,
    /// Seven days.
    Week,
    /// Thirty days, the default retention of sums.
    Month,
}

/// The step of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// Local hours. The repeated hour when clocks are set back is two steps.
    #[default]
    Hour,
    /// Local days.
    Day,
    /// Quarter hours.
    Quarter,
}

/// A time span, end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Period {
    /// The start.
    pub start: DateTime<Utc>,
    /// The end, where the next period starts.
    pub end: DateTime<Utc>,
}

impl Window {
    /// Every window, shortest first.
    pub const ALL: [Window; 3] = [Window::Day, Window::Week, Window::Month];

    /// Returns the name in commands and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Window::Day => "day",
            Window::Week => "week",
            Window::Month => "month",
        }
    }

    /// Returns the number of days.
    pub const fn days(self) -> i64 {
        match self {
            Window::Day => 1,
            Window::Week => 7,
            Window::Month => 30,
        }
    }

    /// Returns the period whose last day contains `at`.
    pub fn ending_at(self, at: DateTime<Utc>, zone: Zone) -> Period {
        let last = zone.date(at);
        Period {
            start: zone.start_of_day(zone.day_after(last, 1 - self.days())),
            end: zone.start_of_day(zone.day_after(last, 1)),
        }
    }
}

impl Period {
    /// Returns the period of whole quarter hours that contains a time span.
    pub(super) fn around(span: Range<DateTime<Utc>>) -> Self {
        let start = |quarter: Quarter, or| quarter.start().unwrap_or(or);
        let last = (span.end - TimeDelta::microseconds(1)).max(span.start);
        let after = Quarter::from_number(Quarter::containing(last).number() + 1);
        Period {
            start: start(Quarter::containing(span.start), span.start),
            end: start(after, span.end),
        }
    }

    /// Returns the quarter hours that start in it.
    pub(super) fn quarters(self) -> Range<Quarter> {
        // No time zone has had days that start within a quarter hour since 1972.
        Quarter::containing(self.start)..Quarter::containing(self.end)
    }

    /// Returns the quarter hours that start in it, up to the hour that contains `ahead` if the period has begun by then. Whole
    /// hours, so that hourly sums can be used.
    pub(super) fn quarters_until(self, ahead: DateTime<Utc>) -> Range<Quarter> {
        let all = self.quarters();
        let hours = ahead.timestamp().div_euclid(4 * QUARTER_S) + 1;
        match self.start <= ahead {
            true => all.start..all.end.min(all.start.max(Quarter::from_number(4 * hours))),
            false => all,
        }
    }

    /// Returns the part before a quarter hour.
    pub(super) fn cut_off(self, end: Quarter) -> Self {
        let end = end.start().map_or(self.end, |end| end.min(self.end));
        Period {
            end: end.max(self.start),
            ..self
        }
    }

    /// Returns true if it starts and ends at a full hour of UTC.
    pub(super) fn is_whole_hours(self) -> bool {
        let whole = |at: DateTime<Utc>| at.timestamp().rem_euclid(4 * QUARTER_S) == 0;
        whole(self.start) && whole(self.end)
    }

    /// Returns the hours that have passed, the divisor of rates; at least a quarter.
    pub(super) fn hours_until(self, now: DateTime<Utc>) -> f64 {
        let passed = self.end.min(now) - self.start;
        passed.num_milliseconds().max(QUARTER_S * 1_000) as f64 / 3_600_000.0
    }

    /// Splits it into steps.
    pub(super) fn steps(self, step: Step, zone: Zone) -> Vec<Period> {
        let mut starts: Vec<(NaiveDateTime, i32, DateTime<Utc>)> = Vec::new();
        let quarters = self.quarters();
        for quarter in quarters.start.number()..quarters.end.number() {
            let at = Quarter::from_number(quarter).start().unwrap_or(self.start);
            let (clock, ahead) = match step {
                Step::Hour => zone.hour(at),
                Step::Day => (zone.date(at).into(), 0),
                Step::Quarter => (at.naive_utc(), 0),
            };
            if starts
                .last()
                .is_none_or(|last| (last.0, last.1) != (clock, ahead))
            {
                starts.push((clock, ahead, at));
            }
        }
        let starts: Vec<_> = starts.into_iter().map(|start| start.2).collect();
        let ends = starts.iter().skip(1).copied().chain([self.end]);
        let period = |(start, end)| Period { start, end };
        starts.iter().copied().zip(ends).map(period).collect()
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Window {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Window::ALL.into_iter().find(|one| one.as_str() == text);
        known.ok_or_else(|| {
            Error::invalid(format!(
                "{text:?} is not a window · use `day`, `week` or `month`"
            ))
        })
    }
}
