//! Shards: where calls leave their records, each for a few threads, so that nothing is shared per call.

use std::{collections::VecDeque, mem, sync::Arc};

use parking_lot::Mutex;
use slab::Slab;

use crate::{
    pipeline::{Permit, Shared},
    record::{ActivityId, Outcome},
    store::{Details, Ended, NewEvent, Started},
};

/// What every admitted activity is charged for, whatever it carries: its slot while it is open, and twice
/// its record once it has ended (the vector it stands in grows by doubling).
pub(crate) const BASE_CHARGE: usize = size_of::<Slot>() + 2 * size_of::<Ended>();

/// What every event is charged for, whatever it carries: twice its record, and what its receipt waits on.
pub(crate) const EVENT_CHARGE: usize = 2 * size_of::<NewEvent>() + 128;

/// One shard of a log. The open activities in it *are* the registry of what is running.
///
/// Aligned so that two shards never share a cache line (128 bytes: two lines are fetched at once).
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Shard {
    state: Mutex<State>,
    shared: Arc<Shared>,
}

/// Names an open activity within its shard. The id tells whether the slot is still the same activity's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotKey {
    index: u32,
    pub(crate) id: ActivityId,
}

/// How many activities a shard has seen. All are cumulative.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) started: u64,
    pub(crate) ended: u64,
    pub(crate) rejected_memory: u64,
    pub(crate) rejected_closed: u64,
    pub(crate) lost_shutdown: u64,
    pub(crate) events: EventCounts,
}

/// How many events a shard has seen. All are cumulative.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EventCounts {
    pub(crate) recorded: u64,
    pub(crate) rejected_memory: u64,
    pub(crate) rejected_closed: u64,
    pub(crate) rejected_type: u64,
}

/// Why an event was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    Memory,
    Closed,
    Type,
}

#[derive(Debug, Default)]
struct State {
    open: Slab<Slot>,
    ended: Vec<Ended>,
    events: Vec<NewEvent>,
    counts: Counts,
    credit: Credit,
    /// Open activities that the store does not list as they are now.
    unlisted: usize,
    phase: Phase,
}

#[derive(Debug)]
struct Slot {
    started: Started,
    started_ns: u64,
    charge: u32,
    /// The store's table of open activities has it, or will with the next commit.
    listed: bool,
    /// The store's table of open activities has it as it is now.
    current: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// Nothing new is admitted; what is open may end.
    Closing,
    /// The writer is gone; what ends now is lost, and counted.
    Drained,
}

impl Shard {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Shard {
            state: Mutex::default(),
            shared,
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Admits an activity, or counts why not. With a permit it is admitted, without its attributes if need be.
    pub(crate) fn start(
        &self,
        mut started: Started,
        started_ns: u64,
        payload_bytes: usize,
        permit: Option<Permit>,
    ) -> Option<SlotKey> {
        let mut charge = BASE_CHARGE + payload_bytes;
        let id = started.id;
        let mut state = self.state.lock();
        state.counts.started += 1;
        if state.phase != Phase::Open {
            state.counts.rejected_closed += 1;
            return None;
        }
        let permitted = permit.is_some();
        let missing = permit.map_or(charge, |permit| permit.spend(charge));
        if !state.credit.charge(&self.shared, missing) {
            if !permitted {
                state.counts.rejected_memory += 1;
                return None;
            }
            charge -= missing;
            started.details = Some(Box::new(Details {
                truncated: true,
                ..Details::default()
            }));
        }
        state.unlisted += 1;
        let index = state.open.insert(Slot {
            started,
            started_ns,
            charge: charge as u32,
            listed: false,
            current: false,
        });
        drop(state);
        self.shared.wake_if_parked();
        Some(SlotKey {
            index: index as u32,
            id,
        })
    }

    /// Ends an activity. The first end wins; `false` when it has ended before.
    pub(crate) fn end(&self, key: SlotKey, outcome: Outcome) -> bool {
        let now = self.shared.clock.monotonic_ns();
        let mut state = self.state.lock();
        if find(&mut state.open, key).is_none() {
            return false;
        }
        let mut slot = state.open.remove(key.index as usize);
        if !slot.current {
            state.unlisted -= 1;
        }
        state.counts.ended += 1;
        if state.phase == Phase::Drained {
            state.counts.lost_shutdown += 1;
            return true;
        }
        if let Some(message) = outcome.message {
            slot.change(
                &mut state.credit,
                &self.shared,
                message.heap_bytes(),
                |started| {
                    started.details.get_or_insert_default().message = Some(message);
                    0
                },
            );
        }
        state.ended.push(Ended {
            started: slot.started,
            status: outcome.status,
            error_type: outcome.error_type,
            duration_ns: now.saturating_sub(slot.started_ns),
            listed: slot.listed,
            charge: slot.charge,
        });
        drop(state);
        self.shared.wake_if_parked();
        true
    }

    /// Admits an event that takes so many bytes beside its record, or counts why not.
    pub(crate) fn event(&self, mut event: NewEvent, bytes: usize) -> Result<(), Rejected> {
        let charge = EVENT_CHARGE + bytes;
        event.charge = u32::try_from(charge).unwrap_or(u32::MAX);
        let mut state = self.state.lock();
        state.counts.events.recorded += 1;
        if state.phase != Phase::Open {
            state.counts.events.rejected_closed += 1;
            return Err(Rejected::Closed);
        }
        if !state.credit.charge(&self.shared, charge) {
            state.counts.events.rejected_memory += 1;
            return Err(Rejected::Memory);
        }
        state.events.push(event);
        drop(state);
        self.shared.wake_if_parked();
        Ok(())
    }

    /// Counts an event whose type is not one that the log takes.
    pub(crate) fn reject_type(&self) -> Rejected {
        let mut state = self.state.lock();
        state.counts.events.recorded += 1;
        state.counts.events.rejected_type += 1;
        drop(state);
        self.shared.wake_if_parked();
        Rejected::Type
    }

    /// Changes an open activity after charging it for `bytes` more; what `change` returns is no longer kept
    /// and given back. Where there is no room only the mark `truncated` is set. Does nothing when it has ended.
    pub(crate) fn update(
        &self,
        key: SlotKey,
        bytes: usize,
        change: impl FnOnce(&mut Started) -> usize,
    ) {
        let mut state = self.state.lock();
        let State {
            open,
            credit,
            unlisted,
            ..
        } = &mut *state;
        if let Some(slot) = find(open, key) {
            slot.change(credit, &self.shared, bytes, change);
            if mem::take(&mut slot.current) {
                *unlisted += 1;
            }
        }
    }

    /// Reads an open activity. `None` when it has ended.
    pub(crate) fn read<T>(&self, key: SlotKey, read: impl FnOnce(&Started) -> T) -> Option<T> {
        find(&mut self.state.lock().open, key).map(|slot| read(&slot.started))
    }

    /// Takes what has ended, leaving `spare` (empty, with its capacity) in its place, and moves the events.
    pub(crate) fn take_ended(
        &self,
        spare: Vec<Ended>,
        events: &mut VecDeque<NewEvent>,
    ) -> Vec<Ended> {
        let mut state = self.state.lock();
        if !state.events.is_empty() {
            events.extend(mem::take(&mut state.events));
        }
        if state.ended.is_empty() {
            return spare;
        }
        mem::replace(&mut state.ended, spare)
    }

    /// Copies what has been open since before `before_ns` and is not listed as it is now, and marks it listed.
    pub(crate) fn take_unlisted(&self, before_ns: u64, into: &mut Vec<Started>) {
        let mut state = self.state.lock();
        if state.unlisted == 0 {
            return;
        }
        let mut listed = 0;
        for (_, slot) in &mut state.open {
            if !slot.current && slot.started_ns <= before_ns {
                into.push(slot.started.clone());
                slot.listed = true;
                slot.current = true;
                listed += 1;
            }
        }
        state.unlisted -= listed;
    }

    /// True when nothing that ended or happened waits here.
    pub(crate) fn is_swept(&self) -> bool {
        let state = self.state.lock();
        state.ended.is_empty() && state.events.is_empty()
    }

    /// True when something is open here that the store does not list as it is now.
    pub(crate) fn has_unlisted(&self) -> bool {
        self.state.lock().unlisted > 0
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state.lock().counts
    }

    /// Admits nothing more.
    pub(crate) fn close(&self) {
        self.state.lock().phase = Phase::Closing;
    }

    /// Takes what has ended for the last time; whatever ends later is counted as lost.
    pub(crate) fn drain(&self, events: &mut VecDeque<NewEvent>) -> Vec<Ended> {
        let mut state = self.state.lock();
        events.extend(mem::take(&mut state.events));
        state.phase = Phase::Drained;
        mem::take(&mut state.ended)
    }
}

/// The slot of an activity, unless it has ended and the slot is another's.
fn find(open: &mut Slab<Slot>, key: SlotKey) -> Option<&mut Slot> {
    open.get_mut(key.index as usize)
        .filter(|slot| slot.started.id == key.id)
}

impl Slot {
    fn change(
        &mut self,
        credit: &mut Credit,
        shared: &Shared,
        bytes: usize,
        change: impl FnOnce(&mut Started) -> usize,
    ) {
        let boxed = match self.started.details {
            Some(_) => 0,
            None => size_of::<Details>(),
        };
        if credit.charge(shared, bytes + boxed) {
            let freed = change(&mut self.started);
            credit.0 += freed;
            self.charge = (self.charge as usize + bytes + boxed).saturating_sub(freed) as u32;
        } else {
            self.started.details.get_or_insert_default().truncated = true;
        }
    }
}

/// Bytes that a shard has taken from the budget and not yet charged to an activity.
#[derive(Debug, Default)]
struct Credit(usize);

impl Credit {
    fn charge(&mut self, shared: &Shared, bytes: usize) -> bool {
        if self.0 < bytes {
            let was_short = shared.budget.is_short();
            self.0 += shared.budget.take(bytes - self.0);
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
}
