//! Bytes that a shard has taken from the budget and not spent yet.

use crate::pipeline::Shared;

/// Bytes that were taken from the budget and not spent on a record yet.
#[derive(Debug, Default)]
pub(crate) struct LocalCredit(usize);

impl LocalCredit {
    /// Spends bytes on a record, taking more from the budget if needed. Returns false if there are not enough.
    pub(crate) fn try_spend(&mut self, shared: &Shared, bytes: usize) -> bool {
        if self.0 < bytes {
            let was_short = shared.budget.is_short();
            let taken = shared.budget.take(bytes - self.0);
            if taken > 0 && shared.is_forked() {
                // In the child of a fork no writer commits the record and gives its memory back.
                return false;
            }
            self.0 += taken;
            if !was_short && shared.budget.is_short() {
                shared.wake();
            }
        }
        match self.0.checked_sub(bytes) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// Takes back bytes that were spent. Bytes beyond `keep` return to the budget.
    pub(crate) fn refund(&mut self, shared: &Shared, bytes: usize, keep: usize) {
        self.0 += bytes;
        if let Some(more) = self.0.checked_sub(keep) {
            self.0 = keep;
            // Waiters are served by the next release outside of a lock: this runs under a shard's.
            shared.budget.give_back(more);
        }
    }
}
