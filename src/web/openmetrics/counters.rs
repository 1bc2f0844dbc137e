//! The counters of a router.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use http::StatusCode;
use parking_lot::Mutex;

use super::{
    super::{access::Grant, problem::Problem},
    calls::CallCounters,
    exposition::{Exposition, Type},
};
use crate::{record::Filter, store::Accounting};

/// The most restrictions that are counted at once.
const MAX_RESTRICTIONS: usize = 64;
/// Counters of a restriction that was not scraped for so long make room for those of another.
const MAX_AGE: Duration = Duration::from_secs(3_600);

/// The default of [`ActivityRouter::metrics_limit`](crate::web::ActivityRouter::metrics_limit).
pub(in crate::web) const DEFAULT_LIMIT: usize = 100;

/// The counters of a router, from its first scrape on.
#[derive(Debug)]
pub(in crate::web) struct Metrics {
    limit: usize,
    /// By what a scraper may see.
    calls: Mutex<Vec<CountersOf>>,
    pub(super) records: Mutex<RecordCounters>,
}

/// The counters of the calls that some scrapers may see.
#[derive(Debug, Clone)]
struct CountersOf {
    filter: Filter,
    used: Instant,
    counters: Arc<Mutex<CallCounters>>,
}

/// Counters of the accounting, by metric, kind of record and reason.
///
/// A sum over all instances of a store falls when one of them is found to have died, as some of its records then count as
/// abandoned, and when the file is replaced. A counter must not.
#[derive(Debug, Default)]
pub(super) struct RecordCounters(BTreeMap<(&'static str, &'static str, &'static str), Counter>);

#[derive(Debug, Default)]
struct Counter {
    last: u64,
    total: u64,
}

impl Metrics {
    pub(in crate::web) fn new(limit: usize) -> Self {
        Metrics {
            limit,
            calls: Mutex::default(),
            records: Mutex::default(),
        }
    }

    /// Returns the counters of what a caller may see. All scrapers that may see the same share them.
    pub(super) fn calls_of(&self, grant: &Grant) -> Result<Arc<Mutex<CallCounters>>, Problem> {
        let filter = grant.restrict(Filter::default());
        if filter.since.is_some() || filter.until.is_some() {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                "counters cannot be limited to a time, and your access is: use `api/metrics`",
            ));
        }
        let mut calls = self.calls.lock();
        let used = Instant::now();
        if let Some(known) = calls.iter_mut().find(|one| one.filter == filter) {
            known.used = used;
            return Ok(known.counters.clone());
        }
        if calls.len() >= MAX_RESTRICTIONS && !filter.is_empty() {
            calls.retain(|one| one.filter.is_empty() || one.used.elapsed() < MAX_AGE);
        }
        // Not the place of another: its counters would start again with every scrape.
        if calls.len() >= MAX_RESTRICTIONS && !filter.is_empty() {
            return Err(Problem::busy(
                "too many scrapers with different restrictions",
            ));
        }
        let counters = Arc::new(Mutex::new(CallCounters::new(filter.clone(), self.limit)));
        calls.push(CountersOf {
            filter,
            used,
            counters: counters.clone(),
        });
        Ok(counters)
    }
}

impl RecordCounters {
    /// Writes the accounting.
    pub(super) fn write(&mut self, out: &mut Exposition, of: &Accounting) {
        let families = [
            (
                "activity_records",
                "Records that programs made, rejected ones included.",
                &["started", "recorded"][..],
            ),
            (
                "activity_records_committed",
                "Records that were committed to the store.",
                &["committed"][..],
            ),
        ];
        for (name, help, fields) in families {
            out.family(name, Type::Counter, help);
            for (kind, field, count) in of.fields() {
                if !fields.contains(&field) {
                    continue;
                }
                let total = self.total((name, kind, ""), count);
                out.sample("_total", &[("kind", kind)], total);
            }
        }
        let name = "activity_records_lost";
        out.family(
            name,
            Type::Counter,
            "Records that are not in the store, by reason.",
        );
        let is_loss = |field: &str| field.starts_with("rejected_") || field.starts_with("lost_");
        for (kind, reason, count) in of.fields().filter(|(_, field, _)| is_loss(field)) {
            let total = self.total((name, kind, reason), count);
            out.sample("_total", &[("kind", kind), ("reason", reason)], total);
        }
        for (name, help, count) in [
            (
                "activity_not_durable",
                "Calls in mode Durable that were answered before their commit.",
                of.not_durable,
            ),
            (
                "activity_redactor_panics",
                "Payloads and attributes that were dropped because a redactor panicked.",
                of.redactor_panics,
            ),
            (
                "activity_files_replaced",
                "Times that files of the store were moved, removed or replaced while it was open.",
                of.files_replaced,
            ),
        ] {
            out.family(name, Type::Counter, help);
            out.sample("_total", &[], self.total((name, "", ""), count));
        }
    }

    /// Returns the total of a counter, which grows with `count`, and stays where that falls.
    fn total(&mut self, of: (&'static str, &'static str, &'static str), count: u64) -> u64 {
        let counter = self.0.entry(of).or_default();
        let more = count.saturating_sub(counter.last);
        counter.total = counter.total.saturating_add(more);
        counter.last = count;
        counter.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_does_not_fall() {
        let mut counters = RecordCounters::default();
        let mut total = |count| counters.total(("a", "b", "c"), count);
        assert_eq!([5, 7, 2, 2, 3].map(&mut total), [5, 7, 7, 7, 8]);
    }
}
