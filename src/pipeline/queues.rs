//! Records on their way from the shards into a batch, and beside each what the store has no use for: the bytes that it
//! was charged, and who waits for it.

use std::{collections::VecDeque, mem};

use crate::{
    pipeline::receipt_sender::ReceiptSender,
    store::{Batch, Ended, NewEvent, NewStep, PerKind},
};

/// The most records of a kind that one transaction takes: beyond it the rate no longer rises.
pub(super) const MAX_BATCH: usize = 10_000;

/// Records of one kind, in order, and beside each the bytes that it was charged to the log's memory bound.
#[derive(Debug)]
pub(crate) struct Queue<T, B = u32> {
    pub(super) records: VecDeque<T>,
    /// Of those that are being committed, too: until they are settled.
    beside: VecDeque<B>,
}

/// What stands beside an event.
#[derive(Debug)]
pub(crate) struct EventMeta {
    pub(super) cost: u32,
    pub(super) answer: ReceiptSender,
}

/// Records that were swept and are not yet part of a batch.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    pub(super) activities: Queue<Ended>,
    pub(super) events: Queue<NewEvent, EventMeta>,
    pub(super) steps: Queue<NewStep>,
}

impl<T, B> Queue<T, B> {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Makes room for so many more, and for no others.
    pub(super) fn reserve_exact(&mut self, more: usize) {
        self.records.reserve_exact(more);
        self.beside.reserve_exact(more);
    }

    pub(super) fn push(&mut self, record: T, beside: B) {
        self.records.push_back(record);
        self.beside.push_back(beside);
    }

    /// Moves everything from another one, with the memory that it stood in.
    pub(super) fn take_from(&mut self, other: &mut Self) {
        if !other.is_empty() {
            let mut other = mem::take(other);
            self.records.append(&mut other.records);
            self.beside.append(&mut other.beside);
        }
    }

    /// Takes as many records as one transaction takes.
    fn take(&mut self) -> Vec<T> {
        if self.records.len() <= MAX_BATCH {
            return mem::take(&mut self.records).into();
        }
        self.records.drain(..MAX_BATCH).collect()
    }

    /// Puts records back in front of what waits.
    fn put_back(&mut self, records: Vec<T>) {
        for record in records.into_iter().rev() {
            self.records.push_front(record);
        }
    }

    /// Gives what stands beside the first records, which are in the store or refused.
    pub(super) fn settle(&mut self, count: usize) -> Vec<B> {
        if count == self.beside.len() {
            return mem::take(&mut self.beside).into();
        }
        self.beside.drain(..count).collect()
    }
}

impl<T, B> Default for Queue<T, B> {
    fn default() -> Self {
        Queue {
            records: VecDeque::new(),
            beside: VecDeque::new(),
        }
    }
}

impl Queues {
    pub(super) fn len(&self) -> usize {
        self.activities.len() + self.events.len() + self.steps.len()
    }

    /// The same of each kind.
    pub(super) fn counts(&self) -> PerKind<u64> {
        PerKind {
            activities: self.activities.len() as u64,
            events: self.events.len() as u64,
            recordings: self.steps.len() as u64,
        }
    }

    /// Takes what one transaction takes.
    pub(super) fn take(&mut self) -> Batch {
        Batch {
            ended: self.activities.take(),
            events: self.events.take(),
            steps: self.steps.take(),
            ..Batch::default()
        }
    }

    /// Puts the records of a batch back in front of what waits.
    pub(super) fn put_back(&mut self, batch: Batch) {
        self.activities.put_back(batch.ended);
        self.events.put_back(batch.events);
        self.steps.put_back(batch.steps);
    }
}
