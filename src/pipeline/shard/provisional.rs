//! Activities that start before anything says what they are, and whether they are recorded.

use std::sync::atomic::Ordering::Relaxed;

use super::{Rejection, Shard, SlotKey, State, find};
use crate::{pipeline::slot::NAME_ROOM, store::StartedActivity};

impl Shard {
    /// Describes a provisional activity, at a cost of `bytes`, of which [`NAME_ROOM`] was spent at its start; `change` returns how many
    /// bytes it freed. `change` also gets whether another record refers to the activity, and whether there is memory for more than a
    /// name of that size; if not, the flag `truncated` is set. Does nothing if it has ended or was described before.
    pub(crate) fn settle(
        &self,
        key: SlotKey,
        bytes: usize,
        change: impl FnOnce(&mut StartedActivity, bool, bool) -> usize,
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
        let shared = &*self.shared;
        let more = bytes.saturating_sub(NAME_ROOM);
        let has_room = credit.try_spend(shared, more);
        let mut freed = change(&mut slot.started, slot.is_referenced, has_room);
        if has_room {
            freed += NAME_ROOM.saturating_sub(bytes);
            slot.cost = (slot.cost as usize + more).saturating_sub(freed) as u32;
            credit.refund(shared, freed, 2 * shared.budget.chunk());
        } else {
            slot.started.details.get_or_insert_default().truncated = true;
        }
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

    /// Counts a provisional activity that was not admitted at its start for this reason, and that would be on record.
    pub(crate) fn count_rejected(&self, reason: Rejection) {
        let Some(mut state) = self.lock() else {
            self.shared.missed_activities.fetch_add(1, Relaxed);
            return;
        };
        let counts = &mut state.counts.activities;
        counts.recorded += 1;
        match reason {
            Rejection::Forked => {
                self.shared.missed_activities.fetch_add(1, Relaxed);
            }
            Rejection::Closed => counts.rejected_closed += 1,
            Rejection::Memory | Rejection::Type => counts.rejected_memory += 1,
        }
    }
}
