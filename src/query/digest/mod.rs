//! Digests: what happened lately, short enough for a prompt.

mod estimate;
mod line;
mod phrase;
mod render;
mod tokens;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use estimate::estimated_tokens;
pub use line::one_line;
pub use tokens::{TokenBudget, count_tokens};

use crate::{
    error::Result,
    query::{ActivityReader, Zone},
    record::{EventRecord, Filter, Status, Text},
    store::{AHEAD, TypeCount},
};

/// The default number of events in a digest.
const LIMIT: usize = 10;
/// The default number of days that a digest covers.
const DAYS: u32 = 7;

/// A query for a digest; by default of the newest 10 events in the last 7 days.
///
/// Log lines (type `log`) are excluded, unless the filter has a `type:`.
///
/// # Examples
///
/// ```
/// use chrono::Utc;
/// use tower_activity::{ActivityLog, query::DigestQuery};
///
/// let log = ActivityLog::open(":memory:")?;
/// log.event("memory_written").actor("ann").summary("prefers short answers").record();
/// log.flush().wait()?;
///
/// let digest = log.reader()?.digest(&DigestQuery::new(Utc::now()).actor("ann"))?;
/// let prompt = digest.list(300)?;
/// assert!(prompt.starts_with("### Recent activity\n- 20"));
/// assert!(prompt.ends_with(" · prefers short answers\n"));
/// # Ok::<_, tower_activity::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
#[must_use]
pub struct DigestQuery {
    filter: Filter,
    limit: usize,
    now: DateTime<Utc>,
    zone: Zone,
    span: Span,
}

/// The time span of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    /// This many times 24 hours.
    Days(u32),
    /// Since the viewer's midnight.
    Today,
}

impl DigestQuery {
    /// Returns a query for the events of all actors up to `now`.
    pub fn new(now: DateTime<Utc>) -> Self {
        DigestQuery {
            filter: Filter::default(),
            limit: LIMIT,
            now,
            zone: Zone::default(),
            span: Span::Days(DAYS),
        }
    }

    /// Sets the filter [default: all but log lines]. It applies before the limit.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Restricts the digest to this actor.
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.filter = self.filter.and(&Filter::for_actor(&actor.into()));
        self
    }

    /// Sets the number of events that are listed [default: 10], clamped to
    /// 1..=[`LARGEST_PAGE`](crate::store::LARGEST_PAGE).
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Sets how many times 24 hours the digest covers [default: 7].
    pub fn days(mut self, days: u32) -> Self {
        self.span = Span::Days(days);
        self
    }

    /// Covers the time since the viewer's midnight, and says "today".
    pub fn today(mut self) -> Self {
        self.span = Span::Today;
        self
    }

    /// Sets the viewer's time zone [default: UTC].
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Returns the filter with the time span and without log lines.
    fn full_filter(&self) -> Filter {
        let mut filter = self.filter.clone();
        let since = match self.span {
            Span::Days(days) => self.now.checked_sub_signed(TimeDelta::days(days.into())),
            Span::Today => Some(self.zone.start_of_day(self.zone.date(self.now))),
        };
        filter.since = filter.since.max(since);
        // Events dated ahead have not happened yet.
        let until = self.now + AHEAD;
        filter.until = Some(filter.until.map_or(until, |earlier| earlier.min(until)));
        filter.for_event_list()
    }
}

/// Recent events: typed, and as Markdown by [`list`](Self::list) and [`grouped`](Self::grouped).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Digest {
    /// The newest events up to the limit, newest first.
    pub events: Vec<EventRecord>,
    /// The newest failed events up to the limit, newest first.
    pub failures: Vec<EventRecord>,
    /// All matching events counted by type, most frequent first.
    pub types: Vec<TypeCount>,
    /// True if it covers the time since the viewer's midnight.
    pub today: bool,
    /// The name of the time zone of its Markdown.
    pub zone: Text,
}

impl ActivityReader {
    /// Returns a digest of recent events.
    ///
    /// # Errors
    ///
    /// If the store could not be read: put [`Digest::UNAVAILABLE`] into the prompt, as an error does not mean that nothing
    /// happened. Also if the filter has a field that events lack.
    pub fn digest(&mut self, query: &DigestQuery) -> Result<Digest> {
        let mut filter = query.full_filter();
        let events = self.events(&filter, None, query.limit)?.records;
        let types = self.types(&filter)?;
        let others = Status::ALL
            .into_iter()
            .filter(|status| *status != Status::Failed);
        filter.status.none_of.extend(others);
        let failures = self.events(&filter, None, query.limit)?.records;
        Ok(Digest {
            events,
            failures,
            types,
            today: query.span == Span::Today,
            zone: Text::from(query.zone.to_string()),
        })
    }

    /// Returns the newest 10 events of an actor in the last 7 days, newest first, without log lines.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    pub fn recent(&mut self, actor: &str, now: DateTime<Utc>) -> Result<Vec<EventRecord>> {
        let filter = DigestQuery::new(now).actor(actor).full_filter();
        Ok(self.events(&filter, None, LIMIT)?.records)
    }
}
