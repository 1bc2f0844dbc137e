//! Recordings in a shard: their steps, and the listeners of activities' ends.

use std::{collections::HashMap, fmt::Debug, sync::Arc};

use tokio::sync::oneshot;

use super::Shard;
#[cfg(feature = "recording")]
use super::{Phase, Rejection, SlotKey, State, find};
#[cfg(feature = "recording")]
use crate::store::Step;
use crate::{pipeline::queues::Queue, record::ActivityId, store::NewStep};

/// The base cost of a step in bytes: twice its size, because queues grow by doubling.
#[cfg(feature = "recording")]
const STEP_COST: usize = 2 * (size_of::<NewStep>() + size_of::<u32>());

/// A listener that is called once, when an activity has ended.
pub(crate) trait EndListener: Debug + Send + Sync {
    /// Called with the activity that has ended. A response waits for the returned receiver, which reports that the listener
    /// has recorded everything.
    fn on_end(
        self: Arc<Self>,
        activity: ActivityId,
        ended_at_us: i64,
    ) -> Option<oneshot::Receiver<()>>;
}

/// The pending notification of an activity's listeners. It is sent outside of the shard's lock.
#[derive(Debug)]
pub(crate) struct EndNotification {
    listeners: Vec<Arc<dyn EndListener>>,
    activity: ActivityId,
    ended_at_us: i64,
}

impl EndNotification {
    /// Calls the listeners. Returns the receivers that the response has to wait for.
    pub(crate) fn send(self) -> Vec<oneshot::Receiver<()>> {
        let listeners = self.listeners.into_iter();
        listeners
            .filter_map(|one| one.on_end(self.activity, self.ended_at_us))
            .collect()
    }
}

/// The recordings part of a shard's state.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    pub(super) steps: Queue<NewStep>,
    listeners: HashMap<ActivityId, Vec<Arc<dyn EndListener>>>,
}

impl Recordings {
    /// Takes the listeners of an activity that has ended after `duration_ns`.
    #[cold]
    pub(super) fn take_listeners(
        &mut self,
        activity: ActivityId,
        duration_ns: u64,
    ) -> Option<Box<EndNotification>> {
        let listeners = self.listeners.remove(&activity)?;
        let duration_us = i64::try_from(duration_ns / 1_000).unwrap_or(i64::MAX);
        Some(Box::new(EndNotification {
            listeners,
            activity,
            ended_at_us: activity.started_at_us().saturating_add(duration_us),
        }))
    }
}

#[cfg(feature = "recording")]
impl Shard {
    /// Returns true while an activity runs.
    pub(crate) fn runs(&self, key: SlotKey) -> bool {
        let state = self.lock();
        state.is_some_and(|mut state| find(&mut state.slots, key).is_some())
    }

    /// Registers a listener of an activity's end. Returns false if it has already ended.
    pub(crate) fn add_end_listener(&self, key: SlotKey, listener: Arc<dyn EndListener>) -> bool {
        let Some(mut state) = self.lock() else {
            return false;
        };
        let State {
            slots, recordings, ..
        } = &mut *state;
        let Some(slot) = find(slots, key) else {
            return false;
        };
        slot.has_end_listener = true;
        let list = recordings.listeners.entry(key.id).or_default();
        list.push(listener);
        true
    }

    /// Admits steps of a recording, all or none, and reserves the memory of `more` steps for
    /// [`record_prepaid`](Self::record_prepaid).
    pub(crate) fn record(&self, steps: Vec<NewStep>, more: usize) -> Result<(), Rejection> {
        let mut bytes = more * STEP_COST;
        let mut queue = Queue::default();
        for step in steps {
            let cost = STEP_COST + heap_bytes(&step.step);
            queue.push(step, u32::try_from(cost).unwrap_or(u32::MAX));
            bytes += cost;
        }
        let Some(mut state) = self.lock() else {
            return Err(Rejection::Forked);
        };
        let count = queue.len() as u64;
        state.counts.recordings.recorded += count;
        if state.phase != Phase::Open {
            state.counts.recordings.rejected_closed += count;
            return Err(Rejection::Closed);
        }
        if !self.shared.recording_budget.take_exactly(bytes) {
            state.counts.recordings.rejected_memory += count;
            return Err(Rejection::Memory);
        }
        if !state.credit.try_spend(&self.shared, bytes) {
            self.shared.recording_budget.give_back(bytes);
            state.counts.recordings.rejected_memory += count;
            return Err(Rejection::Memory);
        }
        state.counts.recordings.waiting += count;
        state.recordings.steps.take_from(&mut queue);
        drop(state);
        self.shared.wake_if_parked();
        Ok(())
    }

    /// Admits a step whose memory was reserved before, also while the log shuts down.
    pub(crate) fn record_prepaid(&self, step: NewStep) {
        let Some(mut state) = self.lock() else { return };
        state.counts.recordings.recorded += 1;
        if state.phase == Phase::Drained {
            state.counts.recordings.lost_shutdown += 1;
            return;
        }
        state.counts.recordings.waiting += 1;
        state.recordings.steps.push(step, STEP_COST as u32);
        drop(state);
        self.shared.wake_if_parked();
    }
}

/// Returns the heap bytes of a step, without the record itself.
#[cfg(feature = "recording")]
fn heap_bytes(step: &Step) -> usize {
    match step {
        Step::Begin { format } => format.heap_bytes(),
        Step::Chunk(chunk) => chunk.track.heap_bytes() + chunk.body.capacity(),
        Step::Link { .. } | Step::End { .. } => 0,
    }
}
