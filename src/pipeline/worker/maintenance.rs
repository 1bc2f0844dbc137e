//! What is done beside recording, a little at a time: deleting what the store's retention does not keep, and indexing
//! what is new.

use std::time::{Duration, Instant};

use chrono::DateTime;

use super::guarded;
use crate::{
    error::Result,
    pipeline::Shared,
    store::{ClockReading, Prune, Pruned, Retention, Store, Upkeep},
};

/// How often old records are looked for, by the log's clock: a day's worth goes in a hundred small portions.
const LOOK: Duration = Duration::from_secs(600);

/// How long after its start a log looks first: one that is opened for a single record only has nothing to do with it.
const FIRST: Duration = Duration::from_secs(10);

/// How often the store's clock is brought up to date while records are committed.
const TICK: Duration = Duration::from_secs(60);

/// How many records are left to those who search, who look at them one by one, until they are indexed.
const UNINDEXED: u64 = 100;

/// What of the upkeep is under way.
pub(super) struct MaintenanceSchedule {
    /// Open from the first work on.
    upkeep: Option<Box<dyn Upkeep>>,
    /// The limits that the builder has named are set.
    is_open: bool,
    /// When to look again, in nanoseconds of the log's monotonic clock.
    look_ns: u64,
    /// When to bring the store's clock up to date with the next commit, by the same clock.
    tick_ns: u64,
    /// There is more to delete, from this instant on.
    more_at: Option<Instant>,
    /// Something was committed since the store's clock was brought up to date.
    committed: bool,
    /// Records that this log has committed since the index was up to date.
    unindexed: u64,
}

impl Default for MaintenanceSchedule {
    fn default() -> Self {
        MaintenanceSchedule {
            upkeep: None,
            is_open: false,
            look_ns: FIRST.as_nanos() as u64,
            tick_ns: 0,
            more_at: None,
            committed: false,
            unindexed: 0,
        }
    }
}

impl MaintenanceSchedule {
    /// Sets the limits that this log's builder has named.
    pub(super) fn open(&mut self, store: &dyn Store, shared: &Shared) -> Result<()> {
        let retention = shared.config.retention;
        // Once: when the store is opened again after a failure, somebody else may have set others.
        if self.is_open || retention == Retention::default() {
            return Ok(());
        }
        let set = guarded("set the retention", || {
            self.upkeep(store)?.set_retention(&retention)
        });
        match set {
            // A store that takes care of itself says so.
            Err(error) if !error.is_invalid() => return Err(error),
            _ => self.is_open = true,
        }
        Ok(())
    }

    /// Deletes at most one step of what the store does not keep, where it is time to. What fails is tried again later: the
    /// log records all the same. True where the store may have been written.
    pub(super) fn step(&mut self, store: &dyn Store, shared: &Shared) -> bool {
        let now_ns = shared.clock.monotonic_ns();
        let looks = match self.more_at {
            Some(at) => Instant::now() >= at,
            None => now_ns >= self.look_ns,
        };
        let ticks = self.committed && now_ns >= self.tick_ns;
        if looks {
            self.look(store, shared);
        } else if ticks {
            let ticked = guarded("read the store's clock", || {
                self.upkeep(store)?.now(reading(shared)).map(drop)
            });
            self.ticked(now_ns);
            self.told(
                ticked,
                "the store's clock could not be written, it is tried again",
            );
        }
        looks || ticks
    }

    fn look(&mut self, store: &dyn Store, shared: &Shared) {
        let start = Instant::now();
        // Before it looks: what becomes old meanwhile is left to the next time.
        let now_ns = shared.clock.monotonic_ns();
        let pruned = guarded("prune", || self.prune(store, shared));
        self.ticked(now_ns);
        if let Ok(pruned) = pruned
            && pruned.total() > 0
        {
            // SQLite's lock is not fair: whoever comes back at once keeps others out.
            self.more_at = Some(Instant::now() + start.elapsed());
            return;
        }
        if pruned.is_ok() && self.check(store, shared) {
            self.more_at = Some(Instant::now() + start.elapsed());
            return;
        }
        self.more_at = None;
        self.look_ns = now_ns + LOOK.as_nanos() as u64;
        // Others may have left something to index, too.
        self.unindexed = self.unindexed.max(UNINDEXED);
        self.told(
            pruned.map(drop),
            "what is old could not be deleted, it is tried again",
        );
    }

    fn ticked(&mut self, now_ns: u64) {
        self.tick_ns = now_ns + TICK.as_nanos() as u64;
        self.committed = false;
    }

    /// Closes the store after a failure, and tells of it.
    fn told(&mut self, done: Result<()>, what: &str) {
        match done {
            Ok(()) => {}
            // A store that takes care of itself says so.
            Err(error) if error.is_invalid() => {}
            Err(error) => {
                self.upkeep = None;
                tracing::warn!(target: "tower_activity::store", %error, "{what}");
            }
        }
    }

    /// How long the log may rest until there is something to delete, or to look for.
    pub(super) fn rest(&self, shared: &Shared) -> Duration {
        match self.more_at {
            Some(at) => at.saturating_duration_since(Instant::now()),
            None => {
                let ns = self.look_ns.saturating_sub(shared.clock.monotonic_ns());
                Duration::from_nanos(ns)
            }
        }
    }

    /// Counts what was committed.
    pub(super) fn committed(&mut self, records: usize) {
        self.committed = true;
        self.unindexed += records as u64;
    }

    /// Indexes at most one step of what was committed, where there is enough of it. `false` where nothing is left to do.
    /// What fails is tried again later.
    pub(super) fn index(&mut self, store: &dyn Store) -> bool {
        if self.unindexed < UNINDEXED {
            return false;
        }
        let indexed = guarded("index", || self.upkeep(store)?.index());
        if matches!(indexed, Ok(1..)) {
            return true;
        }
        self.unindexed = 0;
        self.told(
            indexed.map(drop),
            "what is new could not be indexed, it is tried again",
        );
        false
    }

    /// Lets go of the store. One that was open for a moment only has seen what time it is, too.
    pub(super) fn close(&mut self, store: &dyn Store, shared: &Shared) {
        if self.committed && self.tick_ns == 0 {
            let ticked = guarded("read the store's clock", || {
                self.upkeep(store)?.now(reading(shared)).map(drop)
            });
            self.told(ticked, "the store's clock could not be written");
        }
        self.upkeep = None;
    }

    /// Compares some of the rows with the ledger. `true` while there is more to do. What fails is tried again later.
    fn check(&mut self, store: &dyn Store, shared: &Shared) -> bool {
        let now = DateTime::from_timestamp_micros(shared.clock.stamp().wall_us).unwrap_or_default();
        match guarded("check", || self.upkeep(store)?.check(now)) {
            Ok(more) => more,
            Err(error) => {
                self.told(
                    Err(error),
                    "the rows could not be checked, it is tried again",
                );
                false
            }
        }
    }

    fn upkeep(&mut self, store: &dyn Store) -> Result<&mut Box<dyn Upkeep>> {
        match &mut self.upkeep {
            Some(upkeep) => Ok(upkeep),
            none => Ok(none.insert(store.upkeep()?)),
        }
    }

    fn prune(&mut self, store: &dyn Store, shared: &Shared) -> Result<Pruned> {
        let named = shared.config.retention;
        let upkeep = self.upkeep(store)?;
        if named != Retention::default() {
            // Another file stands there than the one that was opened.
            let missing = named.missing_in(upkeep.retention()?);
            if missing != Retention::default() {
                upkeep.set_retention(&missing)?;
            }
        }
        let pruned = upkeep.prune(Prune::Retention(reading(shared)))?;
        if pruned.total() > 0 {
            upkeep.reclaim()?;
        }
        Ok(pruned)
    }
}

/// What the log's clock shows.
fn reading(shared: &Shared) -> ClockReading {
    let stamp = shared.clock.stamp();
    let wall = DateTime::from_timestamp_micros(stamp.wall_us).unwrap_or_default();
    ClockReading::new(wall, Duration::from_nanos(stamp.monotonic_ns))
}
