//! Where every activity went: the writer's half of the accounting.

use crate::{
    pipeline::{Pipeline, Shard, Shared},
    store::Accounting,
};

/// What only the writer knows. All are cumulative.
#[derive(Debug, Default, Clone)]
pub(crate) struct Ledger {
    pub(crate) committed: u64,
    pub(crate) lost_refused: u64,
    pub(crate) lost_shutdown: u64,
    pub(crate) late_ends: u64,
    /// What the store said last when it failed; `None` once it works again.
    pub(crate) failure: Option<String>,
}

/// Adds up where an instance stands. `committing` records count as committed already.
pub(crate) fn accounting(
    shards: &[std::sync::Arc<Shard>],
    shared: &Shared,
    committing: u64,
) -> Accounting {
    // The ledger first: what it counts has ended before, so that `waiting` cannot come out negative.
    let ledger = shared.ledger.lock().clone();
    let mut sum = Accounting {
        committed: ledger.committed + committing,
        lost_refused: ledger.lost_refused,
        lost_shutdown: ledger.lost_shutdown,
        late_ends: ledger.late_ends,
        redactor_panics: shared
            .redactor_panics
            .load(std::sync::atomic::Ordering::Relaxed),
        ..Accounting::default()
    };
    for shard in shards {
        let counts = shard.counts();
        sum.started += counts.started;
        sum.ended += counts.ended;
        sum.rejected_memory += counts.rejected_memory;
        sum.rejected_closed += counts.rejected_closed;
        sum.lost_shutdown += counts.lost_shutdown;
    }
    sum.open = sum.started - sum.ended - sum.rejected();
    sum.waiting = sum.ended - sum.committed - sum.lost();
    sum
}

impl Pipeline {
    /// Where every activity of this instance went, up to now.
    pub(crate) fn accounting(&self) -> Accounting {
        accounting(self.shards(), self.shared(), 0)
    }
}
