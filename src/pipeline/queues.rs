//! Queues of records between the shards and a batch, with metadata that the store does not need: the cost of each record
//! and its receipt.

use std::{collections::VecDeque, mem};

use crate::{
    pipeline::receipt_sender::ReceiptSender,
    store::{Batch, EndedActivity, NewEvent, NewStep, PerKind},
};

/// The most records of a kind in one transaction: larger ones are no faster.
pub(super) const MAX_BATCH: usize = 10_000;

/// Records of one kind in order, each with metadata: by default its cost in bytes of the log's memory limit.
#[derive(Debug)]
pub(crate) struct Queue<T, M = u32> {
    pub(super) records: VecDeque<T>,
    /// Includes records that are being committed, until they are settled.
    meta: VecDeque<M>,
}

/// Metadata of an event.
#[derive(Debug)]
pub(crate) struct EventMeta {
    pub(super) cost: u32,
    pub(super) receipt: ReceiptSender,
}

/// Records that were collected from the shards and are not part of a batch yet.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    pub(super) activities: Queue<EndedActivity>,
    pub(super) events: Queue<NewEvent, EventMeta>,
    pub(super) steps: Queue<NewStep>,
}

impl<T, M> Queue<T, M> {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn reserve_exact(&mut self, more: usize) {
        self.records.reserve_exact(more);
        self.meta.reserve_exact(more);
    }

    pub(super) fn push(&mut self, record: T, meta: M) {
        self.records.push_back(record);
        self.meta.push_back(meta);
    }

    /// Moves all records from another queue, and frees its buffers.
    pub(super) fn take_from(&mut self, other: &mut Self) {
        if !other.is_empty() {
            let mut other = mem::take(other);
            self.records.append(&mut other.records);
            self.meta.append(&mut other.meta);
        }
    }

    /// Takes up to [`MAX_BATCH`] records; their metadata stays until they are settled.
    fn take(&mut self) -> Vec<T> {
        if self.records.len() <= MAX_BATCH {
            return mem::take(&mut self.records).into();
        }
        self.records.drain(..MAX_BATCH).collect()
    }

    /// Puts records back to the front.
    fn put_back(&mut self, records: Vec<T>) {
        for record in records.into_iter().rev() {
            self.records.push_front(record);
        }
    }

    /// Removes the metadata of the first `count` records, which are committed or refused, and returns it.
    pub(super) fn settle(&mut self, count: usize) -> Vec<M> {
        if count == self.meta.len() {
            return mem::take(&mut self.meta).into();
        }
        self.meta.drain(..count).collect()
    }
}

impl<T, M> Default for Queue<T, M> {
    fn default() -> Self {
        Queue {
            records: VecDeque::new(),
            meta: VecDeque::new(),
        }
    }
}

impl Queues {
    pub(super) fn len(&self) -> usize {
        self.activities.len() + self.events.len() + self.steps.len()
    }

    /// Returns the number of records per kind.
    pub(super) fn counts(&self) -> PerKind<u64> {
        PerKind {
            activities: self.activities.len() as u64,
            events: self.events.len() as u64,
            recordings: self.steps.len() as u64,
        }
    }

    /// Takes the records of one transaction.
    pub(super) fn take(&mut self) -> Batch {
        Batch {
            ended: self.activities.take(),
            events: self.events.take(),
            steps: self.steps.take(),
            ..Batch::default()
        }
    }

    /// Puts the records of a batch back to the front.
    pub(super) fn put_back(&mut self, batch: Batch) {
        self.activities.put_back(batch.ended);
        self.events.put_back(batch.events);
        self.steps.put_back(batch.steps);
    }
}
