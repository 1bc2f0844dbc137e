//! Metrics: how much, how long, how often, by the viewer's hours and days.

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

/// Which metrics are asked for.
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
    /// Asks for the window that ends with today, in UTC, of everything, cut by the hour.
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

    /// Sets whose metrics are meant; those of everything by default.
    pub fn subject(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    /// Sets where days begin; UTC by default.
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Sets how finely the history is cut; by the hour by default.
    pub fn step(mut self, step: Step) -> Self {
        self.step = step;
        self
    }

    /// Sets an instant of the last day of the window; today by default.
    pub fn at(mut self, at: DateTime<Utc>) -> Self {
        self.at = at;
        self
    }

    /// Leaves turns and active agents out, which are then 0. Those of a name or a brand are counted from what started in the
    /// window, one by one, where all else is kept ready.
    pub fn without_turns(mut self) -> Self {
        self.turns = false;
        self
    }

    /// Sets which activities are counted; all by default.
    ///
    /// Sums are kept ready for one project. For any other filter they are added up from the activities, one by one.
    pub fn restricted_to(mut self, filter: Filter) -> Self {
        self.restriction = filter;
        self
    }

    fn period(&self) -> Period {
        self.window.ending_at(self.at, self.zone)
    }

    /// An instant of the last day of the window after this one, which is not after today.
    fn later(&self, window: Period) -> DateTime<Utc> {
        let first = self.zone.date(window.end);
        let last = self.zone.day_after(first, self.window.days() - 1);
        self.zone.start_of_day(last).min(self.now)
    }
}

/// What happened in one window.
///
/// An activity counts where it started, once it has ended. Percentiles are off by at most 1/32 (3.2 %).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Metrics {
    /// The window.
    pub window: Period,
    /// The window as a whole.
    pub current: Figures,
    /// Its steps, in order of time; those that lie ahead are left out.
    pub history: Vec<Point>,
    /// An instant of the window before, where sums are kept of it.
    pub earlier: Option<DateTime<Utc>>,
    /// An instant of the window after, where that has begun.
    pub later: Option<DateTime<Utc>>,
}

/// One step of a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Point {
    /// When it was.
    #[serde(flatten)]
    pub period: Period,
    /// What happened then.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What happened in one window for one project, agent, name or brand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Ranked {
    /// Which one.
    pub id: Text,
    /// What happened.
    #[serde(flatten)]
    pub figures: Figures,
}

impl ActivityReader {
    /// What happened in a window, and in its hours or days.
    ///
    /// All of it is kept ready, but for the turns of a name or a brand: they are added up from what started in the window,
    /// which takes longer the more that is.
    ///
    /// # Errors
    ///
    /// When nothing is on record of what is asked for (`is_not_found`), and when the store could not be read.
    pub fn metrics(&mut self, query: &MetricsQuery) -> Result<Metrics> {
        if !self.is_known(query)? {
            let what = format!("could not find any activity of {}", query.subject);
            return Err(Error::new(ErrorKind::NotFound, what));
        }
        let window = query.period();
        let quarters = window.quarters_until(self.ahead_from()?);
        let periods = window.steps(query.step, query.zone);
        let grain = match periods.iter().all(|period| period.is_whole_hours()) {
            true => Grain::Hour,
            false => Grain::Quarter,
        };
        let (buckets, paces) = self.history(query, quarters.clone(), grain)?;

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
                let figures = Figures::of(&step, &Turns::within(&paces, quarters), hours);
                history.push(Point { period, figures });
            }
        }
        let oldest = self.reader.oldest_quarter()?;
        let turns = Turns::within(&paces, quarters.clone());
        Ok(Metrics {
            window,
            current: Figures::of(&sums, &turns, window.hours_until(query.now)),
            history,
            earlier: oldest
                .filter(|oldest| *oldest < quarters.start)
                .map(|_| window.start - TimeDelta::seconds(1)),
            later: (window.end <= query.now).then(|| query.later(window)),
        })
    }

    /// What happened in a window for each project, agent, name or brand, those with most activities first.
    ///
    /// Turns are told by agent only.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn ranking(&mut self, by: Dimension, query: &MetricsQuery) -> Result<Vec<Ranked>> {
        let window = query.period();
        let quarters = window.quarters_until(self.ahead_from()?);
        let totals = self.totals(by, query, quarters)?;
        let hours = window.hours_until(query.now);
        let figures = |total: Total| {
            let turns = match by {
                Dimension::Agent if query.turns => Turns::of(&total),
                _ => Turns::default(),
            };
            let figures = Figures::of(&total.sums, &turns, hours);
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

    /// The events of a window counted by type, those with most first.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
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

    /// From when on what is dated so is dated ahead, and not of today.
    fn ahead_from(&mut self) -> Result<DateTime<Utc>> {
        let present = self.reader.present()?;
        let ahead = present.checked_add_signed(AHEAD);
        Ok(ahead.unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// The events that a filter means counted by type, those with most first.
    pub(super) fn types(&mut self, filter: &Filter) -> Result<Vec<TypeCount>> {
        let mut types = self.reader.event_types(filter)?;
        types.sort_by(|a, b| {
            let most = b.events.cmp(&a.events);
            most.then_with(|| a.event_type.as_str().cmp(b.event_type.as_str()))
        });
        Ok(types)
    }
}
