//! What a store does beside recording: forget what is old, and add its sums up again.

use std::{ops::Range, time::Duration};

use chrono::{DateTime, Utc};

use crate::{
    error::{Error, Result},
    record::{ActivityId, ActivityRecord, EventRecord},
    store::{Position, Retention, sealed},
};

/// Work on a store beside its writers, in steps so small that nobody waits long for one.
///
/// Every step is a transaction of its own. What was interrupted is gone on with by asking again.
///
/// It is sealed, as the [write side](crate::store::Writer) is.
pub trait Maintenance: sealed::WriteSide + Send {
    /// The limits that were set.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn retention(&mut self) -> Result<Retention>;

    /// Sets the limits of the kinds that are named, for every process that records in this store. Returns what was set
    /// before.
    ///
    /// Nothing is deleted by this: processes that record follow it, a little at a time. A change is logged at INFO.
    ///
    /// # Errors
    ///
    /// When the store could not be written; then nothing was changed.
    fn set_retention(&mut self, retention: &Retention) -> Result<Retention>;

    /// Brings the store's own clock up to date, and returns the instant that ages are counted from: the earlier of that
    /// clock and the wall clock that was read.
    ///
    /// The store's clock advances with the monotonic clocks of the logs that are open, and follows the wall clock by at
    /// most an hour each time a log is opened, or wholly once the wall clock has run steadily for 24 hours. So a wall clock
    /// that was set wrong for less than a day deletes nothing. The first reading that a handle is given is taken for the
    /// opening of a log.
    ///
    /// # Errors
    ///
    /// When the store could not be written; then the next reading makes up for it.
    fn now(&mut self, reading: ClockReading) -> Result<DateTime<Utc>>;

    /// How much [`prune`](Self::prune) would delete in all.
    ///
    /// # Errors
    ///
    /// When the store could not be read, or its clock not be written.
    fn prunable(&mut self, what: Prune) -> Result<PruneCounts>;

    /// Deletes one step of it, of each kind the oldest first; returns nothing once nothing is left.
    ///
    /// The newest activity and the newest event stay, whatever their age: the order of commits goes on from them. Open
    /// activities and recordings stay.
    ///
    /// # Errors
    ///
    /// When the store could not be written; then nothing was deleted.
    fn prune(&mut self, what: Prune) -> Result<PruneCounts>;

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

    /// Compares some of the rows with the ledger: once a day a check begins, and goes through all of them step by step.
    /// Others may write meanwhile. [`Health`](crate::store::Health) has what the last one found. Returns `true` while there
    /// is more to do.
    ///
    /// # Errors
    ///
    /// When the store could not be written; then nothing was changed.
    fn check(&mut self, _now: DateTime<Utc>) -> Result<bool> {
        Ok(false)
    }

    /// Accepts what other programs have deleted or inserted: it checks all rows, in steps, writes what differs into the
    /// ledger, and adds up the sums again that differ from their activities. Others may write meanwhile. It tells now and
    /// then how far it is (0 to 1).
    ///
    /// # Errors
    ///
    /// When the store could not be written, and for a store that keeps no ledger (`is_invalid`). It may be repeated.
    fn accept(&mut self, _told: &mut dyn FnMut(f64)) -> Result<()> {
        Err(Error::invalid(
            "cannot accept changes of this store: it keeps no ledger",
        ))
    }

    /// Makes the indexes, triggers and views anew that are missing or were altered. Returns their names.
    ///
    /// # Errors
    ///
    /// When the store could not be written; then nothing was changed.
    fn restore_schema(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// What [`erase`](Self::erase) would erase, without the events that name no actor inside of the actor's activities.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn erasable(&mut self, actor: &str) -> Result<EraseCounts>;

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
    fn erase(&mut self, actor: &str, told: &mut dyn FnMut(&EraseCounts)) -> Result<EraseCounts>;

    /// Remembers that activities which are imported get other ids than their lines say: the old and the new one of each.
    ///
    /// # Errors
    ///
    /// When the store could not be written; then nothing was changed.
    fn rename(&mut self, ids: &[(ActivityId, ActivityId)]) -> Result<()>;

    /// Has all that was committed after these places, activities and events, name the new ids where it names old ones as
    /// parent, root or activity. An old id that is on record is no old one.
    ///
    /// # Errors
    ///
    /// When the store could not be read or written. It may be interrupted, and goes on when it is asked again.
    fn relink(
        &mut self,
        activities: Position<ActivityRecord>,
        events: Position<EventRecord>,
    ) -> Result<()>;

    /// The quarters of an hour since the Unix epoch of which activities or sums are there: the first one from `from` on, and
    /// the end of the last. Asked again with the end of a step, it passes over quarters in which nothing happened.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn rebuildable(&mut self, from: i64) -> Result<Range<i64>>;

    /// Adds up the activities of these quarters, and puts the sums in place of those that are kept. Quarters of which
    /// activities were pruned keep the sums that they have.
    ///
    /// # Errors
    ///
    /// When the store could not be written; then nothing was changed.
    fn rebuild(&mut self, quarters: Range<i64>) -> Result<()>;
}

/// One reading of a log's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClockReading {
    /// What the wall clock shows.
    pub wall: DateTime<Utc>,
    /// How much time has passed by a monotonic clock, since any instant. Readings of two clocks are not given to one handle.
    pub monotonic: Duration,
}

impl ClockReading {
    /// A reading of both clocks.
    pub fn new(wall: DateTime<Utc>, monotonic: Duration) -> Self {
        ClockReading { wall, monotonic }
    }
}

/// What [`Maintenance::prune`] deletes.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tower_activity::store::{Limit, Prune, Retention};
///
/// // All events dated before this year.
/// let mut keep = Retention::default();
/// keep.events = Some(Limit::age(Duration::ZERO));
/// let what = Prune::ByDate(keep, "2026-01-01T00:00:00Z".parse()?);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Prune {
    /// What the store's own [`Retention`] does not keep. A record is as old as the younger of its date and the time when it
    /// was committed, by the store's clock, which is brought up to date as [`Maintenance::now`] does.
    Retention(ClockReading),
    /// What these limits do not keep. A record is as old at this instant as its date says; kinds without a limit stay.
    ByDate(Retention, DateTime<Utc>),
}

/// How much was erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EraseCounts {
    /// Activities that lost their content.
    pub activities: u64,
    /// Events that lost their content.
    pub events: u64,
    /// Recordings that are gone.
    pub recordings: u64,
}

/// How much was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneCounts {
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

impl PruneCounts {
    /// Everything together.
    pub fn total(&self) -> u64 {
        self.activities + self.events + self.previews + self.sums + self.recordings + self.chunks
    }

    /// Adds what another step deleted.
    pub fn add(&mut self, other: PruneCounts) {
        self.activities += other.activities;
        self.events += other.events;
        self.previews += other.previews;
        self.sums += other.sums;
        self.recordings += other.recordings;
        self.chunks += other.chunks;
    }
}
