//! What a store does beside recording: forget what is old, and add its sums up again.

use std::{ops::Range, time::Duration};

use chrono::{DateTime, Utc};

use crate::error::Result;

/// Work on a store beside its writers, in steps so small that nobody waits long for one.
///
/// Every step is a transaction of its own. What was interrupted is gone on with by asking again.
pub trait Upkeep: Send {
    /// How much [`prune`](Self::prune) would delete in all.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn prunable(&mut self, cutoffs: &Cutoffs) -> Result<Pruned>;

    /// Deletes some of what is beyond that, the oldest first; what it says is empty once nothing is left.
    ///
    /// The newest activity and the newest event stay, whatever their age: the order of commits goes on from them. Open
    /// activities stay.
    ///
    /// # Errors
    ///
    /// When the store could not be written; then nothing was deleted.
    fn prune(&mut self, cutoffs: &Cutoffs) -> Result<Pruned>;

    /// Gives some space that was freed back to the file system. Returns the bytes; 0 once there is none.
    ///
    /// # Errors
    ///
    /// When the store could not be written.
    fn reclaim(&mut self) -> Result<u64>;

    /// Indexes some of what was committed since the last time. Returns how many activities and events that were; 0 once
    /// none is left.
    ///
    /// # Errors
    ///
    /// When the store could not be written; then nothing was changed.
    fn index(&mut self) -> Result<u64>;

    /// What [`erase`](Self::erase) would erase, without the events that name no actor inside of the actor's activities.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn erasable(&mut self, actor: &str) -> Result<Erased>;

    /// Erases the content of what was done on behalf of an actor: payloads, messages, attributes, summaries, data,
    /// references, keys, recordings, and the ids of the actor, the session and the request. What it was, when, for how
    /// long and how it ended stays, and so do all counts.
    ///
    /// It is erased from every file of the store, in steps; after each it says how much that was. What is recorded
    /// meanwhile is not. It may be interrupted, and goes on when it is asked again.
    ///
    /// # Errors
    ///
    /// When the store could not be written, and when others read or write all the time, so that what was erased still
    /// stands in a write-ahead log (`is_busy`).
    fn erase(&mut self, actor: &str, told: &mut dyn FnMut(&Erased)) -> Result<Erased>;

    /// The quarters of an hour since the Unix epoch whose sums can be recomputed: none of whose activities was pruned.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn rebuildable(&mut self) -> Result<Range<i64>>;

    /// Adds up the activities of these quarters, and puts the sums in place of those that are kept.
    ///
    /// # Errors
    ///
    /// When the store could not be written, or a quarter is not [`rebuildable`](Self::rebuildable); then nothing was
    /// changed.
    fn rebuild(&mut self, quarters: Range<i64>) -> Result<()>;
}

/// What is deleted: of each sort what is beyond a limit, nothing by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cutoffs {
    /// Ended activities, with their previews.
    pub activities: Limit,
    /// Events.
    pub events: Limit,
    /// Previews, where the activities stay.
    pub previews: Limit,
    /// The sums of quarters of an hour.
    pub sums: Limit,
    /// Ended recordings, where the activities stay.
    pub recordings: Limit,
}

/// How much of one sort is kept: everything by default. What is too old or too much is deleted, the oldest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// What started before is too old.
    pub before: Option<DateTime<Utc>>,
    /// More than so many bytes are too much.
    ///
    /// What indexes take is not known by the row: counted are the texts, and 200 bytes for each activity and event, 40 for
    /// each preview. A sum counts as 200 bytes, and a recording as its chunks do.
    pub bytes: Option<u64>,
}

/// How much was erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erased {
    /// Activities that lost their content.
    pub activities: u64,
    /// Events that lost their content.
    pub events: u64,
    /// Recordings that are gone.
    pub recordings: u64,
}

/// How much of what is recorded is kept.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Retention {
    pub(crate) activities: Keep,
    pub(crate) events: Keep,
    pub(crate) previews: Keep,
    pub(crate) sums: Keep,
}

/// How long one sort is kept, and how many bytes of it; `None`: without limit.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Keep {
    pub(crate) time: Option<Duration>,
    pub(crate) bytes: Option<u64>,
}

impl Retention {
    /// What is to be deleted at an instant, given in microseconds since the Unix epoch.
    pub(crate) fn cutoffs(&self, now_us: i64) -> Cutoffs {
        Cutoffs {
            activities: self.activities.limit(now_us),
            events: self.events.limit(now_us),
            previews: self.previews.limit(now_us),
            sums: self.sums.limit(now_us),
            // They have limits of their own: `KeepRecordings`.
            recordings: Limit::default(),
        }
    }
}

impl Keep {
    fn limit(self, now_us: i64) -> Limit {
        let before = |kept: Duration| {
            let us = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
            DateTime::from_timestamp_micros(now_us.saturating_sub(us))
        };
        Limit {
            before: self.time.and_then(before),
            bytes: self.bytes,
        }
    }
}

/// How much was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// Activities.
    pub activities: u64,
    /// Events.
    pub events: u64,
    /// Previews of activities that stay.
    pub previews: u64,
    /// Sums of quarters of an hour.
    pub sums: u64,
    /// Recordings.
    pub recordings: u64,
    /// Chunks of recordings, which go first.
    pub chunks: u64,
}

impl Pruned {
    /// Everything together.
    pub fn total(&self) -> u64 {
        self.activities + self.events + self.previews + self.sums + self.recordings + self.chunks
    }

    /// Adds what another step deleted.
    pub fn add(&mut self, other: Pruned) {
        self.activities += other.activities;
        self.events += other.events;
        self.previews += other.previews;
        self.sums += other.sums;
        self.recordings += other.recordings;
        self.chunks += other.chunks;
    }
}
