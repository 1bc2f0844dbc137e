//! The accounting of an instance: the writer's ledger plus the shards' counters.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use crate::{
    pipeline::{Pipeline, Shard, Shared},
    store::{Accounting, PerKind},
};

/// Adds up the accounting of an instance. Records that are `committing` count as committed.
pub(crate) fn accounting(
    shards: &[Arc<Shard>],
    shared: &Shared,
    committing: PerKind<u64>,
) -> Accounting {
    if shared.is_forked() {
        return forked(shards, shared);
    }
    // Read the ledger before the shards: its records ended earlier, so `waiting` cannot become negative.
    let mut sum = shared.ledger.lock().settled.clone();
    sum.not_durable = shared.answered_refused.load(Relaxed) + shared.commits.expired();
    sum.redactor_panics = shared.redactor_panics.load(Relaxed);
    // A shard still counts collected records as waiting: they are subtracted below.
    let taken = sum.kinds_mut().zip(committing).map(|(sum, committing)| {
        sum.committed += committing;
        sum.ended()
    });
    for shard in shards {
        for (sum, seen) in sum.kinds_mut().zip(shard.counts()).each() {
            sum.add(&seen);
        }
    }
    for (sum, taken) in sum.kinds_mut().zip(taken).each() {
        sum.waiting -= taken;
    }
    sum
}

/// Adds up the accounting of a log in the child of a fork: records in its copy of the shards are never written. Records
/// that the writer had collected before the fork are the parent's.
fn forked(shards: &[Arc<Shard>], shared: &Shared) -> Accounting {
    let mut sum = Accounting::default();
    sum.activities.rejected_forked = shared.missed_activities.load(Relaxed);
    sum.events.rejected_forked = shared.missed_events.load(Relaxed);
    for shard in shards {
        let seen = shard.counts().zip(shard.left());
        for (sum, (seen, left)) in sum.kinds_mut().zip(seen).each() {
            sum.rejected_forked += left;
            sum.rejected_memory += seen.rejected_memory;
            sum.rejected_closed += seen.rejected_closed;
            sum.rejected_type += seen.rejected_type;
            sum.rejected_limit += seen.rejected_limit;
        }
    }
    for sum in sum.kinds_mut().each() {
        sum.recorded = sum.rejected();
    }
    sum
}

impl Pipeline {
    /// Returns the accounting of this instance up to now.
    pub(crate) fn accounting(&self) -> Accounting {
        accounting(self.shards(), self.shared(), PerKind::default())
    }
}
