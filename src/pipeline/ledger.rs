//! Where every activity and event went: the writer's half of the accounting.

use std::sync::atomic::Ordering::Relaxed;

use crate::{
    pipeline::{Pipeline, Shard, Shared},
    store::{Accounting, Batch, EventAccounting, RecordingAccounting},
};

/// What only the writer knows. All are cumulative.
#[derive(Debug, Default, Clone)]
pub(crate) struct Ledger {
    pub(crate) committed: u64,
    pub(crate) lost_refused: u64,
    pub(crate) lost_shutdown: u64,
    pub(crate) late_ends: u64,
    pub(crate) files_replaced: u64,
    pub(crate) rows_rescued: u64,
    pub(crate) events: EventLedger,
    pub(crate) steps: StepLedger,
    /// What the store said last when it failed; `None` once it works again.
    pub(crate) failure: Option<String>,
}

/// What only the writer knows of events.
#[derive(Debug, Default, Clone)]
pub(crate) struct EventLedger {
    pub(crate) committed: u64,
    pub(crate) duplicates: u64,
    pub(crate) lost_refused: u64,
    pub(crate) lost_shutdown: u64,
}

/// What only the writer knows of the steps of recordings.
#[derive(Debug, Default, Clone)]
pub(crate) struct StepLedger {
    pub(crate) committed: u64,
    pub(crate) lost_refused: u64,
    pub(crate) lost_shutdown: u64,
}

/// How many records are about to be committed.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Committing {
    pub(crate) ended: usize,
    pub(crate) events: usize,
    pub(crate) steps: usize,
}

impl Committing {
    /// All of a batch.
    pub(crate) fn of(batch: &Batch) -> Self {
        Committing {
            ended: batch.ended.len(),
            events: batch.events.len(),
            steps: batch.steps.len(),
        }
    }
}

impl EventLedger {
    /// Moves events that were counted as committed and turned out to be duplicates.
    pub(crate) fn found_duplicates(&mut self, count: u64) {
        self.committed -= count;
        self.duplicates += count;
    }
}

/// Adds up where an instance stands. What is `committing` counts as committed already.
pub(crate) fn accounting(
    shards: &[std::sync::Arc<Shard>],
    shared: &Shared,
    committing: Committing,
) -> Accounting {
    if shared.is_forked() {
        return forked(shards, shared);
    }
    // The ledger first: what it counts has ended before, so that `waiting` cannot come out negative.
    let ledger = shared.ledger.lock().clone();
    let mut sum = Accounting {
        committed: ledger.committed + committing.ended as u64,
        lost_refused: ledger.lost_refused,
        lost_shutdown: ledger.lost_shutdown,
        late_ends: ledger.late_ends,
        files_replaced: ledger.files_replaced,
        rows_rescued: ledger.rows_rescued,
        not_durable: shared.answered_refused.load(Relaxed) + shared.commits.sent_away(),
        redactor_panics: shared.redactor_panics.load(Relaxed),
        events: EventAccounting {
            committed: ledger.events.committed + committing.events as u64,
            duplicates: ledger.events.duplicates,
            lost_refused: ledger.events.lost_refused,
            lost_shutdown: ledger.events.lost_shutdown,
            ..EventAccounting::default()
        },
        recordings: RecordingAccounting {
            committed: ledger.steps.committed + committing.steps as u64,
            lost_refused: ledger.steps.lost_refused,
            lost_shutdown: ledger.steps.lost_shutdown,
            ..RecordingAccounting::default()
        },
        ..Accounting::default()
    };
    for shard in shards {
        let counts = shard.counts();
        sum.started += counts.started;
        sum.ended += counts.ended;
        sum.rejected_memory += counts.rejected_memory;
        sum.rejected_closed += counts.rejected_closed;
        sum.lost_shutdown += counts.lost_shutdown;
        sum.events.recorded += counts.events.recorded;
        sum.events.rejected_memory += counts.events.rejected_memory;
        sum.events.rejected_closed += counts.events.rejected_closed;
        sum.events.rejected_type += counts.events.rejected_type;
        sum.events.rejected_limit += counts.events.rejected_limit;
        sum.recordings.recorded += counts.steps.recorded;
        sum.recordings.rejected_memory += counts.steps.rejected_memory;
        sum.recordings.rejected_closed += counts.steps.rejected_closed;
        sum.recordings.lost_shutdown += counts.steps.lost_shutdown;
    }
    let steps = &mut sum.recordings;
    steps.waiting = steps.recorded - steps.committed - steps.rejected() - steps.lost();
    let events = &mut sum.events;
    events.waiting =
        events.recorded - events.committed - events.duplicates - events.rejected() - events.lost();
    sum.open = sum.started - sum.ended - sum.rejected();
    sum.waiting = sum.ended - sum.committed - sum.lost();
    sum
}

/// Where the child of a fork stands: what is left in its copy of the shards goes nowhere. What the writer had
/// taken from them is its parent's.
fn forked(shards: &[std::sync::Arc<Shard>], shared: &Shared) -> Accounting {
    let mut sum = Accounting {
        rejected_forked: shared.missed.load(Relaxed),
        ..Accounting::default()
    };
    sum.events.rejected_forked = shared.missed_events.load(Relaxed);
    for shard in shards {
        let (activities, events) = shard.left();
        sum.rejected_forked += activities;
        sum.events.rejected_forked += events;
        let counts = shard.counts();
        sum.rejected_memory += counts.rejected_memory;
        sum.rejected_closed += counts.rejected_closed;
        sum.events.rejected_memory += counts.events.rejected_memory;
        sum.events.rejected_closed += counts.events.rejected_closed;
        sum.events.rejected_type += counts.events.rejected_type;
        sum.events.rejected_limit += counts.events.rejected_limit;
    }
    sum.started = sum.rejected();
    sum.events.recorded = sum.events.rejected();
    sum
}

impl Pipeline {
    /// Where every activity of this instance went, up to now.
    pub(crate) fn accounting(&self) -> Accounting {
        accounting(self.shards(), self.shared(), Committing::default())
    }
}
