//! The writer's half of the accounting: committed, duplicate and lost records.

use std::collections::BTreeSet;

use crate::{record::ActivityId, store::Accounting};

/// Counters and state that only the writer updates.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Committed, duplicate and lost records, cumulative.
    pub(crate) settled: Accounting,
    /// The store's last error; `None` once it works again.
    pub(crate) failure: Option<String>,
}

/// Ids of refused activities whose calls may wait for the commit. A call queues up after its end is in its shard, so its
/// record may be refused before it waits.
#[derive(Debug, Default)]
pub(crate) struct RefusedActivities(BTreeSet<ActivityId>);

impl RefusedActivities {
    /// The most ids that are kept. The oldest are dropped: no call has asked for them during as many refusals.
    const MAX: usize = 10_000;

    pub(crate) fn insert(&mut self, id: ActivityId) {
        if self.0.len() >= Self::MAX {
            self.0.pop_first();
        }
        self.0.insert(id);
    }

    /// Removes an id. Returns true if it was there.
    pub(super) fn take(&mut self, id: ActivityId) -> bool {
        self.0.remove(&id)
    }
}
