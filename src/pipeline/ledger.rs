//! The writer's half of the accounting: what became of records.

use std::collections::BTreeSet;

use crate::{record::ActivityId, store::Accounting};

/// What only the writer knows.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Cumulative: of records what is committed, duplicate or lost.
    pub(crate) settled: Accounting,
    /// What the store said last when it failed; `None` once it works again.
    pub(crate) failure: Option<String>,
}

/// The activities that the store refused and for whose commit somebody may wait, or begin to wait: a call queues up
/// after its end stands in its shard, so that its record may be refused before.
#[derive(Debug, Default)]
pub(crate) struct RefusedActivities(BTreeSet<ActivityId>);

impl RefusedActivities {
    /// How many are remembered: nobody has asked for the oldest in as many refusals.
    const MOST: usize = 10_000;

    pub(crate) fn insert(&mut self, id: ActivityId) {
        if self.0.len() >= Self::MOST {
            self.0.pop_first();
        }
        self.0.insert(id);
    }

    /// True the first time that this one is asked for.
    pub(super) fn take(&mut self, id: ActivityId) -> bool {
        self.0.remove(&id)
    }
}
