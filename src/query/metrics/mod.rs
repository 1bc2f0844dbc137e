//! Metrics: counts, durations and turns, by the viewer's hours and days.

mod errors;
mod figures;
mod mcp;
mod period;
mod ranking;
mod source;
mod unknown;

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use errors::{ErrorGroup, Errors};
pub use figures::{DurationCount, Figures};
pub use mcp::{
    CallFigures, CallReason, ErrorTypeCount, McpClient, McpServer, McpTool, McpUse, MissingTool,
};
pub use period::{Period, Step, Window};
pub use ranking::{EventTypes, Ranked, Ranking};
pub use unknown::{Unknown, UnknownReason};

use crate::{
    error::{Error, ErrorKind, Result},
    query::{ActivityReader, Zone},
    record::{Filter, Sums},
    store::{Grain, Quarter, Subject, Turns},
};

/// A query for metrics.
///
/// # Examples
///
/// ```
/// use chrono::Utc;
/// use tower_activity::{
///     ActivityLog, Describe, Kind, Outcome,
///     query::{MetricsQuery, Window},
///     store::{Dimension, Subject},
/// };
///
/// let log = ActivityLog::open(":memory:")?;
/// log.start(Describe::new(Kind::Turn, "answer").agent("bot").project("acme")).end(Outcome::success());
/// log.flush().wait()?;
///
/// let acme = Subject::One(Dimension::Project, "acme".into());
/// let today = MetricsQuery::new(Window::Day, Utc::now()).subject(acme);
/// let metrics = log.reader()?.metrics(&today)?;
/// assert_eq!((metrics.current.count, metrics.current.turns), (Some(1), Some(1)));
/// # Ok::<_, tower_activity::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
#[must_use]
pub struct MetricsQuery {
    window: Window,
    span: Option<Range<DateTime<Utc>>>,
    subject: Subject,
    zone: Zone,
    step: Step,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
    turns: bool,
    filter: Filter,
    restriction: Filter,
}

impl MetricsQuery {
    /// Returns a query for all activities in the window that ends with today in UTC, by the hour.
    pub fn new(window: Window, now: DateTime<Utc>) -> Self {
        MetricsQuery {
            window,
            span: None,
            subject: Subject::Overall,
            zone: Zone::default(),
            step: Step::Hour,
            at: now,
            now,
            turns: true,
            filter: Filter::default(),
            restriction: Filter::default(),
        }
    }

    /// Sets the subject [default: all activities].
    pub fn subject(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    /// Sets the viewer's time zone, in which days begin [default: UTC].
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Sets the step of the history [default: hour].
    pub fn step(mut self, step: Step) -> Self {
        self.step = step;
        self
    }

    /// Sets an instant in the last day of the window [default: today].
    pub fn at(mut self, at: DateTime<Utc>) -> Self {
        self.at = at;
        self
    }

    /// Replaces the window by the quarter hours that contain a time span, end exclusive.
    pub fn between(mut self, since: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        self.span = Some(since..until);
        self
    }

    /// Selects which activities are counted [default: all].
    ///
    /// The sums of a single project, agent, name or brand are precomputed. For any other filter the activities are scanned: what
    /// exceeds the reader's scan limit is unknown.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Skips turns and active agents, which are then `None`. For a name or a brand they are computed by scanning the activities of
    /// the window; everything else is precomputed.
    pub fn without_turns(mut self) -> Self {
        self.turns = false;
        self
    }

    /// Sets which activities the caller may see [default: all]. Nothing in the answer depends on others.
    pub fn restricted_to(mut self, filter: Filter) -> Self {
        self.restriction = filter;
        self
    }

    fn period(&self) -> Period {
        match &self.span {
            Some(span) => Period::around(span.clone()),
            None => self.window.ending_at(self.at, self.zone),
        }
    }

    /// Returns the window before this one.
    fn period_before(&self, window: Period) -> Period {
        match &self.span {
            Some(_) => Period {
                start: window.start - (window.end - window.start),
                end: window.start,
            },
            None => {
                let last = window.start - TimeDelta::seconds(1);
                self.window.ending_at(last, self.zone)
            }
        }
    }

    /// Returns an instant in the last day of the next window, at most today; the end of a time span.
    fn later(&self, window: Period) -> DateTime<Utc> {
        if self.span.is_some() {
            return window.end;
        }
        let first = self.zone.date(window.end);
        let last = self.zone.day_after(first, self.window.days() - 1);
        self.zone.start_of_day(last).min(self.now)
    }
}

/// The metrics of one window.
///
/// An activity counts at its start, once it has ended. Percentiles have an error of at most 1/32 (3.2 %).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Metrics {
    /// The window.
    pub window: Period,
    /// The part of the window that is not known; `None` if all is known.
    pub unknown: Option<Unknown>,
    /// The figures of the whole window; all `None` if a part of it is not known.
    pub current: Figures,
    /// The span that the figures cover: the window, without the time after the present hour.
    pub counted: Period,
    /// The steps of the window in order of time, without future ones.
    pub history: Vec<Point>,
    /// The distribution of the durations in order, without empty ranges; `None` if a part of the window is not known.
    pub durations: Option<Vec<DurationCount>>,
    /// An instant in the previous window, if the store has sums or activities of that time or earlier.
    pub earlier: Option<DateTime<Utc>>,
    /// An instant in the next window, if it has begun.
    pub later: Option<DateTime<Utc>>,
}

/// One step of a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Point {
    /// The period of the step.
    #[serde(flatten)]
    pub period: Period,
    /// The figures of the step.
    #[serde(flatten)]
    pub figures: Figures,
}

impl ActivityReader {
    /// Returns the metrics of a window and of its hours or days.
    ///
    /// They are precomputed, except the turns of a name or a brand: these scan the activities of the window. So does a window
    /// that reaches back beyond the sums that retention keeps, where the activities are still there. What is not known is
    /// `None`: a window, or an hour of it, whose sums and activities were deleted. A time of which nothing was deleted is known,
    /// also before the first activity: nothing happened.
    ///
    /// # Errors
    ///
    /// If the subject has no activity (`is_not_found`), or the store could not be read.
    pub fn metrics(&mut self, query: &MetricsQuery) -> Result<Metrics> {
        if !self.is_known(query)? {
            let what = format!("no activity of {}", query.subject);
            return Err(Error::new(ErrorKind::NotFound, what));
        }
        let window = query.period();
        let quarters = window.quarters_until(self.ahead_from()?);
        let periods = window.steps(query.step, query.zone);
        let grain = match periods.iter().all(|period| period.is_whole_hours()) {
            true => Grain::Hour,
            false => Grain::Quarter,
        };
        let scanned = self.scanned_from(query, &quarters, query.source().is_scan())?;
        let (buckets, turns) = self.history(query, scanned..quarters.end, grain)?;
        // After the sums: what is deleted in between is unknown.
        let gaps = self.gaps_of_history(query, quarters.clone())?;
        let gaps = gaps.scanned_from(&quarters, scanned);
        let figures = |sums: &Sums, period: Period, quarters: Range<Quarter>| {
            if !gaps.has_none_in(&quarters) {
                return Figures::default();
            }
            let turns = match sums.count {
                0 => Some(Turns::default()),
                _ => turns.turns(quarters),
            };
            let turns = turns.filter(|_| query.turns);
            Figures::new(sums, turns, period.hours_until(query.now))
        };

        let mut history = Vec::new();
        let mut sums = Sums::default();
        let mut buckets = buckets.as_slice();
        for period in periods {
            let quarters = period.quarters();
            let (within, after) =
                buckets.split_at(buckets.partition_point(|bucket| bucket.quarter < quarters.end));
            buckets = after;
            let mut step = Sums::default();
            within.iter().for_each(|bucket| step.merge(&bucket.sums));
            sums.merge(&step);
            if period.start <= query.now {
                let figures = figures(&step, period, quarters);
                history.push(Point { period, figures });
            }
        }
        let has_earlier = self.has_earlier(query, quarters.start)?;
        let is_known = gaps.has_none_in(&quarters);
        Ok(Metrics {
            window,
            unknown: gaps.unknown(window),
            counted: window.cut_off(quarters.end),
            current: figures(&sums, window, quarters.clone()),
            history,
            durations: is_known.then(|| DurationCount::all_of(&sums)),
            earlier: has_earlier.then(|| window.start - TimeDelta::seconds(1)),
            later: (window.end <= query.now).then(|| query.later(window)),
        })
    }
}
