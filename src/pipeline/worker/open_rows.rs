//! Copies of open activities on their way into the store, so that readers see what is running.

use std::{mem, sync::Arc, time::Instant};

use crate::{
    pipeline::{LocalCredit, Shard, Shared},
    store::StartedActivity,
};

/// Copies of open activities, with a memory reserve of their own: a log whose memory is full of open activities can still
/// write them, some at a time.
pub(super) struct OpenRows {
    /// Copies that are not part of a batch yet.
    pub(super) open: Vec<StartedActivity>,
    credit: LocalCredit,
    /// The cost of all copies that are not committed yet.
    cost: usize,
    last: Instant,
}

impl OpenRows {
    pub(super) fn new(shared: &Shared) -> Self {
        let mut credit = LocalCredit::default();
        let reserve = reserve(shared);
        if shared.budget.take_exactly(reserve) {
            credit.refund(shared, reserve, reserve);
        }
        OpenRows {
            open: Vec::new(),
            credit,
            cost: 0,
            last: Instant::now(),
        }
    }

    /// Copies activities that have been open for longer than a flush interval; all open ones if `at_once`.
    pub(super) fn copy(&mut self, shards: &[Arc<Shard>], shared: &Shared, at_once: bool) {
        let interval = shared.config.flush_interval;
        // Otherwise copies of changing activities would pile up while the store fails.
        if !self.open.is_empty() || (!at_once && self.last.elapsed() < interval) {
            return;
        }
        self.last = Instant::now();
        let age = if at_once {
            0
        } else {
            interval.as_nanos() as u64
        };
        let before = shared.clock.monotonic_ns().saturating_sub(age);
        for shard in shards {
            self.cost += shard.take_stale_open_rows(before, &mut self.open, &mut self.credit);
        }
    }

    /// Gives the memory of copies back once they are committed or dropped.
    pub(super) fn forget(&mut self, shared: &Arc<Shared>) {
        let cost = mem::take(&mut self.cost);
        self.credit.refund(shared, cost, reserve(shared));
        // A call may be waiting for the memory that came back.
        shared.serve_admissions();
    }
}

fn reserve(shared: &Shared) -> usize {
    shared.config.memory_limit / 16
}
