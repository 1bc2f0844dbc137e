//! The backlog: collected records that wait for their commit.

use std::{sync::Arc, time::Instant};

use crate::{
    pipeline::{
        Shard, Shared,
        queues::{EventMeta, Queues},
    },
    store::Batch,
};

/// Collected records that wait for their commit.
pub(super) struct Backlog {
    /// Records that are not part of a batch yet.
    pub(super) queues: Queues,
    /// The batch that is being committed; kept until the store has taken it.
    pub(super) batch: Batch,
    /// An empty buffer for collecting.
    indices: Vec<u32>,
    /// When the oldest record in `queues` was collected.
    pub(super) oldest: Option<Instant>,
    /// When records were last collected.
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

    /// Collects new records from the shards. Returns their number.
    pub(super) fn collect(&mut self, shards: &[Arc<Shard>]) -> usize {
        let before = self.queues.len();
        for shard in shards {
            shard.take(&mut self.queues, &mut self.indices);
        }
        let collected = self.queues.len() - before;
        if collected > 0 {
            let now = Instant::now();
            self.oldest.get_or_insert(now);
            self.last_work = now;
        }
        collected
    }

    /// Takes the records of one transaction.
    pub(super) fn take(&mut self) -> Batch {
        let batch = self.queues.take();
        self.oldest = (self.queues.len() > 0).then(Instant::now);
        batch
    }

    /// Puts parts of a batch, the last one first, back to the front of the queues.
    pub(super) fn put_back(&mut self, parts: Vec<Batch>) {
        for part in parts {
            self.queues.put_back(part);
        }
        self.oldest.get_or_insert_with(Instant::now);
    }

    /// Gives back the memory of records that are committed or refused. Returns the metadata of the events.
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
