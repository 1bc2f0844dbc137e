//! Bytes that were taken from the budget and are charged to no record yet.

use crate::pipeline::Shared;

/// Bytes that were taken from the budget and are charged to no record yet.
#[derive(Debug, Default)]
pub(crate) struct LocalCredit(usize);

impl LocalCredit {
    /// Charges so many bytes, taking more from the budget where these do not suffice. `false` when there are
    /// not enough.
    pub(crate) fn try_spend(&mut self, shared: &Shared, bytes: usize) -> bool {
        if self.0 < bytes {
            let was_short = shared.budget.is_short();
            let taken = shared.budget.take(bytes - self.0);
            if taken > 0 && shared.is_forked() {
                // In the child of a fork nobody commits it and gives the memory back.
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

    /// Takes back what was charged before. What is more than `keep` goes back to the budget.
    pub(crate) fn refund(&mut self, shared: &Shared, bytes: usize, keep: usize) {
        self.0 += bytes;
        if let Some(more) = self.0.checked_sub(keep) {
            self.0 = keep;
            // Whoever waits is served by the next one who gives back: this stands under a shard's lock.
            shared.budget.give_back(more);
        }
    }
}
