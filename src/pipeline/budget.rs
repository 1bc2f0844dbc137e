//! The bytes that a log may keep in memory, handed to its shards in chunks.

use std::sync::atomic::Ordering::Relaxed;

use crate::pipeline::sync::AtomicUsize;

/// The mark among the available bytes that somebody waits for some. In the same atomic: so whoever gives back either
/// sees the mark, or comes before it and is seen by whoever set it.
const WAITED_FOR: usize = 1 << (usize::BITS - 1);

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
            available: AtomicUsize::new(total.min(WAITED_FOR - 1)),
            total,
            // A quarter of the fair share, so that shards that are not used withhold little.
            chunk: (total / (shards * 4)).min(64 * 1024),
        }
    }

    /// Takes at least `need` bytes, a chunk where there is one; 0 where there is not enough.
    pub(crate) fn take(&self, need: usize) -> usize {
        let mut taken = 0;
        let update = self.available.fetch_update(Relaxed, Relaxed, |available| {
            taken = need.max(self.chunk.min(available & !WAITED_FOR));
            less(available, taken)
        });
        if update.is_ok() { taken } else { 0 }
    }

    /// Takes so many bytes, or nothing.
    pub(crate) fn take_exactly(&self, bytes: usize) -> bool {
        let update = self
            .available
            .fetch_update(Relaxed, Relaxed, |available| less(available, bytes));
        update.is_ok()
    }

    /// Gives bytes back. True where somebody may wait for them.
    pub(crate) fn give_back(&self, bytes: usize) -> bool {
        self.available.fetch_add(bytes, Relaxed) & WAITED_FOR != 0
    }

    /// Says that somebody waits. What was given back before this is there to be taken.
    pub(crate) fn wait(&self) {
        self.available.fetch_or(WAITED_FOR, Relaxed);
    }

    /// Says that nobody waits any more.
    pub(crate) fn end_wait(&self) {
        self.available.fetch_and(!WAITED_FOR, Relaxed);
    }

    /// What is taken at once, so that not every call takes.
    pub(crate) fn chunk(&self) -> usize {
        self.chunk
    }

    /// True when less than half is left: what has ended should not wait until its time has come.
    pub(crate) fn is_short(&self) -> bool {
        self.available.load(Relaxed) & !WAITED_FOR < self.total / 2
    }
}

/// So many bytes less, and the same mark; `None` where there are not so many.
fn less(available: usize, bytes: usize) -> Option<usize> {
    (available & !WAITED_FOR >= bytes).then(|| available - bytes)
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

    #[test]
    fn whoever_gives_back_is_told_of_those_who_wait() {
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
