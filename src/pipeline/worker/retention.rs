//! Forgetting what is old, a little after each commit.

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

/// What of the retention is under way.
pub(super) struct Keeper {
    /// Open while there is something to delete.
    upkeep: Option<Box<dyn Upkeep>>,
    /// When to look again, in nanoseconds of the log's monotonic clock.
    next_ns: u64,
}

impl Default for Keeper {
    fn default() -> Self {
        Keeper {
            upkeep: None,
            next_ns: FIRST.as_nanos() as u64,
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
                tracing::warn!(target: "tower_activity::store", %error, "what is old could not be deleted, it is tried again");
            }
        }
        self.upkeep = None;
        self.next_ns = now + LOOK.as_nanos() as u64;
    }

    fn prune(&mut self, store: &dyn Store, shared: &Shared) -> Result<Pruned> {
        let cutoffs = shared
            .config
            .retention
            .cutoffs(shared.clock.stamp().wall_us);
        let upkeep = match &mut self.upkeep {
            Some(upkeep) => upkeep,
            none => none.insert(store.upkeep()?),
        };
        let pruned = upkeep.prune(&cutoffs)?;
        if pruned.total() > 0 {
            upkeep.reclaim()?;
        }
        Ok(pruned)
    }
}
