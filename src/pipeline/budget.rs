//! The bytes that a log may keep in memory, handed to its shards in chunks.

use std::sync::atomic::Ordering::Relaxed;

use crate::pipeline::sync::AtomicUsize;

/// The bytes that a log may keep in memory.
///
/// Shards take credit in chunks, so that the counter is not touched by every call; what was charged comes
/// back when the record is committed (or lost, and counted).
#[derive(Debug)]
pub(crate) struct Budget {
    available: AtomicUsize,
    total: usize,
    chunk: usize,
}

impl Budget {
    /// Makes a budget of `total` bytes for so many shards.
    pub(crate) fn new(total: usize, shards: usize) -> Self {
        Budget {
            available: AtomicUsize::new(total),
            total,
            // A quarter of the fair share, so that shards that are not used withhold little.
            chunk: (total / (shards * 4)).min(64 * 1024),
        }
    }

    /// Takes at least `need` bytes, a chunk where there is one; 0 where there is not enough.
    pub(crate) fn take(&self, need: usize) -> usize {
        let mut taken = 0;
        let update = self.available.fetch_update(Relaxed, Relaxed, |available| {
            taken = need.max(self.chunk.min(available));
            available.checked_sub(taken)
        });
        if update.is_ok() { taken } else { 0 }
    }

    /// Takes so many bytes, or nothing.
    pub(crate) fn take_exactly(&self, bytes: usize) -> bool {
        let update = self
            .available
            .fetch_update(Relaxed, Relaxed, |available| available.checked_sub(bytes));
        update.is_ok()
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.available.fetch_add(bytes, Relaxed);
    }

    /// What is taken at once, so that not every call takes.
    pub(crate) fn chunk(&self) -> usize {
        self.chunk
    }

    /// True when less than half is left: what has ended should not wait until its time has come.
    pub(crate) fn is_short(&self) -> bool {
        self.available.load(Relaxed) < self.total / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_never_exceeds_the_total() {
        let budget = Budget::new(10_000, 1);
        let mut taken = 0;
        loop {
            let bytes = budget.take(700);
            if bytes == 0 {
                break;
            }
            assert!(bytes >= 700);
            taken += bytes;
        }
        assert!(taken <= 10_000 && taken > 10_000 - 700, "{taken}");
        budget.give_back(taken);
        assert_eq!(budget.take(10_000), 10_000);
    }
}
