//! Activities that start before anything says what they are, and whether they are recorded.

use super::{Change, Shard, SlotKey, State, find};
use crate::store::StartedActivity;

impl Shard {
    /// Describes a provisional activity, at a cost of `bytes`; `change` returns how many bytes it freed. `change` also gets
    /// whether another record refers to the activity. Does nothing if it has ended or was described before.
    pub(crate) fn settle(
        &self,
        key: SlotKey,
        bytes: usize,
        change: impl FnOnce(&mut StartedActivity, bool) -> usize,
    ) {
        let Some(mut state) = self.lock() else {
            return;
        };
        let State {
            slots,
            counts,
            credit,
            stale_open_rows,
            ..
        } = &mut *state;
        let Some(slot) = find(slots, key).filter(|slot| slot.is_provisional) else {
            return;
        };
        slot.count_provisional(counts);
        counts.activities.open += 1;
        slot.is_provisional = false;
        slot.open_row_is_current = false;
        *stale_open_rows += 1;
        let is_referenced = slot.is_referenced;
        let shared = &*self.shared;
        Change {
            slot,
            credit,
            shared,
        }
        .make(bytes, |started| change(started, is_referenced));
        drop(state);
        self.shared.wake_if_parked();
    }

    /// Removes a provisional activity, as if it had never started. Returns false if another record refers to it, or if it was
    /// described before.
    pub(crate) fn discard(&self, key: SlotKey) -> bool {
        let Some(mut state) = self.lock() else {
            return true;
        };
        let State { slots, credit, .. } = &mut *state;
        let Some(slot) = find(slots, key) else {
            return true;
        };
        if !slot.is_provisional || slot.is_referenced || slot.has_end_listener || slot.has_open_row
        {
            return false;
        }
        let slot = slots.remove(key.index as usize);
        let most = 2 * self.shared.budget.chunk();
        credit.refund(&self.shared, slot.cost as usize, most);
        true
    }
}
