//! Shards: where calls leave their records, each for a few threads, so that nothing is shared per call.

mod recording;

use std::{
    mem,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use slab::Slab;

#[cfg(feature = "recording")]
pub(crate) use self::recording::EndListener;
pub(crate) use self::recording::EndNotification;
use self::recording::Recordings;
use crate::{
    pipeline::{
        LocalCredit, ReceiptSender, Reservation, Shared,
        queues::{EventMeta, Queue, Queues},
        slot::{BASE_COST, Slot},
        sync::{Mutex, MutexGuard},
    },
    record::{ActivityId, Status},
    store::{Details, Ended, NewEvent, PerKind, RecordCounts, Started},
};

/// Which part of the memory bound the empty slots of a log may keep, from one burst to the next.
const KEPT_PART: usize = 16;
/// For how many records the writer holds a shard at a time.
const CHUNK: usize = 32;

/// What every event is charged for, whatever it carries: twice its record, and what its receipt waits on.
const EVENT_COST: usize = 2 * (size_of::<NewEvent>() + size_of::<EventMeta>()) + 128;

/// One shard of a log. The open activities in it *are* the registry of what is running.
///
/// Aligned so that two shards never share a cache line (128 bytes: two lines are fetched at once).
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Shard {
    state: Mutex<State>,
    shared: Arc<Shared>,
    /// How many empty slots it keeps.
    kept_slots: usize,
}

/// Names an open activity within its shard. The id tells whether the slot is still the same activity's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotKey {
    index: u32,
    pub(crate) id: ActivityId,
}

/// An activity that is changed, under its shard's lock.
pub(crate) struct Change<'a> {
    slot: &'a mut Slot,
    credit: &'a mut LocalCredit,
    shared: &'a Shared,
}

/// Why an event was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejection {
    Memory,
    Closed,
    Type,
    Forked,
}

#[derive(Debug, Default)]
struct State {
    slots: Slab<Slot>,
    /// The slots whose activities have ended, in order. They are free once the writer has been here.
    ended: Vec<u32>,
    events: Queue<NewEvent, EventMeta>,
    recordings: Recordings,
    /// What has ended counts as waiting here, also once it was taken.
    counts: PerKind<RecordCounts>,
    credit: LocalCredit,
    /// Open activities that the store does not list as they are now.
    stale_open_rows: usize,
    phase: Phase,
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
    /// Makes one of so many shards.
    pub(crate) fn new(shared: Arc<Shared>, count: usize) -> Self {
        Shard {
            state: Mutex::default(),
            kept_slots: shared.config.memory_limit / KEPT_PART / count / size_of::<Slot>(),
            shared,
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// What a call changes. `None` in the child of a fork where another thread of its parent held the lock at
    /// that moment: nobody lets go of this copy of it.
    #[inline]
    fn lock(&self) -> Option<MutexGuard<'_, State>> {
        let taken = self.state.try_lock();
        taken.or_else(|| (!self.shared.is_forked()).then(|| self.state.lock()))
    }

    /// Admits an activity, or counts why not. With a permit it is admitted, without its attributes if need be.
    #[inline]
    pub(crate) fn start(
        &self,
        mut started: Started,
        started_ns: u64,
        payload_bytes: usize,
        mut reservation: Option<Reservation>,
    ) -> Option<SlotKey> {
        let mut cost = BASE_COST + payload_bytes;
        let id = started.id;
        let Some(mut state) = self.lock() else {
            self.shared.missed_activities.fetch_add(1, Relaxed);
            return None;
        };
        state.counts.activities.recorded += 1;
        if state.phase != Phase::Open {
            state.counts.activities.rejected_closed += 1;
            return None;
        }
        let missing = reservation
            .as_mut()
            .map_or(cost, |reservation| reservation.spend(cost));
        if !state.credit.try_spend(&self.shared, missing) {
            if reservation.is_none() {
                if self.shared.is_known_to_be_forked() {
                    self.shared.missed_activities.fetch_add(1, Relaxed);
                } else {
                    state.counts.activities.rejected_memory += 1;
                }
                return None;
            }
            cost -= missing;
            started.details = Some(Box::new(Details {
                truncated: true,
                ..Details::default()
            }));
        }
        state.counts.activities.open += 1;
        state.stale_open_rows += 1;
        let entry = state.slots.vacant_entry();
        let index = entry.key() as u32;
        entry.insert(Slot {
            started,
            clock_ns: started_ns,
            cost: cost as u32,
            status: Status::Running,
            has_open_row: false,
            open_row_is_current: false,
            has_end_listener: false,
            lines: 0,
        });
        drop(state);
        self.shared.wake_if_parked();
        Some(SlotKey { index, id })
    }

    /// Ends an activity, with what `last` says of it. The first end wins, and gives back what was attached, which is
    /// to be told.
    #[inline]
    pub(crate) fn end(
        &self,
        key: SlotKey,
        status: Status,
        last: impl FnOnce(&mut Change<'_>),
    ) -> Option<Box<EndNotification>> {
        let now = self.shared.clock.monotonic_ns();
        let mut state = self.lock()?;
        let State {
            slots,
            ended,
            counts,
            credit,
            stale_open_rows,
            phase,
            recordings,
            ..
        } = &mut *state;
        let slot = find(slots, key)?;
        if !slot.open_row_is_current {
            *stale_open_rows -= 1;
        }
        counts.activities.open -= 1;
        slot.clock_ns = now.saturating_sub(slot.clock_ns);
        let notification = match slot.has_end_listener {
            true => recordings.take_listeners(key.id, slot.clock_ns),
            false => None,
        };
        if *phase == Phase::Drained {
            counts.activities.lost_shutdown += 1;
            slots.remove(key.index as usize);
            return notification;
        }
        counts.activities.waiting += 1;
        slot.status = status;
        last(&mut Change {
            slot,
            credit,
            shared: &self.shared,
        });
        ended.push(key.index);
        drop(state);
        self.shared.wake_if_parked();
        notification
    }

    /// Admits an event that takes so many bytes beside its record, or counts why not.
    pub(crate) fn event(
        &self,
        event: NewEvent,
        bytes: usize,
        receipt: ReceiptSender,
    ) -> Result<(), Rejection> {
        let bytes = EVENT_COST + bytes;
        let cost = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Some(mut state) = self.lock() else {
            self.shared.missed_events.fetch_add(1, Relaxed);
            return Err(Rejection::Forked);
        };
        state.counts.events.recorded += 1;
        if state.phase != Phase::Open {
            state.counts.events.rejected_closed += 1;
            return Err(Rejection::Closed);
        }
        if !state.credit.try_spend(&self.shared, bytes) {
            if self.shared.is_known_to_be_forked() {
                self.shared.missed_events.fetch_add(1, Relaxed);
                return Err(Rejection::Forked);
            }
            state.counts.events.rejected_memory += 1;
            return Err(Rejection::Memory);
        }
        state.counts.events.waiting += 1;
        state.events.push(event, EventMeta { cost, receipt });
        drop(state);
        self.shared.wake_if_parked();
        Ok(())
    }

    /// Counts an event whose type is not one that the log takes.
    pub(crate) fn reject_type(&self) -> Rejection {
        let Some(mut state) = self.lock() else {
            self.shared.missed_events.fetch_add(1, Relaxed);
            return Rejection::Type;
        };
        state.counts.events.recorded += 1;
        state.counts.events.rejected_type += 1;
        drop(state);
        self.shared.wake_if_parked();
        Rejection::Type
    }

    /// Lets an open activity take a log line, of which it takes at most `most`. `false`, and counted, when it has
    /// taken them or has ended.
    #[cfg(feature = "subscriber")]
    pub(crate) fn take_line(&self, key: SlotKey, most: u16) -> bool {
        let Some(mut state) = self.lock() else {
            self.shared.missed_events.fetch_add(1, Relaxed);
            return false;
        };
        let State { slots, counts, .. } = &mut *state;
        match find(slots, key) {
            Some(slot) if slot.lines < most => {
                slot.lines += 1;
                true
            }
            _ => {
                counts.events.recorded += 1;
                counts.events.rejected_limit += 1;
                false
            }
        }
    }

    /// Changes an open activity after charging it for `bytes` more; what `change` returns is no longer kept
    /// and given back. Where there is no room only the mark `truncated` is set. Does nothing when it has ended.
    pub(crate) fn update(
        &self,
        key: SlotKey,
        bytes: usize,
        change: impl FnOnce(&mut Started) -> usize,
    ) {
        let Some(mut state) = self.lock() else {
            return;
        };
        let State {
            slots,
            credit,
            stale_open_rows,
            ..
        } = &mut *state;
        if let Some(slot) = find(slots, key) {
            let shared = &*self.shared;
            Change {
                slot,
                credit,
                shared,
            }
            .make(bytes, change);
            if mem::take(&mut slot.open_row_is_current) {
                *stale_open_rows += 1;
                drop(state);
                self.shared.wake_if_parked();
            }
        }
    }

    /// Reads an open activity. `None` when it has ended.
    pub(crate) fn read<T>(&self, key: SlotKey, read: impl FnOnce(&Started) -> T) -> Option<T> {
        find(&mut self.lock()?.slots, key).map(|slot| read(&slot.started))
    }

    /// Moves what has ended, what has happened and what is new about recordings. `indices` is an empty vector that is
    /// worked with.
    pub(crate) fn take(&self, queues: &mut Queues, indices: &mut Vec<u32>) {
        let mut state = self.state.lock();
        queues.events.take_from(&mut state.events);
        queues.steps.take_from(&mut state.recordings.steps);
        if state.ended.is_empty() {
            return;
        }
        mem::swap(&mut state.ended, indices);
        drop(state);
        // Not by doubling: what is moved still stands in its slots' memory.
        queues.activities.reserve_exact(indices.len());
        // Calls do not wait for all of it.
        for chunk in indices.chunks(CHUNK) {
            let mut state = self.state.lock();
            for index in chunk {
                let slot = state.slots.remove(*index as usize);
                let ended = Ended {
                    started: slot.started,
                    status: slot.status,
                    duration_ns: slot.clock_ns,
                    listed: slot.has_open_row,
                };
                queues.activities.push(ended, slot.cost);
            }
        }
        indices.clear();
        let mut state = self.state.lock();
        if state.slots.is_empty() && state.slots.capacity() > self.kept_slots {
            state.slots = Slab::with_capacity(self.kept_slots);
        }
    }

    /// Copies what has been open since before `before_ns` and is not listed as it is now, and marks it listed,
    /// as far as there is room for copies. Returns the bytes that they were charged.
    pub(crate) fn take_stale_open_rows(
        &self,
        before_ns: u64,
        into: &mut Vec<Started>,
        credit: &mut LocalCredit,
    ) -> usize {
        let mut state = self.state.lock();
        if state.stale_open_rows == 0 {
            return 0;
        }
        let (mut listed, mut charged) = (0, 0);
        for (_, slot) in &mut state.slots {
            if slot.status == Status::Running
                && !slot.open_row_is_current
                && slot.clock_ns <= before_ns
            {
                let cost = slot.copy_cost();
                if !credit.try_spend(&self.shared, cost) {
                    continue;
                }
                into.push(slot.started.clone());
                slot.has_open_row = true;
                slot.open_row_is_current = true;
                listed += 1;
                charged += cost;
            }
        }
        state.stale_open_rows -= listed;
        charged
    }

    /// True when nothing that ended or happened waits here.
    pub(crate) fn is_collected(&self) -> bool {
        let state = self.state.lock();
        state.ended.is_empty() && state.events.is_empty() && state.recordings.steps.is_empty()
    }

    /// True when something is open here that the store does not list as it is now.
    pub(crate) fn has_stale_open_rows(&self) -> bool {
        self.state.lock().stale_open_rows > 0
    }

    /// What it has seen, cumulative.
    pub(crate) fn counts(&self) -> PerKind<RecordCounts> {
        self.lock().map(|state| state.counts).unwrap_or_default()
    }

    /// How many activities and events nobody has taken from here.
    pub(crate) fn left(&self) -> PerKind<u64> {
        let state = self.lock();
        state.map_or_else(PerKind::default, |state| PerKind {
            activities: state.slots.len() as u64,
            events: state.events.len() as u64,
            recordings: 0,
        })
    }

    /// Admits nothing more.
    pub(crate) fn close(&self) {
        self.state.lock().phase = Phase::Closing;
    }

    /// Counts as lost whatever ends after this. What has ended before is still to be taken.
    pub(crate) fn drain(&self) {
        self.state.lock().phase = Phase::Drained;
    }
}

/// The slot of an activity, unless it has ended and the slot is another's.
#[inline]
fn find(slots: &mut Slab<Slot>, key: SlotKey) -> Option<&mut Slot> {
    slots
        .get_mut(key.index as usize)
        .filter(|slot| slot.started.id == key.id && slot.status == Status::Running)
}

impl Change<'_> {
    /// Changes it after charging it for `bytes` more; what `change` returns is given back. Where there is no room
    /// only the mark `truncated` is set.
    pub(crate) fn make(&mut self, bytes: usize, change: impl FnOnce(&mut Started) -> usize) {
        let Change {
            slot,
            credit,
            shared,
        } = self;
        if credit.try_spend(shared, bytes) {
            let freed = change(&mut slot.started);
            if freed > 0 {
                // Nobody else gets what one shard keeps.
                credit.refund(shared, freed, 2 * shared.budget.chunk());
            }
            slot.cost = (slot.cost as usize + bytes).saturating_sub(freed) as u32;
        } else {
            slot.started.details.get_or_insert_default().truncated = true;
        }
    }
}
