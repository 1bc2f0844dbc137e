//! Open activities on their way into the store's table of them: copies, so that others see what runs.

use std::{mem, sync::Arc, time::Instant};

use crate::{
    pipeline::{LocalCredit, Shard, Shared},
    store::Started,
};

/// Copies of open activities, and room for them. Some is kept for them, so that also a log whose memory is full of open
/// activities can list them, some at a time.
pub(super) struct OpenRows {
    /// Those that are not part of a batch yet.
    pub(super) open: Vec<Started>,
    credit: LocalCredit,
    /// What those are charged that are not committed yet.
    charged: usize,
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
            charged: 0,
            last: Instant::now(),
        }
    }

    /// Copies what has been open for longer than a flush interval (or at all) so that others see it run.
    pub(super) fn copy(&mut self, shards: &[Arc<Shard>], shared: &Shared, at_once: bool) {
        let interval = shared.config.flush_interval;
        // Copies of what changes while the store is away would pile up.
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
            self.charged += shard.take_stale_open_rows(before, &mut self.open, &mut self.credit);
        }
    }

    /// Gives the memory of copies back, once they are committed or left out.
    pub(super) fn forget(&mut self, shared: &Arc<Shared>) {
        let charged = mem::take(&mut self.charged);
        self.credit.refund(shared, charged, reserve(shared));
        // What came back may be what somebody waits for.
        shared.serve_admissions();
    }
}

fn reserve(shared: &Shared) -> usize {
    shared.config.memory_limit / 16
}
