//! Open activities on their way into the store's table of them: copies, so that others see what runs.

use std::{mem, time::Instant};

use crate::pipeline::{Credit, Shared, worker::Worker};

impl Worker {
    /// Copies what has been open for longer than a flush interval (or at all) so that others see it run.
    pub(super) fn list_open(&mut self, at_once: bool) {
        let interval = self.shared.config.flush_interval;
        let waiting = !self.open.is_empty() || !self.batch.open.is_empty();
        // Copies of what changes while the store is away would pile up.
        if waiting || (!at_once && self.last_listing.elapsed() < interval) {
            return;
        }
        self.last_listing = Instant::now();
        let age = if at_once {
            0
        } else {
            interval.as_nanos() as u64
        };
        let before = self.shared.clock.monotonic_ns().saturating_sub(age);
        for shard in &*self.shards {
            self.copies.charged +=
                shard.take_unlisted(before, &mut self.open, &mut self.copies.credit);
        }
    }

    /// Gives the memory of copies back, once they are committed or left out.
    pub(super) fn forget_open(&mut self) {
        self.copies.forget(&self.shared);
        // What came back may be what somebody waits for.
        self.shared.serve_room();
    }
}

/// Room for copies of open activities. Some is kept for them, so that also a log whose memory is full of open
/// activities can list them, some at a time.
#[derive(Debug, Default)]
pub(super) struct Copies {
    credit: Credit,
    /// What those are charged that are not committed yet.
    charged: usize,
}

impl Copies {
    pub(super) fn new(shared: &Shared) -> Self {
        let mut copies = Copies::default();
        if shared.budget.take_exactly(reserve(shared)) {
            copies.charged = reserve(shared);
            copies.forget(shared);
        }
        copies
    }

    fn forget(&mut self, shared: &Shared) {
        let charged = mem::take(&mut self.charged);
        self.credit.refund(shared, charged, reserve(shared));
    }
}

fn reserve(shared: &Shared) -> usize {
    shared.config.memory_limit / 16
}
