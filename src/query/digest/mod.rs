//! Digests: what happened lately, short enough for a prompt.

mod line;
mod render;
mod tokens;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use line::one_line;
pub use tokens::{TokenBudget, count_tokens, estimated_tokens};

use crate::{
    error::Result,
    query::{ActivityReader, Zone},
    record::{EventRecord, Filter, Pattern, Status, Text},
    store::{AHEAD, TypeCount},
};

/// How many events a digest has where nothing else is said.
const LIMIT: usize = 10;
/// How many days a digest goes back where nothing else is said.
const DAYS: u32 = 7;

/// What a digest is asked for: the newest 10 events of the last 7 days where nothing else is said.
///
/// Log lines (type `log`) are left out, unless the filter asks for a type.
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
/// assert!(prompt.starts_with("### Recent activity\n\n- 20"));
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

/// How far back a digest goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    /// So many times 24 hours.
    Days(u32),
    /// Since the viewer's midnight.
    Today,
}

impl DigestQuery {
    /// Asks for what everybody did, up to this instant.
    pub fn new(now: DateTime<Utc>) -> Self {
        DigestQuery {
            filter: Filter::default(),
            limit: LIMIT,
            now,
            zone: Zone::default(),
            span: Span::Days(DAYS),
        }
    }

    /// Sets which events are meant; all but log lines by default. It is applied before the limit.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Adds that they are this actor's.
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.filter.actor.any_of = vec![Pattern::exact(actor)];
        self
    }

    /// Sets how many events are told one by one; 10 by default, at least one and at most
    /// [`LARGEST_PAGE`](crate::store::LARGEST_PAGE).
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Sets how many times 24 hours it goes back; 7 by default.
    pub fn days(mut self, days: u32) -> Self {
        self.span = Span::Days(days);
        self
    }

    /// Goes back to the viewer's midnight, and says "today".
    pub fn today(mut self) -> Self {
        self.span = Span::Today;
        self
    }

    /// Sets whose clock is shown, and whose midnight is meant; UTC by default.
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// The filter with everything that was said.
    fn whole(&self) -> Filter {
        let mut filter = self.filter.clone();
        let since = match self.span {
            Span::Days(days) => self.now.checked_sub_signed(TimeDelta::days(days.into())),
            Span::Today => Some(self.zone.start_of_day(self.zone.date(self.now))),
        };
        filter.since = filter.since.max(since);
        // What is dated ahead has not happened yet.
        let until = self.now + AHEAD;
        filter.until = Some(filter.until.map_or(until, |earlier| earlier.min(until)));
        if filter.event_type.any_of.is_empty() {
            filter
                .event_type
                .none_of
                .push(Pattern::exact(EventRecord::LOG));
        }
        filter
    }
}

/// What happened lately: typed, and as Markdown with [`list`](Self::list) and [`grouped`](Self::grouped).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Digest {
    /// The newest events, newest first, as many as were asked for.
    pub events: Vec<EventRecord>,
    /// The newest of those that failed, newest first, as many as were asked for.
    pub failures: Vec<EventRecord>,
    /// All events that were meant, counted by type, those with most first.
    pub types: Vec<TypeCount>,
    /// True when it goes back to the viewer's midnight.
    pub today: bool,
    /// The name of the time zone that its Markdown tells the time in.
    pub zone: Text,
}

impl ActivityReader {
    /// What happened lately.
    ///
    /// # Errors
    ///
    /// When the store could not be read, which is not the same as nothing having happened:
    /// [`Digest::UNAVAILABLE`] says it in a prompt. When the filter asks for what events do not have.
    pub fn digest(&mut self, query: &DigestQuery) -> Result<Digest> {
        let mut filter = query.whole();
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

    /// The newest 10 events of an actor in the last 7 days, newest first, without log lines.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn recent(&mut self, actor: &str, now: DateTime<Utc>) -> Result<Vec<EventRecord>> {
        let filter = DigestQuery::new(now).actor(actor).whole();
        Ok(self.events(&filter, None, LIMIT)?.records)
    }
}
