//! What a shard takes of recordings: their steps, and who is told that an activity has ended.

use std::{collections::HashMap, fmt::Debug, sync::Arc};

use tokio::sync::oneshot;

use super::Shard;
#[cfg(feature = "recording")]
use super::{Phase, Rejected, SlotKey, State, find};
#[cfg(feature = "recording")]
use crate::store::Step;
use crate::{pipeline::lanes::Lane, record::ActivityId, store::NewStep};

/// What every step is charged for, whatever it carries: twice, because what it stands in grows by doubling.
#[cfg(feature = "recording")]
const STEP_CHARGE: usize = 2 * (size_of::<NewStep>() + size_of::<u32>());

/// Something that is told, once, that an activity has ended.
pub(crate) trait Attached: Debug + Send + Sync {
    /// Says that this activity has ended. What is received, if anything, says that all is handed over.
    fn seal(
        self: Arc<Self>,
        activity: ActivityId,
        ended_at_us: i64,
    ) -> Option<oneshot::Receiver<()>>;
}

/// What was attached to an activity that has ended now, and when that was.
#[derive(Debug)]
pub(crate) struct Sealed {
    attached: Vec<Arc<dyn Attached>>,
    activity: ActivityId,
    ended_at_us: i64,
}

impl Sealed {
    /// Tells all of it. Gives back what an answer has to wait for.
    pub(crate) fn tell(self) -> Vec<oneshot::Receiver<()>> {
        let told = self.attached.into_iter();
        told.filter_map(|one| one.seal(self.activity, self.ended_at_us))
            .collect()
    }
}

/// What a shard has of recordings.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    pub(super) steps: Lane<NewStep>,
    attached: HashMap<ActivityId, Vec<Arc<dyn Attached>>>,
}

impl Recordings {
    /// What was attached to an activity that has ended after so long.
    #[cold]
    pub(super) fn seal(&mut self, activity: ActivityId, duration_ns: u64) -> Option<Box<Sealed>> {
        let attached = self.attached.remove(&activity)?;
        let duration_us = i64::try_from(duration_ns / 1_000).unwrap_or(i64::MAX);
        Some(Box::new(Sealed {
            attached,
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
    pub(crate) fn attach(&self, key: SlotKey, attached: Arc<dyn Attached>) -> bool {
        let Some(mut state) = self.lock() else {
            return false;
        };
        let State {
            slots, recordings, ..
        } = &mut *state;
        let Some(slot) = find(slots, key) else {
            return false;
        };
        slot.attached = true;
        let list = recordings.attached.entry(key.id).or_default();
        list.push(attached);
        true
    }

    /// Admits steps of a recording, all or none, and takes the memory for `more` steps to come.
    pub(crate) fn record(&self, steps: Vec<NewStep>, more: usize) -> Result<(), Rejected> {
        let mut bytes = more * STEP_CHARGE;
        let mut lane = Lane::default();
        for step in steps {
            let charge = STEP_CHARGE + heap_bytes(&step.step);
            lane.push(step, u32::try_from(charge).unwrap_or(u32::MAX));
            bytes += charge;
        }
        let Some(mut state) = self.lock() else {
            return Err(Rejected::Forked);
        };
        let count = lane.len() as u64;
        state.counts.recordings.recorded += count;
        if state.phase != Phase::Open {
            state.counts.recordings.rejected_closed += count;
            return Err(Rejected::Closed);
        }
        if !self.shared.recordings.take_exactly(bytes) {
            state.counts.recordings.rejected_memory += count;
            return Err(Rejected::Memory);
        }
        if !state.credit.charge(&self.shared, bytes) {
            self.shared.recordings.give_back(bytes);
            state.counts.recordings.rejected_memory += count;
            return Err(Rejected::Memory);
        }
        state.counts.recordings.waiting += count;
        state.recordings.steps.take_from(&mut lane);
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
        state.recordings.steps.push(step, STEP_CHARGE as u32);
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
