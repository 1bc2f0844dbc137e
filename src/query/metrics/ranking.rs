//! Rankings of projects, agents, names, brands, other fields, and types of events.

use std::ops::Range;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Figures, MetricsQuery, Period, Unknown, UnknownReason, source::KnownPart};
use crate::{
    error::Result,
    query::ActivityReader,
    record::{Filter, Text},
    store::{AHEAD, Dimension, Grouping, Quarter, Total, TypeCount, during},
};

/// Projects, agents, names or brands by their number of activities in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Ranking {
    /// The window.
    pub window: Period,
    /// The part of the window that is not known: the ranking covers the rest. `None` if all is known.
    pub unknown: Option<Unknown>,
    /// The span that the ranking covers: the known part of the window, without the time after the present hour.
    pub counted: Period,
    /// By number of activities, highest first.
    pub ranking: Vec<Ranked>,
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

/// The events of a window by type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct EventTypes {
    /// The window.
    pub window: Period,
    /// The part of the window that is not known: the types cover the rest. `None` if all is known.
    pub unknown: Option<Unknown>,
    /// By number of events, highest first.
    pub types: Vec<TypeCount>,
}

impl ActivityReader {
    /// Ranks projects, agents, names or brands by their number of activities in a window.
    ///
    /// Each has the figures that [`metrics`](Self::metrics) returns for it. Turns of names and brands take a scan of the window's
    /// activities: they are unknown if there are more than some hundred thousand.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    pub fn ranking(&mut self, by: Dimension, query: &MetricsQuery) -> Result<Ranking> {
        let is_scan = !query.source().is_overall();
        self.rank(query, is_scan, |reader, quarters| {
            reader.totals(by, query, quarters)
        })
    }

    /// Ranks actors, environments, error types or values of an attribute by their number of activities in a window, without
    /// turns.
    ///
    /// Such sums are not kept: the activities are scanned, from the first instant on from which there are no more than the reader's
    /// scan limit. The time before is unknown.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    pub fn ranking_by(&mut self, by: &Grouping, query: &MetricsQuery) -> Result<Ranking> {
        self.rank(query, true, |reader, quarters| {
            let filter = during(query.full_filter(), quarters);
            reader.reader.totals_by(by, &filter)
        })
    }

    /// Ranks the totals of the known part of a window.
    fn rank(
        &mut self,
        query: &MetricsQuery,
        is_scan: bool,
        totals: impl FnOnce(&mut Self, Range<Quarter>) -> Result<Vec<Total>>,
    ) -> Result<Ranking> {
        let KnownPart {
            window,
            unknown,
            counted,
            known,
            quarters,
        } = self.known(query, is_scan)?;
        let totals = totals(self, quarters)?;
        let hours = known.hours_until(query.now);
        let ranked = |total: Total| {
            let turns = total.turns.filter(|_| query.turns);
            let figures = Figures::new(&total.sums, turns, hours);
            let id = total.id;
            Ranked { id, figures }
        };
        let mut ranking: Vec<Ranked> = totals.into_iter().map(ranked).collect();
        ranking.sort_by(|a, b| {
            let most = b.figures.count.cmp(&a.figures.count);
            most.then_with(|| a.id.as_str().cmp(b.id.as_str()))
        });
        Ok(Ranking {
            window,
            unknown,
            counted,
            ranking,
        })
    }

    /// Counts the events of a window by type, most frequent first.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    pub fn event_types(&mut self, query: &MetricsQuery) -> Result<EventTypes> {
        let window = query.period();
        let ahead = self.ahead_from()?;
        let end = match window.start <= ahead {
            true => window.end.min(ahead),
            false => window.end,
        };
        let deleted = self.reader.gaps(window.quarters())?.events_before;
        let unknown = deleted.filter(|deleted| *deleted > window.start);
        let unknown = unknown.map(|deleted| Unknown {
            until: deleted.min(window.end),
            reason: UnknownReason::Deleted,
        });
        let since = unknown.map_or(window.start, |unknown| unknown.until);
        let mut filter = Filter::default();
        (filter.since, filter.until) = (Some(since), Some(end));
        Ok(EventTypes {
            window,
            unknown,
            types: self.types(&filter.and(&query.filter).and(&query.restriction))?,
        })
    }

    /// Returns the instant from which on records are dated ahead.
    pub(super) fn ahead_from(&mut self) -> Result<DateTime<Utc>> {
        let present = self.reader.present()?;
        let ahead = present.checked_add_signed(AHEAD);
        Ok(ahead.unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// Counts the events that match a filter by type, most frequent first.
    pub(in crate::query) fn types(&mut self, filter: &Filter) -> Result<Vec<TypeCount>> {
        let mut types = self.reader.event_types(filter)?;
        types.sort_by(|a, b| {
            let most = b.events.cmp(&a.events);
            most.then_with(|| a.event_type.as_str().cmp(b.event_type.as_str()))
        });
        Ok(types)
    }
}
