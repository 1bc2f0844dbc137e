//! What is done beside recording, a little at a time: forgetting what is old, and indexing what is new.

use std::time::Duration;

use super::guarded;
use crate::{
    error::Result,
    pipeline::Shared,
    store::{Pruned, Store, Upkeep},
};

/// How often old records are looked for, by the log's clock: a day's worth goes in a hundred small portions.
const LOOK: Duration = Duration::from_secs(600);

/// How long after its start a log looks first: one that is opened for a single record only has nothing to do with it.
const FIRST: Duration = Duration::from_secs(10);

/// How many records are left to those who search, who look at them one by one, until they are indexed.
const UNINDEXED: u64 = 100;

/// What of the upkeep is under way.
pub(super) struct Keeper {
    /// Open from the first work on.
    upkeep: Option<Box<dyn Upkeep>>,
    /// When to look again, in nanoseconds of the log's monotonic clock.
    next_ns: u64,
    /// Records that this log has committed since the index was up to date.
    unindexed: u64,
}

impl Default for Keeper {
    fn default() -> Self {
        Keeper {
            upkeep: None,
            next_ns: FIRST.as_nanos() as u64,
            unindexed: 0,
        }
    }
}

impl Keeper {
    /// Deletes at most one step of what is older than the log keeps it. What fails is tried again later: the log
    /// records all the same.
    pub(super) fn step(&mut self, store: &dyn Store, shared: &Shared) {
        let now = shared.clock.monotonic_ns();
        if now < self.next_ns {
            return;
        }
        match guarded("prune", || self.prune(store, shared)) {
            Ok(pruned) if pruned.total() > 0 => return,
            Ok(_) => {}
            // A store that takes care of itself says so.
            Err(error) if error.is_invalid() => {}
            Err(error) => {
                self.upkeep = None;
                tracing::warn!(target: "tower_activity::store", %error, "what is old could not be deleted, it is tried again");
            }
        }
        self.next_ns = now + LOOK.as_nanos() as u64;
        // Others may have left something to index, too.
        self.unindexed = self.unindexed.max(UNINDEXED);
    }

    /// Counts what was committed.
    pub(super) fn committed(&mut self, records: usize) {
        self.unindexed += records as u64;
    }

    /// Indexes at most one step of what was committed, where there is enough of it. `false` where nothing is left to do.
    /// What fails is tried again later.
    pub(super) fn index(&mut self, store: &dyn Store) -> bool {
        if self.unindexed < UNINDEXED {
            return false;
        }
        let indexed = guarded("index", || self.upkeep(store)?.index());
        match indexed {
            Ok(1..) => return true,
            Ok(0) => {}
            Err(error) if error.is_invalid() => {}
            Err(error) => {
                self.upkeep = None;
                tracing::warn!(target: "tower_activity::store", %error, "what is new could not be indexed, it is tried again");
            }
        }
        self.unindexed = 0;
        false
    }

    /// Lets go of the store.
    pub(super) fn close(&mut self) {
        self.upkeep = None;
    }

    fn upkeep(&mut self, store: &dyn Store) -> Result<&mut Box<dyn Upkeep>> {
        match &mut self.upkeep {
            Some(upkeep) => Ok(upkeep),
            none => Ok(none.insert(store.upkeep()?)),
        }
    }

    fn prune(&mut self, store: &dyn Store, shared: &Shared) -> Result<Pruned> {
        let cutoffs = shared
            .config
            .retention
            .cutoffs(shared.clock.stamp().wall_us);
        let upkeep = self.upkeep(store)?;
        let pruned = upkeep.prune(&cutoffs)?;
        if pruned.total() > 0 {
            upkeep.reclaim()?;
        }
        Ok(pruned)
    }
}
