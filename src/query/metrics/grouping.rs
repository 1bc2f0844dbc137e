//! Rankings by a field without precomputed sums, from the newest activities.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{
    Figures, MetricsQuery, Period, Ranked, Ranking, Unknown, UnknownReason, ranking::highest_first,
};
use crate::{
    error::Result,
    query::ActivityReader,
    record::{ActivityRecord, AttributeTest, Filter, Has, Pattern, Status, Sums, Text},
    store::LARGEST_PAGE,
};

/// The most activities that one ranking reads: their records are read completely, unlike those of other scans.
const MOST_RECORDS: usize = 20_000;

/// A field to rank by that has no precomputed sums.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Grouping {
    /// By actor.
    Actor,
    /// By environment.
    Environment,
    /// By the error type of failures.
    Error,
    /// By the value of an attribute: a text, a number or a boolean.
    Attribute(String),
}

/// What a ranking needs of an activity.
struct Sample {
    started_at: DateTime<Utc>,
    status: Status,
    duration_ns: Option<u64>,
    id: Option<Text>,
}

impl ActivityReader {
    /// Ranks actors, environments, error types or values of an attribute by their number of activities in a window, without
    /// turns.
    ///
    /// Reads the newest 20,000 activities of the window, or as many as the reader's scan limit if that is lower. The time before
    /// them is unknown.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    pub fn ranking_by(&mut self, by: &Grouping, query: &MetricsQuery) -> Result<Ranking> {
        let window = query.period();
        let ahead = self.ahead_from()?;
        let quarters = window.quarters_until(ahead);
        let scanned = self.scanned_from(query, &quarters, true)?;
        let gaps = self.gaps_of_totals(query, quarters.clone())?;
        let gaps = gaps.scanned_from(&quarters, scanned);
        let mut unknown = gaps.unknown(window);
        let mut counted = window.cut_off(quarters.end);
        // Lists show records dated ahead last, so they would be missing in the newest ones.
        if counted.start < ahead {
            counted.end = counted.end.min(ahead);
        }
        if let Some(unknown) = unknown {
            counted.start = unknown.until.min(counted.end);
        }
        let mut filter = query.full_filter().and(&by.filter());
        filter.status.none_of.push(Status::Running);
        let filter = filter.and(&counted.filter());
        let limit = self.reader.options().largest_scan().min(MOST_RECORDS);
        let (mut samples, is_complete) = self.newest_samples(by, &filter, limit)?;
        if let (false, Some(oldest)) = (is_complete, samples.last()) {
            // Others may have started in the same microsecond.
            let first = oldest.started_at + TimeDelta::microseconds(1);
            samples.retain(|one| one.started_at >= first);
            counted.start = first;
            unknown = Some(Unknown {
                until: first,
                reason: UnknownReason::ScanLimit,
            });
        }

        let mut sums = HashMap::<Text, Sums>::new();
        for one in samples {
            if let Some(id) = one.id {
                let sums = sums.entry(id).or_default();
                sums.add(one.status, one.duration_ns);
            }
        }
        let hours = counted.hours_until(query.now);
        let ranked = |(id, sums): (Text, Sums)| {
            let figures = Figures::new(&sums, None, hours);
            Ranked { id, figures }
        };
        Ok(Ranking {
            window,
            unknown,
            counted,
            ranking: highest_first(sums.into_iter().map(ranked)),
        })
    }

    /// Returns the newest activities that match a filter, newest first, and whether these are all.
    fn newest_samples(
        &mut self,
        by: &Grouping,
        filter: &Filter,
        limit: usize,
    ) -> Result<(Vec<Sample>, bool)> {
        let (mut samples, mut cursor) = (Vec::new(), None);
        loop {
            let size = LARGEST_PAGE.min(limit - samples.len());
            let list = self.page(filter, cursor, size)?;
            let sample = |one: ActivityRecord| Sample {
                started_at: one.started_at,
                status: one.status,
                duration_ns: one.duration_ns,
                id: by.value(one),
            };
            samples.extend(list.records.into_iter().map(sample));
            cursor = list.next;
            if cursor.is_none() || samples.len() >= limit {
                return Ok((samples, cursor.is_none()));
            }
        }
    }
}

impl Period {
    /// Returns a filter for the activities that started in it.
    fn filter(self) -> Filter {
        let mut filter = Filter::default();
        (filter.since, filter.until) = (Some(self.start), Some(self.end));
        filter
    }
}

impl Grouping {
    /// Returns a filter for the activities that have the field.
    fn filter(&self) -> Filter {
        let mut filter = Filter::default();
        match self {
            Grouping::Actor => filter.has.any_of.push(Has::Actor),
            Grouping::Environment => filter.has.any_of.push(Has::Environment),
            Grouping::Error => filter.has.any_of.push(Has::Error),
            Grouping::Attribute(key) => {
                let any = AttributeTest::Is(Pattern::glob("*"));
                let choice = filter.attributes.entry(key.clone()).or_default();
                choice.any_of.push(any);
            }
        }
        filter
    }

    fn value(&self, of: ActivityRecord) -> Option<Text> {
        match self {
            Grouping::Actor => of.scope.actor,
            Grouping::Environment => of.scope.environment,
            Grouping::Error => of.error_type,
            Grouping::Attribute(key) => match of.attributes.get(key)? {
                Value::String(text) => Some(text.clone().into()),
                value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string().into()),
                _ => None,
            },
        }
    }
}
