//! Counters of calls, which follow the commit order.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};

use super::exposition::{Exposition, Type};
use crate::{
    error::Result,
    query::ActivityReader,
    record::{ActivityRecord, Filter, Status, Text},
    store::{CountedActivity, Position},
};

/// The label of all names, projects and error types without a series of their own.
const OTHER: &str = "other";
/// Commits that one transaction reads.
const STEP: usize = 100_000;
/// How long one scrape counts. The next one continues from there.
const BUDGET: Duration = Duration::from_secs(2);
/// The newest commits before the start, whose labels get a series at once: a scraper has to see a counter at 0 to know that the
/// first call is one.
const SEED: i64 = 10_000;

/// The statuses that an activity can end with.
const STATUSES: [Status; 5] = [
    Status::Success,
    Status::Failed,
    Status::Cancelled,
    Status::Skipped,
    Status::Abandoned,
];
/// The upper bounds of the buckets of durations, in nanoseconds, inclusive.
const BOUNDS_NS: [u64; 20] = [
    10_000,
    100_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
    300_000_000_000,
    1_800_000_000_000,
];

/// Counts the activities that match a filter and were committed since it started.
///
/// It follows the commit order, so that a scrape reads only what is new, every count is exact, and none ever falls: what
/// retention deletes was counted before. The number of series is bounded. A label never moves from its own series to the rest,
/// or back: once it has one, it keeps it.
#[derive(Debug)]
pub(super) struct CallCounters {
    filter: Filter,
    /// The most names, projects, pairs of both, and error types.
    limit: usize,
    started: Option<(DateTime<Utc>, Position<ActivityRecord>)>,
    /// By name and project.
    calls: BTreeMap<(Text, Text), ByStatus>,
    /// How many of these have a project of their own.
    own_pairs: usize,
    projects: BTreeMap<Text, ByStatus>,
    durations: BTreeMap<Text, Durations>,
    errors: BTreeMap<Text, u64>,
}

/// The number of calls with each of the [`STATUSES`].
type ByStatus = [u64; STATUSES.len()];

/// A histogram.
#[derive(Debug, Clone, Default)]
struct Durations {
    /// The counts of the [`BOUNDS_NS`], each without those before it; the last is beyond all bounds.
    counts: [u64; BOUNDS_NS.len() + 1],
    sum_ns: u64,
}

/// What some commits add up to.
#[derive(Debug, Default)]
struct Batch {
    calls: HashMap<(Text, Text), (ByStatus, Durations)>,
    errors: HashMap<Text, u64>,
}

impl CallCounters {
    pub(super) fn new(filter: Filter, limit: usize) -> Self {
        CallCounters {
            filter,
            limit,
            started: None,
            calls: BTreeMap::new(),
            own_pairs: 0,
            projects: BTreeMap::new(),
            durations: BTreeMap::new(),
            errors: BTreeMap::new(),
        }
    }

    /// Counts what was committed since the last call, as much as there is time for. Returns the number of commits that are left.
    ///
    /// # Errors
    ///
    /// If the store could not be read: what was counted until then stays counted.
    pub(super) fn follow(&mut self, reader: &mut ActivityReader) -> Result<u64> {
        let newest = reader.newest::<ActivityRecord>()?;
        let Some((created, mut position)) = self.started else {
            let seed = Position::new(newest.log(), (newest.seq() - SEED).max(0));
            let (batch, _) = self.read(reader, seed)?;
            self.add(batch);
            self.reset();
            self.started = Some((Utc::now(), newest));
            return Ok(0);
        };
        let begun = Instant::now();
        loop {
            let (batch, next) = self.read(reader, position)?;
            self.add(batch);
            let is_stuck = next == position;
            position = next;
            self.started = Some((created, position));
            let left = reader.behind(position)?;
            if is_stuck || left == 0 || begun.elapsed() > BUDGET {
                return Ok(left);
            }
        }
    }

    /// Reads some commits, and the position after them.
    fn read(
        &self,
        reader: &mut ActivityReader,
        after: Position<ActivityRecord>,
    ) -> Result<(Batch, Position<ActivityRecord>)> {
        let mut batch = Batch::default();
        let page = reader.count_after(after, &self.filter, STEP, &mut |one| batch.add(one))?;
        Ok((batch, page.next))
    }

    /// Counts these calls: the most frequent ones first, as they may take the last series.
    fn add(&mut self, batch: Batch) {
        let mut calls: Vec<_> = batch.calls.into_iter().collect();
        calls.sort_by_cached_key(|(pair, (by_status, _))| {
            let count: u64 = by_status.iter().sum();
            (Reverse(count), pair.clone())
        });
        for (pair, (by_status, durations)) in calls {
            let project = own_or_other(&self.projects, pair.1.clone(), self.limit);
            add_up(self.projects.entry(project).or_default(), by_status);
            let pair = self.labels(pair);
            self.durations
                .entry(pair.0.clone())
                .or_default()
                .merge(&durations);
            let is_new = !self.calls.contains_key(&pair);
            self.own_pairs += usize::from(is_new && pair.1 != OTHER);
            add_up(self.calls.entry(pair).or_default(), by_status);
        }
        let mut errors: Vec<_> = batch.errors.into_iter().collect();
        errors.sort_by_cached_key(|(error, count)| (Reverse(*count), error.clone()));
        for (error, count) in errors {
            let error = own_or_other(&self.errors, error, self.limit);
            *self.errors.entry(error).or_default() += count;
        }
    }

    /// Returns the labels that calls of a name and a project are counted with.
    fn labels(&self, (name, project): (Text, Text)) -> (Text, Text) {
        let name = own_or_other(&self.durations, name, self.limit);
        if name == OTHER {
            return (name.clone(), name);
        }
        let other = (name.clone(), Text::from(OTHER));
        let pair = (name, project);
        let has_room = self.own_pairs < self.limit && pair.1 != OTHER;
        match has_room || self.calls.contains_key(&pair) {
            true => pair,
            false => other,
        }
    }

    /// Sets all counts to 0, and keeps the series.
    fn reset(&mut self) {
        let calls = self.calls.values_mut().chain(self.projects.values_mut());
        calls.for_each(|sums| *sums = ByStatus::default());
        let durations = self.durations.values_mut();
        durations.for_each(|sums| *sums = Durations::default());
        self.errors.values_mut().for_each(|count| *count = 0);
    }

    /// Writes the counters.
    pub(super) fn write(&self, out: &mut Exposition) {
        let created = self.started.map(|(at, _)| at).unwrap_or_default();
        out.family(
            "activity_calls",
            Type::Counter,
            "Activities that ended, by name, project and status.",
        );
        for ((name, project), sums) in &self.calls {
            let labels = [("name", name.as_str()), ("project", project.as_str())];
            write_by_status(out, &labels, sums, created);
        }
        out.family(
            "activity_project_calls",
            Type::Counter,
            "The same activities, by project and status.",
        );
        for (project, sums) in &self.projects {
            write_by_status(out, &[("project", project)], sums, created);
        }
        out.family(
            "activity_failures",
            Type::Counter,
            "Activities that failed, by error type.",
        );
        for (error, count) in &self.errors {
            let labels = [("error_type", error.as_str())];
            out.sample("_total", &labels, count)
                .created(&labels, created);
        }
        out.family(
            "activity_duration_seconds",
            Type::Histogram,
            "Durations of the activities that ended, by name. Abandoned ones have none.",
        );
        for (name, durations) in &self.durations {
            durations.write(out, ("name", name), created);
        }
    }
}

impl Batch {
    fn add(&mut self, one: CountedActivity) {
        let Some(status) = STATUSES.iter().position(|status| *status == one.status) else {
            return;
        };
        // A project has a name: an empty label is none.
        let pair = (one.name, one.project.unwrap_or_default());
        let (by_status, durations) = self.calls.entry(pair).or_default();
        by_status[status] += 1;
        if let Some(ns) = one.duration_ns {
            durations.add(ns);
        }
        if one.status == Status::Failed {
            *self
                .errors
                .entry(one.error_type.unwrap_or_default())
                .or_default() += 1;
        }
    }
}

impl Durations {
    fn add(&mut self, ns: u64) {
        self.counts[BOUNDS_NS.partition_point(|bound| *bound < ns)] += 1;
        self.sum_ns = self.sum_ns.saturating_add(ns);
    }

    fn merge(&mut self, other: &Durations) {
        let counts = self.counts.iter_mut().zip(other.counts);
        counts.for_each(|(sum, more)| *sum += more);
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
    }

    fn write(&self, out: &mut Exposition, label: (&str, &str), created: DateTime<Utc>) {
        let bounds = BOUNDS_NS.iter().map(|ns| format!("{:?}", seconds(*ns)));
        let bounds = bounds.chain([String::from("+Inf")]);
        let mut sum = 0;
        for (bound, count) in bounds.zip(self.counts) {
            sum += count;
            out.sample("_bucket", &[label, ("le", &bound)], sum);
        }
        out.sample("_count", &[label], sum)
            .sample("_sum", &[label], seconds(self.sum_ns))
            .created(&[label], created);
    }
}

fn add_up(sums: &mut ByStatus, more: ByStatus) {
    let sums = sums.iter_mut().zip(more);
    sums.for_each(|(sum, more)| *sum += more);
}

fn write_by_status(
    out: &mut Exposition,
    labels: &[(&str, &str)],
    sums: &ByStatus,
    created: DateTime<Utc>,
) {
    for (status, count) in STATUSES.iter().zip(sums) {
        let status = ("status", status.as_str());
        let labels: Vec<_> = labels.iter().copied().chain([status]).collect();
        out.sample("_total", &labels, count)
            .created(&labels, created);
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Returns the label that something is counted with: its own if it has a series, or there is room for one.
fn own_or_other<T>(series: &BTreeMap<Text, T>, label: Text, limit: usize) -> Text {
    let own = series.len() - usize::from(series.contains_key(OTHER));
    match series.contains_key(&label) || (own < limit && label != OTHER) {
        true => label,
        false => Text::from(OTHER),
    }
}
