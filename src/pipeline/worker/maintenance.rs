//! Maintenance between commits, in small steps: pruning by the store's retention, indexing new records, checking rows.

use std::time::{Duration, Instant};

use chrono::DateTime;

use super::guarded;
use crate::{
    error::Result,
    pipeline::Shared,
    store::{ClockReading, Maintenance, Prune, PruneCounts, Retention, Store},
};

/// How often old records are pruned, by the log's clock: a day's worth goes in about a hundred small portions.
const PRUNE_INTERVAL: Duration = Duration::from_secs(600);

/// The delay of the first run, so that a log that is opened for a single record does no maintenance.
const FIRST_RUN: Duration = Duration::from_secs(10);

/// How often the store's clock is updated while records are committed.
const CLOCK_INTERVAL: Duration = Duration::from_secs(60);

/// The number of new records from which on they are indexed; until then searches scan them.
const MIN_UNINDEXED: u64 = 100;

/// The number of new records from which on they are indexed under load, too: searches scan them in some ten milliseconds.
const MAX_UNINDEXED: u64 = 5_000;

/// When which maintenance of a log is due.
pub(super) struct MaintenanceSchedule {
    /// Opened with the first step.
    maintenance: Option<Box<dyn Maintenance>>,
    /// The builder's retention limits have been set in the store.
    limits_are_set: bool,
    /// When to prune next, in nanoseconds of the log's monotonic clock.
    prune_ns: u64,
    /// When to update the store's clock with the next commit, by the same clock.
    clock_ns: u64,
    /// When to continue a run that has more to prune or check.
    more_at: Option<Instant>,
    /// Records were committed since the store's clock was updated.
    committed: bool,
    /// About the number of records that are not indexed; 0 once the index is up to date.
    unindexed: u64,
    /// When to index next under load.
    index_at: Instant,
}

impl Default for MaintenanceSchedule {
    fn default() -> Self {
        MaintenanceSchedule {
            maintenance: None,
            limits_are_set: false,
            prune_ns: FIRST_RUN.as_nanos() as u64,
            clock_ns: 0,
            more_at: None,
            committed: false,
            unindexed: 0,
            index_at: Instant::now(),
        }
    }
}

impl MaintenanceSchedule {
    /// Sets the builder's retention limits in the store.
    pub(super) fn open(&mut self, store: &dyn Store, shared: &Shared) -> Result<()> {
        let retention = shared.config.retention;
        // Once: when the store is reopened after a failure, another log may have set other limits.
        if self.limits_are_set || retention == Retention::default() {
            return Ok(());
        }
        let set = guarded("set the retention", || {
            self.maintenance(store)?.set_retention(&retention)
        });
        match set {
            // `is_invalid`: the store does its own maintenance.
            Err(error) if !error.is_invalid() => return Err(error),
            _ => self.limits_are_set = true,
        }
        Ok(())
    }

    /// Runs one step of pruning, checking or updating the store's clock if one is due. Failures are retried later, and do
    /// not stop the log from recording. Returns true if the store may have been written.
    pub(super) fn step(&mut self, store: &dyn Store, shared: &Shared) -> bool {
        let now_ns = shared.clock.monotonic_ns();
        let prune_is_due = match self.more_at {
            Some(at) => Instant::now() >= at,
            None => now_ns >= self.prune_ns,
        };
        let clock_is_due = self.committed && now_ns >= self.clock_ns;
        if prune_is_due {
            self.run(store, shared);
        } else if clock_is_due {
            let updated = guarded("update the store's clock", || {
                self.maintenance(store)?.now(reading(shared)).map(drop)
            });
            self.schedule_clock(now_ns);
            self.report(
                updated,
                "could not update the store's clock, retrying later",
            );
        }
        prune_is_due || clock_is_due
    }

    /// Prunes one step, or checks some rows once there is nothing more to prune.
    fn run(&mut self, store: &dyn Store, shared: &Shared) {
        let start = Instant::now();
        // Read before pruning: records that become old meanwhile are left to the next run.
        let now_ns = shared.clock.monotonic_ns();
        let pruned = guarded("prune", || self.prune(store, shared));
        self.schedule_clock(now_ns);
        if let Ok(pruned) = pruned
            && pruned.total() > 0
        {
            // SQLite's lock is not fair: taking it again at once would starve other writers.
            self.more_at = Some(Instant::now() + start.elapsed());
            return;
        }
        if pruned.is_ok() && self.check(store, shared) {
            self.more_at = Some(Instant::now() + start.elapsed());
            return;
        }
        self.more_at = None;
        self.prune_ns = now_ns + PRUNE_INTERVAL.as_nanos() as u64;
        // Other logs may have left records to index, too.
        self.unindexed = self.unindexed.max(MIN_UNINDEXED);
        self.report(
            pruned.map(drop),
            "could not delete old records, retrying later",
        );
    }

    fn schedule_clock(&mut self, now_ns: u64) {
        self.clock_ns = now_ns + CLOCK_INTERVAL.as_nanos() as u64;
        self.committed = false;
    }

    /// Logs a failure, and closes the store, to be reopened with the next step.
    fn report(&mut self, result: Result<()>, what: &str) {
        match result {
            Ok(()) => {}
            // The store does its own maintenance.
            Err(error) if error.is_invalid() => {}
            Err(error) => {
                self.maintenance = None;
                tracing::warn!(target: "tower_activity::store", %error, "{what}");
            }
        }
    }

    /// Returns the time until the next run.
    pub(super) fn next_run(&self, shared: &Shared) -> Duration {
        match self.more_at {
            Some(at) => at.saturating_duration_since(Instant::now()),
            None => {
                let ns = self.prune_ns.saturating_sub(shared.clock.monotonic_ns());
                Duration::from_nanos(ns)
            }
        }
    }

    /// Counts committed records.
    pub(super) fn committed(&mut self, records: usize) {
        self.committed = true;
        self.unindexed += records as u64;
    }

    /// Returns true if records have to be indexed even while others wait to be committed.
    pub(super) fn index_is_behind(&self) -> bool {
        self.unindexed > MAX_UNINDEXED && Instant::now() >= self.index_at
    }

    /// Runs one indexing step if there are enough new records. Returns false if nothing was indexed. Failures are retried
    /// later.
    pub(super) fn index(&mut self, store: &dyn Store) -> bool {
        if self.unindexed < MIN_UNINDEXED {
            return false;
        }
        let start = Instant::now();
        let indexed = guarded("index", || self.maintenance(store)?.index());
        // Commits get as much time as steps.
        self.index_at = Instant::now() + start.elapsed();
        if let Ok(records @ 1..) = indexed {
            self.unindexed = self.unindexed.saturating_sub(records).max(MIN_UNINDEXED);
            return true;
        }
        self.unindexed = 0;
        self.report(
            indexed.map(drop),
            "could not index new records, retrying later",
        );
        false
    }

    /// Closes the store. Updates its clock first if this log has not done so yet, because it was open only briefly.
    pub(super) fn close(&mut self, store: &dyn Store, shared: &Shared) {
        if self.committed && self.clock_ns == 0 {
            let updated = guarded("update the store's clock", || {
                self.maintenance(store)?.now(reading(shared)).map(drop)
            });
            self.report(updated, "could not update the store's clock");
        }
        self.maintenance = None;
    }

    /// Compares some rows with the ledger. Returns true while there are more. Failures are retried later.
    fn check(&mut self, store: &dyn Store, shared: &Shared) -> bool {
        let now = DateTime::from_timestamp_micros(shared.clock.stamp().wall_us).unwrap_or_default();
        match guarded("check", || self.maintenance(store)?.check(now)) {
            Ok(more) => more,
            Err(error) => {
                self.report(Err(error), "could not check rows, retrying later");
                false
            }
        }
    }

    fn maintenance(&mut self, store: &dyn Store) -> Result<&mut Box<dyn Maintenance>> {
        match &mut self.maintenance {
            Some(maintenance) => Ok(maintenance),
            none => Ok(none.insert(store.maintenance()?)),
        }
    }

    fn prune(&mut self, store: &dyn Store, shared: &Shared) -> Result<PruneCounts> {
        let named = shared.config.retention;
        let maintenance = self.maintenance(store)?;
        if named != Retention::default() {
            // The file may have been replaced by one without the builder's limits.
            let missing = named.missing_in(maintenance.retention()?);
            if missing != Retention::default() {
                maintenance.set_retention(&missing)?;
            }
        }
        let pruned = maintenance.prune(Prune::Retention(reading(shared)))?;
        if pruned.total() > 0 {
            maintenance.reclaim()?;
        }
        Ok(pruned)
    }
}

/// Reads the log's clock.
fn reading(shared: &Shared) -> ClockReading {
    let stamp = shared.clock.stamp();
    let wall = DateTime::from_timestamp_micros(stamp.wall_us).unwrap_or_default();
    ClockReading::new(wall, Duration::from_nanos(stamp.monotonic_ns))
}
