//! Metrics: counts, durations and turns, by the viewer's hours and days.

mod figures;
mod period;
mod source;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use figures::Figures;
pub use period::{Period, Step, Window};

use self::figures::Turns;
use crate::{
    error::{Error, ErrorKind, Result},
    query::{ActivityReader, Zone},
    record::{Filter, Sums, Text},
    store::{AHEAD, Dimension, Grain, Subject, Total, TypeCount},
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
/// assert_eq!((metrics.current.count, metrics.current.turns), (1, 1));
/// # Ok::<_, tower_activity::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
#[must_use]
pub struct MetricsQuery {
    window: Window,
    subject: Subject,
    zone: Zone,
    step: Step,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
    turns: bool,
    restriction: Filter,
}

impl MetricsQuery {
    /// Returns a query for all activities in the window that ends with today in UTC, by the hour.
    pub fn new(window: Window, now: DateTime<Utc>) -> Self {
        MetricsQuery {
            window,
            subject: Subject::Overall,
            zone: Zone::default(),
            step: Step::Hour,
            at: now,
            now,
            turns: true,
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

    /// Skips turns and active agents, which are then 0. For a name or a brand they are computed by scanning the activities of the
    /// window; everything else is precomputed.
    pub fn without_turns(mut self) -> Self {
        self.turns = false;
        self
    }

    /// Sets which activities are counted [default: all].
    ///
    /// The sums of a single project are precomputed. For any other filter the activities are scanned.
    pub fn restricted_to(mut self, filter: Filter) -> Self {
        self.restriction = filter;
        self
    }

    fn period(&self) -> Period {
        self.window.ending_at(self.at, self.zone)
    }

    /// Returns an instant in the last day of the next window, at most today.
    fn later(&self, window: Period) -> DateTime<Utc> {
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
    /// The figures of the whole window.
    pub current: Figures,
    /// The steps of the window in order of time, without future ones.
    pub history: Vec<Point>,
    /// An instant in the previous window, if the store has sums for it.
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

/// The figures of one project, agent, name or brand in a ranking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Ranked {
    /// Its id.
    pub id: Text,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
}

impl ActivityReader {
    /// Returns the metrics of a window and of its hours or days.
    ///
    /// They are precomputed, except the turns of a name or a brand: these scan the activities of the window.
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
        let (buckets, turn_stats) = self.history(query, quarters.clone(), grain)?;

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
                let hours = period.hours_until(query.now);
                let figures =
                    Figures::new(&step, &Turns::in_quarters(&turn_stats, quarters), hours);
                history.push(Point { period, figures });
            }
        }
        let oldest = self.reader.oldest_quarter()?;
        let turns = Turns::in_quarters(&turn_stats, quarters.clone());
        Ok(Metrics {
            window,
            current: Figures::new(&sums, &turns, window.hours_until(query.now)),
            history,
            earlier: oldest
                .filter(|oldest| *oldest < quarters.start)
                .map(|_| window.start - TimeDelta::seconds(1)),
            later: (window.end <= query.now).then(|| query.later(window)),
        })
    }

    /// Ranks projects, agents, names or brands by their number of activities in a window.
    ///
    /// Only a ranking of agents has turns.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    pub fn ranking(&mut self, by: Dimension, query: &MetricsQuery) -> Result<Vec<Ranked>> {
        let window = query.period();
        let quarters = window.quarters_until(self.ahead_from()?);
        let totals = self.totals(by, query, quarters)?;
        let hours = window.hours_until(query.now);
        let figures = |total: Total| {
            let turns = match by {
                Dimension::Agent if query.turns => Turns::of_agent(&total),
                _ => Turns::default(),
            };
            let figures = Figures::new(&total.sums, &turns, hours);
            let id = total.id;
            Ranked { id, figures }
        };
        let mut ranking: Vec<Ranked> = totals.into_iter().map(figures).collect();
        ranking.sort_by(|a, b| {
            let most = b.figures.count.cmp(&a.figures.count);
            most.then_with(|| a.id.as_str().cmp(b.id.as_str()))
        });
        Ok(ranking)
    }

    /// Counts the events of a window by type, most frequent first.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    pub fn event_types(&mut self, query: &MetricsQuery) -> Result<Vec<TypeCount>> {
        let window = query.period();
        let mut filter = Filter::default();
        let ahead = self.ahead_from()?;
        let end = match window.start <= ahead {
            true => window.end.min(ahead),
            false => window.end,
        };
        (filter.since, filter.until) = (Some(window.start), Some(end));
        self.types(&filter.and(&query.restriction))
    }

    /// Returns the instant from which on records are dated ahead.
    fn ahead_from(&mut self) -> Result<DateTime<Utc>> {
        let present = self.reader.present()?;
        let ahead = present.checked_add_signed(AHEAD);
        Ok(ahead.unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// Counts the events that match a filter by type, most frequent first.
    pub(super) fn types(&mut self, filter: &Filter) -> Result<Vec<TypeCount>> {
        let mut types = self.reader.event_types(filter)?;
        types.sort_by(|a, b| {
            let most = b.events.cmp(&a.events);
            most.then_with(|| a.event_type.as_str().cmp(b.event_type.as_str()))
        });
        Ok(types)
    }
}
