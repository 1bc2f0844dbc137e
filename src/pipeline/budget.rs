//! The memory limit of a log, handed to its shards in chunks.

use std::sync::atomic::Ordering::Relaxed;

use crate::pipeline::sync::AtomicUsize;

/// The flag, kept in the same atomic as the available bytes, that a caller waits for some. A release therefore either
/// sees the flag, or happens before it and is seen by the waiter.
const WAITED_FOR: usize = 1 << (usize::BITS - 1);

/// The bytes that a log may keep in memory.
///
/// Shards take bytes in chunks, so that not every call touches the counter. The cost of a record is given back when it is
/// committed (or lost, and counted).
#[derive(Debug)]
pub(crate) struct Budget {
    available: AtomicUsize,
    total: usize,
    chunk: usize,
}

impl Budget {
    /// Creates a budget of `total` bytes for `shards` shards.
    pub(crate) fn new(total: usize, shards: usize) -> Self {
        Budget {
            available: AtomicUsize::new(total.min(WAITED_FOR - 1)),
            total,
            // A quarter of the fair share, so that unused shards withhold little.
            chunk: (total / (shards * 4)).min(64 * 1024),
        }
    }

    /// Takes at least `need` bytes, up to a chunk if available. Returns 0 if there are fewer than `need`.
    pub(crate) fn take(&self, need: usize) -> usize {
        let mut taken = 0;
        let update = self.available.fetch_update(Relaxed, Relaxed, |available| {
            taken = need.max(self.chunk.min(available & !WAITED_FOR));
            less(available, taken)
        });
        if update.is_ok() { taken } else { 0 }
    }

    /// Takes exactly `bytes`. Returns false, and takes nothing, if there are fewer.
    pub(crate) fn take_exactly(&self, bytes: usize) -> bool {
        let update = self
            .available
            .fetch_update(Relaxed, Relaxed, |available| less(available, bytes));
        update.is_ok()
    }

    /// Gives bytes back. Returns true if a caller may be waiting for them.
    pub(crate) fn give_back(&self, bytes: usize) -> bool {
        self.available.fetch_add(bytes, Relaxed) & WAITED_FOR != 0
    }

    /// Sets the flag that a caller waits. Bytes that were given back before this can be taken.
    pub(crate) fn wait(&self) {
        self.available.fetch_or(WAITED_FOR, Relaxed);
    }

    /// Clears the flag that a caller waits.
    pub(crate) fn end_wait(&self) {
        self.available.fetch_and(!WAITED_FOR, Relaxed);
    }

    /// Returns the bytes that a shard takes at a time.
    pub(crate) fn chunk(&self) -> usize {
        self.chunk
    }

    /// Returns true if less than half is left: ended records should be committed before the flush interval is over.
    pub(crate) fn is_short(&self) -> bool {
        self.available.load(Relaxed) & !WAITED_FOR < self.total / 2
    }
}

/// Subtracts bytes and keeps the flag; `None` if there are fewer.
fn less(available: usize, bytes: usize) -> Option<usize> {
    (available & !WAITED_FOR >= bytes).then(|| available - bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_bytes_never_exceed_the_total() {
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

    #[test]
    fn giving_back_reports_that_a_caller_waits() {
        let budget = Budget::new(1_000, 1);
        assert!(budget.take_exactly(900));
        assert!(!budget.give_back(100));
        budget.wait();
        assert!(!budget.take_exactly(201) && budget.take(201) == 0);
        assert!(budget.is_short());
        assert!(budget.give_back(100));
        assert!(budget.take_exactly(300) && budget.give_back(1_000));
        budget.end_wait();
        assert!(!budget.give_back(0));
        assert_eq!(budget.take(1_000), 1_000);
    }
}
