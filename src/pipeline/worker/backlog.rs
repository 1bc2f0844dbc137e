//! What waits for its commit.

use std::{sync::Arc, time::Instant};

use crate::{
    pipeline::{
        Shard, Shared,
        queues::{EventMeta, Queues},
    },
    store::Batch,
};

/// What waits for its commit.
pub(super) struct Backlog {
    /// What was swept.
    pub(super) queues: Queues,
    /// What is being committed; kept until it is.
    pub(super) batch: Batch,
    /// Empty, for sweeping with.
    indices: Vec<u32>,
    /// When the oldest in `queues` was swept.
    pub(super) oldest: Option<Instant>,
    /// When something was last swept.
    pub(super) last_work: Instant,
}

impl Backlog {
    pub(super) fn new() -> Self {
        Backlog {
            queues: Queues::default(),
            batch: Batch::default(),
            indices: Vec::new(),
            oldest: None,
            last_work: Instant::now(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queues.len() == 0 && self.batch.is_empty()
    }

    /// Takes what is new. Returns how many records that were.
    pub(super) fn collect(&mut self, shards: &[Arc<Shard>]) -> usize {
        let before = self.queues.len();
        for shard in shards {
            shard.take(&mut self.queues, &mut self.indices);
        }
        let came = self.queues.len() - before;
        if came > 0 {
            let now = Instant::now();
            self.oldest.get_or_insert(now);
            self.last_work = now;
        }
        came
    }

    /// Takes what one transaction takes.
    pub(super) fn take(&mut self) -> Batch {
        let batch = self.queues.take();
        self.oldest = (self.queues.len() > 0).then(Instant::now);
        batch
    }

    /// Puts parts of a batch, the last one first, back in front of what waits.
    pub(super) fn put_back(&mut self, parts: Vec<Batch>) {
        for part in parts {
            self.queues.put_back(part);
        }
        self.oldest.get_or_insert_with(Instant::now);
    }

    /// Gives back the memory of records that are in the store or refused. Returns who waits for the events.
    pub(super) fn release(&mut self, batch: &Batch, shared: &Arc<Shared>) -> Vec<EventMeta> {
        let activities = self.queues.activities.settle(batch.ended.len());
        let events = self.queues.events.settle(batch.events.len());
        let steps = self.queues.steps.settle(batch.steps.len());
        let steps = steps.into_iter().map(|one| one as usize).sum();
        shared.recording_budget.give_back(steps);
        let of_events = events.iter().map(|one| one.cost);
        let costs = activities.into_iter().chain(of_events);
        let bytes: usize = costs.map(|one| one as usize).sum();
        shared.give_back(bytes + steps);
        events
    }
}
