//! What has ended in the last minute, as it was committed.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use tower_activity::{
    Result, Status,
    query::ActivityReader,
    record::{ActivityRecord, Filter, Text},
    store::{LARGEST_PAGE, Position},
};

use crate::percentile::p95;

/// The span of the rates.
pub(super) const WINDOW: TimeDelta = TimeDelta::seconds(60);
/// The most pages to read at once. With more calls in a minute, the newest are counted, as a minimum.
const MAX_PAGES: usize = 20;
/// The most failures to keep.
const MAX_FAILURES: usize = 50;

/// The activities that ended in the last minute.
#[derive(Debug)]
pub(super) struct Rates {
    position: Position<ActivityRecord>,
    ended: VecDeque<Ended>,
    /// True if calls of the last minute are not counted.
    pub(super) is_partial: bool,
    /// The newest failures, the newest last.
    pub(super) failures: VecDeque<ActivityRecord>,
}

#[derive(Debug)]
struct Ended {
    at: DateTime<Utc>,
    name: Text,
    failed: bool,
    duration_ns: Option<u64>,
}

/// The calls of a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct OfName {
    pub(super) name: Text,
    pub(super) calls: u64,
    pub(super) failed: u64,
    pub(super) mean_ns: Option<u64>,
    pub(super) p95_ns: Option<u64>,
    pub(super) max_ns: Option<u64>,
}

impl Rates {
    /// Reads what started in the last minute and has ended.
    pub(super) fn new(reader: &mut ActivityReader, filter: &Filter) -> Result<Self> {
        let position = reader.newest()?;
        let mut rates = Rates {
            position,
            ended: VecDeque::new(),
            is_partial: false,
            failures: VecDeque::new(),
        };
        let mut recent = filter.clone();
        let since = reader.present()? - WINDOW;
        recent.since = Some(recent.since.map_or(since, |asked| asked.max(since)));
        recent.status.none_of.push(Status::Running);
        let (mut found, mut cursor) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let page = reader.page(&recent, cursor, LARGEST_PAGE)?;
            found.extend(page.records);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        rates.is_partial = cursor.is_some();
        // Those that were committed later follow with the first update.
        found.retain(|one| one.seq.is_some_and(|seq| seq <= position.seq()));
        found.sort_by_key(|one| one.ended_at);
        found.into_iter().for_each(|one| rates.add(one));
        Ok(rates)
    }

    /// Reads what has been committed since the last call.
    pub(super) fn update(&mut self, reader: &mut ActivityReader, filter: &Filter) -> Result<()> {
        for _ in 0..MAX_PAGES {
            let page = reader.after(self.position, filter, LARGEST_PAGE)?;
            let complete = page.records.len() < LARGEST_PAGE;
            self.position = page.next;
            page.records.into_iter().for_each(|one| self.add(one));
            if complete {
                return self.forget(reader);
            }
        }
        // What is committed meanwhile would be further and further behind.
        *self = Rates::new(reader, filter)?;
        Ok(())
    }

    /// Removes what ended before the last minute.
    fn forget(&mut self, reader: &mut ActivityReader) -> Result<()> {
        let since = reader.present()? - WINDOW;
        let covers = self.ended.front().is_none_or(|one| one.at < since);
        self.is_partial &= !covers;
        self.ended.retain(|one| one.at >= since);
        let ended = |one: &ActivityRecord| one.ended_at.is_some_and(|at| at >= since);
        self.failures.retain(ended);
        Ok(())
    }

    fn add(&mut self, one: ActivityRecord) {
        // A call that is dated in the future did not end in the last minute, and would never leave it.
        let Some(at) = one.ended_at.filter(|_| !one.ahead) else {
            return;
        };
        let failed = one.status == Status::Failed;
        self.ended.push_back(Ended {
            at,
            name: one.name.clone(),
            failed,
            duration_ns: one.duration_ns,
        });
        if failed {
            self.failures.push_back(one);
            if self.failures.len() > MAX_FAILURES {
                self.failures.pop_front();
            }
        }
    }

    /// Returns the number of calls that ended in the window, and of failed ones.
    pub(super) fn counts(&self) -> (u64, u64) {
        let failed = self.ended.iter().filter(|one| one.failed).count();
        (self.ended.len() as u64, failed as u64)
    }

    /// Returns the calls by name, the slowest first.
    pub(super) fn slowest(&self) -> Vec<OfName> {
        let mut names: HashMap<&Text, (u64, u64, Vec<u64>)> = HashMap::new();
        for one in &self.ended {
            let (calls, failed, took) = names.entry(&one.name).or_default();
            *calls += 1;
            *failed += u64::from(one.failed);
            took.extend(one.duration_ns);
        }
        let names = names.into_iter().map(|(name, (calls, failed, mut took))| {
            took.sort_unstable();
            let sum: u128 = took.iter().map(|ns| u128::from(*ns)).sum();
            let mean = sum.checked_div(took.len() as u128);
            OfName {
                name: name.clone(),
                calls,
                failed,
                mean_ns: mean.and_then(|ns| u64::try_from(ns).ok()),
                p95_ns: p95(&took),
                max_ns: took.last().copied(),
            }
        });
        let mut names: Vec<_> = names.collect();
        names.sort_by(|a, b| {
            b.p95_ns
                .cmp(&a.p95_ns)
                .then_with(|| a.name.as_str().cmp(b.name.as_str()))
        });
        names
    }
}
