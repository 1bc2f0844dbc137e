//! What a shard takes of recordings: their steps, and who is told that an activity has ended.

use std::{collections::HashMap, fmt::Debug, sync::Arc};

use tokio::sync::oneshot;

use super::Shard;
#[cfg(feature = "recording")]
use super::{Phase, Rejection, SlotKey, State, find};
#[cfg(feature = "recording")]
use crate::store::Step;
use crate::{pipeline::queues::Queue, record::ActivityId, store::NewStep};

/// What every step is charged for, whatever it carries: twice, because what it stands in grows by doubling.
#[cfg(feature = "recording")]
const STEP_COST: usize = 2 * (size_of::<NewStep>() + size_of::<u32>());

/// Something that is told, once, that an activity has ended.
pub(crate) trait EndListener: Debug + Send + Sync {
    /// Says that this activity has ended. What is received, if anything, says that all is handed over.
    fn on_end(
        self: Arc<Self>,
        activity: ActivityId,
        ended_at_us: i64,
    ) -> Option<oneshot::Receiver<()>>;
}

/// What was attached to an activity that has ended now, and when that was.
#[derive(Debug)]
pub(crate) struct EndNotification {
    listeners: Vec<Arc<dyn EndListener>>,
    activity: ActivityId,
    ended_at_us: i64,
}

impl EndNotification {
    /// Tells all of it. Gives back what an answer has to wait for.
    pub(crate) fn send(self) -> Vec<oneshot::Receiver<()>> {
        let listeners = self.listeners.into_iter();
        listeners
            .filter_map(|one| one.on_end(self.activity, self.ended_at_us))
            .collect()
    }
}

/// What a shard has of recordings.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    pub(super) steps: Queue<NewStep>,
    listeners: HashMap<ActivityId, Vec<Arc<dyn EndListener>>>,
}

impl Recordings {
    /// What was attached to an activity that has ended after so long.
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
    /// True while an activity runs.
    pub(crate) fn runs(&self, key: SlotKey) -> bool {
        let state = self.lock();
        state.is_some_and(|mut state| find(&mut state.slots, key).is_some())
    }

    /// Has somebody told when an activity has ended. `false` when it has already.
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

    /// Admits steps of a recording, all or none, and takes the memory for `more` steps to come.
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

    /// Admits a step for which the memory was taken before, also while the log shuts down.
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

/// What a step takes in memory beside its record.
#[cfg(feature = "recording")]
fn heap_bytes(step: &Step) -> usize {
    match step {
        Step::Begin { format } => format.heap_bytes(),
        Step::Chunk(chunk) => chunk.track.heap_bytes() + chunk.body.capacity(),
        Step::Link { .. } | Step::End { .. } => 0,
    }
}
