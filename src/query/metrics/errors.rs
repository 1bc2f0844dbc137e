//! Errors of a window: failures grouped by fingerprint.

use std::{collections::HashMap, ops::Range};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{MetricsQuery, Period, Unknown, unknown::FigureGaps};
use crate::{
    error::Result,
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, Filter, Fingerprint, Text, message_template},
    store::{FailureGroup, Quarter, Record, selects_all_failures},
};

/// The failed activities of a window, by fingerprint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Errors {
    /// The window.
    pub window: Period,
    /// The part of the window that is not known: the groups cover the rest. `None` if all is known.
    pub unknown: Option<Unknown>,
    /// The span that is counted: the window, without what is not known and the time after the present hour.
    pub counted: Period,
    /// An instant in the previous window, if the store has sums or activities of that time or earlier.
    pub earlier: Option<DateTime<Utc>>,
    /// An instant in the next window, if it has begun.
    pub later: Option<DateTime<Utc>>,
    /// The starts of the steps of each group's history.
    pub steps: Vec<DateTime<Utc>>,
    /// Number of failed activities in the window.
    pub total: u64,
    /// Number of failed activities in the same part of the previous window; `None` if it is not known.
    pub previous: Option<u64>,
    /// The groups, the most frequent first.
    pub groups: Vec<ErrorGroup>,
    /// Number of groups.
    pub group_count: u64,
    /// Number of failed activities that are not in `groups`: in groups beyond the limit, and in those beyond the 10,000, and the
    /// 1,000 of one quarter hour, that a store tells apart.
    pub others: u64,
}

/// Failed activities with one fingerprint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ErrorGroup {
    /// The fingerprint: the filter `fingerprint:` finds the activities.
    pub fingerprint: Fingerprint,
    /// Their name.
    pub name: Text,
    /// Their error type.
    pub error_type: Option<Text>,
    /// Their message without its variable parts; `None` if they have none, or it was deleted.
    pub message: Option<String>,
    /// Number of them in the window.
    pub count: u64,
    /// Number of them in the same part of the previous window; `None` if it is not known.
    pub previous: Option<u64>,
    /// When the first one started, as far back as is known.
    pub first_seen: DateTime<Utc>,
    /// When the last one in the window started.
    pub last_seen: DateTime<Utc>,
    /// True if none started before the window, as far back as is known; `None` if not even the window before is known.
    pub is_new: Option<bool>,
    /// Number of them in each step of the window; `None` for steps that are not known.
    pub history: Vec<Option<u64>>,
    /// One of them, the last if it is still there.
    pub example: Option<ActivityId>,
}

impl ActivityReader {
    /// Groups the failed activities of a window by their [fingerprint](Fingerprint), the most frequent first: `limit` groups at
    /// most.
    ///
    /// The sums of groups are kept, for the time of other sums: without any filter they are used, with one the failed
    /// activities are scanned. Turns of the query are ignored.
    ///
    /// # Errors
    ///
    /// If the store could not be read, or there are too many failures to scan (`is_invalid`).
    ///
    /// # Examples
    ///
    /// ```
    /// use chrono::Utc;
    /// use tower_activity::{ActivityLog, Describe, Outcome, query::{MetricsQuery, Window}};
    ///
    /// let log = ActivityLog::open(":memory:")?;
    /// for user in ["us17", "us4711"] {
    ///     let outcome = Outcome::failed("not_found").with_message(format!("no such user {user}"));
    ///     log.start(Describe::tool("login")).end(outcome);
    /// }
    /// log.flush().wait()?;
    ///
    /// let errors = log.reader()?.errors(&MetricsQuery::new(Window::Day, Utc::now()), 50)?;
    /// assert_eq!(errors.groups[0].count, 2);
    /// assert_eq!(errors.groups[0].message.as_deref(), Some("no such user …"));
    /// # Ok::<_, tower_activity::Error>(())
    /// ```
    pub fn errors(&mut self, query: &MetricsQuery, limit: usize) -> Result<Errors> {
        let window = query.period();
        let quarters = window.quarters_until(self.ahead_from()?);
        let gaps = self.gaps_of_errors(query, quarters.clone())?;
        let unknown = gaps.unknown(window);
        let mut counted = window.cut_off(quarters.end);
        if let Some(unknown) = unknown {
            counted.start = unknown.until.min(counted.end);
        }
        let mut groups = self.failures_between(query, counted)?;

        // As much of the window before as has passed of this one.
        let mut before = query.period_before(window);
        let passed = window.end.min(query.now.max(window.start)) - window.start;
        let gaps_before = self.gaps_of_errors(query, before.quarters())?;
        let is_known = gaps_before.unknown(before).is_none();
        before.end = before.end.min(before.start + passed);
        let earlier = match is_known {
            false => None,
            true => Some(self.failures_between(query, before)?),
        };
        let total = sum(groups.iter().map(|group| group.count));
        // Those of several fingerprints may be of any group.
        let of_any = earlier
            .iter()
            .flatten()
            .any(|one| one.fingerprint.is_none());
        let before = |of: Fingerprint| {
            let mut earlier = earlier.as_ref()?.iter();
            match earlier.find(|one| one.fingerprint == Some(of)) {
                None if of_any => None,
                found => Some(found),
            }
        };

        let group_count = groups
            .iter()
            .filter(|one| one.fingerprint.is_some())
            .count() as u64;
        groups.sort_by_key(|one| (std::cmp::Reverse(one.count), std::cmp::Reverse(one.last)));
        groups.retain(|one| one.fingerprint.is_some());
        groups.truncate(limit);
        let fingerprints: Vec<Fingerprint> = groups
            .iter()
            .filter_map(|group| group.fingerprint)
            .collect();
        let selected = query.full_filter();
        let first = self.reader.first_failures(&selected, &fingerprints)?;
        let last: Vec<ActivityId> = groups.iter().map(|group| group.last).collect();
        let examples = ActivityRecord::source(&mut *self.reader).get_all(&last)?;
        let examples = examples.into_iter().map(|one| (one.id, one));
        let mut examples: HashMap<ActivityId, ActivityRecord> = examples.collect();
        let steps = window.steps(query.step, query.zone);
        let steps: Vec<Period> = steps
            .into_iter()
            .filter(|step| step.start <= query.now)
            .collect();
        let mut found = Vec::new();
        for (group, fingerprint) in groups.iter().zip(fingerprints) {
            let before = before(fingerprint);
            let earliest = [
                first.get(&fingerprint).copied(),
                before.flatten().map(|one| one.first),
            ];
            let first = earliest
                .into_iter()
                .flatten()
                .fold(group.first, ActivityId::min);
            let is_new = match first.started_at() < window.start {
                true => Some(false),
                false => before.map(|_| true),
            };
            let fits = |one: &ActivityRecord| {
                Fingerprint::of(one) == Some(fingerprint) && selected.matches(one)
            };
            let example = match examples.remove(&group.last).filter(fits) {
                // Its texts may have been erased, or it was pruned.
                None => self.activity(group.first)?.filter(fits),
                last => last,
            };
            let message = example.as_ref().and_then(|one| one.message.as_deref());
            let of_step = |step: &Period| {
                let is_known = unknown.is_none_or(|unknown| step.start >= unknown.until);
                is_known.then(|| count_in(group, *step))
            };
            found.push(ErrorGroup {
                fingerprint,
                name: group.name.clone().unwrap_or_default(),
                error_type: group.error_type.clone(),
                message: message.map(message_template),
                count: group.count,
                previous: before.map(|before| before.map_or(0, |one| one.count)),
                first_seen: first.started_at(),
                last_seen: group.last.started_at(),
                is_new,
                history: steps.iter().map(of_step).collect(),
                example: example.map(|one| one.id),
            });
        }
        let has_earlier = self.has_earlier(query, quarters.start)?;
        let shown = sum(found.iter().map(|group| group.count));
        Ok(Errors {
            window,
            unknown,
            counted,
            earlier: has_earlier.then(|| window.start - TimeDelta::seconds(1)),
            later: (window.end <= query.now).then(|| query.later(window)),
            steps: steps.iter().map(|step| step.start).collect(),
            total,
            previous: earlier.map(|earlier| sum(earlier.iter().map(|group| group.count))),
            groups: found,
            group_count,
            others: total.saturating_sub(shown),
        })
    }

    fn failures_between(
        &mut self,
        query: &MetricsQuery,
        period: Period,
    ) -> Result<Vec<FailureGroup>> {
        if period.start >= period.end {
            return Ok(Vec::new());
        }
        let mut window = Filter::default();
        (window.since, window.until) = (Some(period.start), Some(period.end));
        self.reader.failures(&query.full_filter().and(&window))
    }

    /// Returns the quarter hours whose failures are not known: groups are kept of all failures, others are scanned.
    fn gaps_of_errors(
        &mut self,
        query: &MetricsQuery,
        quarters: Range<Quarter>,
    ) -> Result<FigureGaps> {
        let gaps = self.reader.gaps(quarters)?;
        Ok(FigureGaps::of_errors(
            gaps,
            selects_all_failures(&query.full_filter()),
        ))
    }
}

/// Counts the failures of a group in a step.
fn count_in(group: &FailureGroup, step: Period) -> u64 {
    let quarters = step.quarters();
    let range = Quarter::containing(step.start)..quarters.end.max(quarters.start);
    sum(group.quarters.range(range).map(|(_, count)| *count))
}

/// Adds counts up to the largest number: another program may have written any.
fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}
