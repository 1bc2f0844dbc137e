//! Shards: buffers for the records of calls. Each serves a few threads, so that calls rarely contend.

#[cfg(feature = "mcp")]
mod provisional;
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
        slot::{BASE_COST, Slot, Stage},
        sync::{Mutex, MutexGuard},
    },
    record::{ActivityId, Status},
    store::{
        Details, EndedActivity, NewEvent, PerKind, RawAttributes, RecordCounts, StartedActivity,
    },
};

/// The fraction of the memory limit (1/16) that empty slots of a log may keep between bursts.
const KEPT_PART: usize = 16;
/// The number of records that the writer collects per lock of a shard.
const CHUNK: usize = 32;

/// The base cost of an event in bytes: twice its record, and the channel of its receipt.
const EVENT_COST: usize = 2 * (size_of::<NewEvent>() + size_of::<EventMeta>()) + 128;

/// One shard of a log. Its open activities *are* the registry of what is running.
///
/// Aligned so that two shards never share a cache line (128 bytes: two lines are fetched at once).
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Shard {
    state: Mutex<State>,
    shared: Arc<Shared>,
    /// The most empty slots that it keeps.
    kept_slots: usize,
}

/// The key of an open activity in its shard. The id tells whether the slot has been reused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotKey {
    index: u32,
    pub(crate) id: ActivityId,
}

/// Access to an activity while it ends or changes, under its shard's lock.
pub(crate) struct Change<'a> {
    slot: &'a mut Slot,
    credit: &'a mut LocalCredit,
    shared: &'a Shared,
}

/// Why an activity or an event was not admitted.
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
    /// The slots whose activities have ended, in order. The writer frees them.
    ended: Vec<u32>,
    events: Queue<NewEvent, EventMeta>,
    recordings: Recordings,
    /// Ended records still count as waiting here after they were collected.
    counts: PerKind<RecordCounts>,
    credit: LocalCredit,
    /// The number of open activities whose row in the store is missing or out of date.
    stale_open_rows: usize,
    phase: Phase,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// New records are rejected; open activities may end.
    Closing,
    /// The writer is gone; activities that end now are lost, and counted.
    Drained,
}

impl Shard {
    /// Creates one of `count` shards.
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

    /// Locks the state for a call. `None` in the child of a fork if another thread of the parent held the lock at the fork:
    /// this copy of it will never be released.
    #[inline]
    fn lock(&self) -> Option<MutexGuard<'_, State>> {
        let taken = self.state.try_lock();
        taken.or_else(|| (!self.shared.is_forked()).then(|| self.state.lock()))
    }

    /// Admits an activity, or counts why not: for a provisional one that is done at its end, if it is on record then. With a
    /// reservation it is always admitted, if need be without its attributes.
    #[inline]
    pub(crate) fn start(
        &self,
        mut started: StartedActivity,
        started_ns: u64,
        payload_bytes: usize,
        mut reservation: Option<Reservation>,
        stage: Stage,
    ) -> Result<SlotKey, Rejection> {
        let mut cost = BASE_COST + payload_bytes;
        let id = started.id;
        let is_provisional = stage != Stage::Described;
        let counted = u64::from(!is_provisional);
        let Some(mut state) = self.lock() else {
            self.shared.missed_activities.fetch_add(counted, Relaxed);
            return Err(Rejection::Forked);
        };
        state.counts.activities.recorded += counted;
        if state.phase != Phase::Open {
            state.counts.activities.rejected_closed += counted;
            return Err(Rejection::Closed);
        }
        let missing = reservation
            .as_mut()
            .map_or(cost, |reservation| reservation.spend(cost));
        if !state.credit.try_spend(&self.shared, missing) {
            if reservation.is_none() {
                if self.shared.is_known_to_be_forked() {
                    self.shared.missed_activities.fetch_add(counted, Relaxed);
                    return Err(Rejection::Forked);
                }
                state.counts.activities.rejected_memory += counted;
                return Err(Rejection::Memory);
            }
            cost -= missing;
            started.raw = RawAttributes::default();
            started.details = Some(Box::new(Details {
                truncated: true,
                ..Details::default()
            }));
        }
        if !is_provisional {
            state.counts.activities.open += 1;
            state.stale_open_rows += 1;
        }
        let entry = state.slots.vacant_entry();
        let index = entry.key() as u32;
        entry.insert(Slot {
            started,
            clock_ns: started_ns,
            cost: cost as u32,
            status: Status::Running,
            has_open_row: false,
            open_row_is_current: is_provisional,
            has_end_listener: false,
            is_provisional,
            is_referenced: false,
            lines: 0,
        });
        drop(state);
        self.shared.wake_if_parked();
        Ok(SlotKey { index, id })
    }

    /// Ends an activity after a last change. The first end wins, and returns the notification of its listeners, to be sent
    /// outside of the lock.
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
        match slot.is_provisional {
            true => slot.count_provisional(counts),
            false => counts.activities.open -= 1,
        }
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

    /// Admits an event whose heap size is `bytes`, or counts why not.
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

    /// Counts an event whose type the log does not allow.
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

    /// Admits a log line of an open activity, up to `max_lines` of them. Returns false, and counts the line, if there were
    /// more or the activity has ended. A line of a provisional activity is not admitted, and counted with the activity.
    #[cfg(feature = "subscriber")]
    pub(crate) fn take_line(&self, key: SlotKey, max_lines: u16) -> bool {
        let Some(mut state) = self.lock() else {
            self.shared.missed_events.fetch_add(1, Relaxed);
            return false;
        };
        let State { slots, counts, .. } = &mut *state;
        match find(slots, key) {
            Some(slot) if slot.is_provisional && slot.lines < u16::MAX => {
                slot.lines += 1;
                false
            }
            Some(slot) if !slot.is_provisional && slot.lines < max_lines => {
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

    /// Changes an open activity, at a cost of `bytes`; `change` returns how many bytes it freed. Without enough memory only
    /// the flag `truncated` is set. Does nothing if it has ended.
    pub(crate) fn update(
        &self,
        key: SlotKey,
        bytes: usize,
        change: impl FnOnce(&mut StartedActivity) -> usize,
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
            if !slot.is_provisional && mem::take(&mut slot.open_row_is_current) {
                *stale_open_rows += 1;
                drop(state);
                self.shared.wake_if_parked();
            }
        }
    }

    /// Reads an open activity. `None` if it has ended.
    pub(crate) fn read<T>(
        &self,
        key: SlotKey,
        read: impl FnOnce(&StartedActivity) -> T,
    ) -> Option<T> {
        find(&mut self.lock()?.slots, key).map(|slot| read(&slot.started))
    }

    /// As [`read`](Self::read), for a record that refers to the activity.
    pub(crate) fn refer<T>(
        &self,
        key: SlotKey,
        read: impl FnOnce(&StartedActivity) -> T,
    ) -> Option<T> {
        find(&mut self.lock()?.slots, key).map(|slot| {
            slot.is_referenced = true;
            read(&slot.started)
        })
    }

    /// Collects ended activities, events and steps of recordings. `indices` is an empty buffer that is reused.
    pub(crate) fn take(&self, queues: &mut Queues, indices: &mut Vec<u32>) {
        let mut state = self.state.lock();
        queues.events.take_from(&mut state.events);
        queues.steps.take_from(&mut state.recordings.steps);
        if state.ended.is_empty() {
            return;
        }
        mem::swap(&mut state.ended, indices);
        drop(state);
        // Exactly, not by doubling: until the slots are freed the records are in memory twice.
        queues.activities.reserve_exact(indices.len());
        // In chunks, so that calls do not wait for all of them.
        for chunk in indices.chunks(CHUNK) {
            let mut state = self.state.lock();
            for index in chunk {
                let slot = state.slots.remove(*index as usize);
                let ended = EndedActivity {
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

    /// Copies activities that started before `before_ns` and whose row in the store is missing or out of date, while there
    /// is credit for copies. Returns the cost of the copies.
    pub(crate) fn take_stale_open_rows(
        &self,
        before_ns: u64,
        into: &mut Vec<StartedActivity>,
        credit: &mut LocalCredit,
    ) -> usize {
        let mut state = self.state.lock();
        if state.stale_open_rows == 0 {
            return 0;
        }
        let (mut copied, mut total_cost) = (0, 0);
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
                copied += 1;
                total_cost += cost;
            }
        }
        state.stale_open_rows -= copied;
        total_cost
    }

    /// Returns true if there is nothing to collect.
    pub(crate) fn is_collected(&self) -> bool {
        let state = self.state.lock();
        state.ended.is_empty() && state.events.is_empty() && state.recordings.steps.is_empty()
    }

    /// Returns true if an open activity's row in the store is missing or out of date.
    pub(crate) fn has_stale_open_rows(&self) -> bool {
        self.state.lock().stale_open_rows > 0
    }

    /// Returns the counters, cumulative.
    pub(crate) fn counts(&self) -> PerKind<RecordCounts> {
        self.lock().map(|state| state.counts).unwrap_or_default()
    }

    /// Returns the number of activities and events that have not been collected.
    pub(crate) fn left(&self) -> PerKind<u64> {
        let state = self.lock();
        state.map_or_else(PerKind::default, |state| PerKind {
            activities: state.slots.len() as u64,
            events: state.events.len() as u64,
            recordings: 0,
        })
    }

    /// Rejects new records from now on.
    pub(crate) fn close(&self) {
        self.state.lock().phase = Phase::Closing;
    }

    /// Counts activities that end after this as lost. Those that ended before can still be collected.
    pub(crate) fn drain(&self) {
        self.state.lock().phase = Phase::Drained;
    }
}

/// Finds the slot of an activity. `None` if it has ended.
#[inline]
fn find(slots: &mut Slab<Slot>, key: SlotKey) -> Option<&mut Slot> {
    slots
        .get_mut(key.index as usize)
        .filter(|slot| slot.started.id == key.id && slot.status == Status::Running)
}

impl Change<'_> {
    /// Changes the activity, at a cost of `bytes`; `change` returns how many bytes it freed. Without enough memory only the
    /// flag `truncated` is set.
    pub(crate) fn make(
        &mut self,
        bytes: usize,
        change: impl FnOnce(&mut StartedActivity) -> usize,
    ) {
        let Change {
            slot,
            credit,
            shared,
        } = self;
        if credit.try_spend(shared, bytes) {
            let freed = change(&mut slot.started);
            if freed > 0 {
                // Bounded: other shards cannot use the credit of this one.
                credit.refund(shared, freed, 2 * shared.budget.chunk());
            }
            slot.cost = (slot.cost as usize + bytes).saturating_sub(freed) as u32;
        } else {
            slot.started.details.get_or_insert_default().truncated = true;
        }
    }
}
