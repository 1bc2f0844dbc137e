//! What waits for its commit.

use std::{sync::Arc, time::Instant};

use crate::{
    pipeline::{
        Shard, Shared,
        lanes::{Awaited, Lanes},
    },
    store::Batch,
};

/// What waits for its commit.
pub(super) struct Backlog {
    /// What was swept.
    pub(super) lanes: Lanes,
    /// What is being committed; kept until it is.
    pub(super) batch: Batch,
    /// Empty, for sweeping with.
    indices: Vec<u32>,
    /// When the oldest in `lanes` was swept.
    pub(super) oldest: Option<Instant>,
    /// When something was last swept.
    pub(super) last_work: Instant,
}

impl Backlog {
    pub(super) fn new() -> Self {
        Backlog {
            lanes: Lanes::default(),
            batch: Batch::default(),
            indices: Vec::new(),
            oldest: None,
            last_work: Instant::now(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.len() == 0 && self.batch.is_empty()
    }

    /// Takes what is new. Returns how many records that were.
    pub(super) fn sweep(&mut self, shards: &[Arc<Shard>]) -> usize {
        let before = self.lanes.len();
        for shard in shards {
            shard.take(&mut self.lanes, &mut self.indices);
        }
        let came = self.lanes.len() - before;
        if came > 0 {
            let now = Instant::now();
            self.oldest.get_or_insert(now);
            self.last_work = now;
        }
        came
    }

    /// Takes what one transaction takes.
    pub(super) fn take(&mut self) -> Batch {
        let batch = self.lanes.take();
        self.oldest = (self.lanes.len() > 0).then(Instant::now);
        batch
    }

    /// Puts parts of a batch, the last one first, back in front of what waits.
    pub(super) fn put_back(&mut self, parts: Vec<Batch>) {
        for part in parts {
            self.lanes.put_back(part);
        }
        self.oldest.get_or_insert_with(Instant::now);
    }

    /// Gives back the memory of records that are in the store or refused. Returns who waits for the events.
    pub(super) fn release(&mut self, batch: &Batch, shared: &Arc<Shared>) -> Vec<Awaited> {
        let activities = self.lanes.activities.settle(batch.ended.len());
        let events = self.lanes.events.settle(batch.events.len());
        let steps = self.lanes.steps.settle(batch.steps.len());
        let steps = steps.into_iter().map(|one| one as usize).sum();
        shared.recordings.give_back(steps);
        let of_events = events.iter().map(|one| one.charge);
        let charges = activities.into_iter().chain(of_events);
        let bytes: usize = charges.map(|one| one as usize).sum();
        shared.give_back(bytes + steps);
        events
    }
}
