//! Maintenance of a store: pruning, erasing, indexing, checking and rebuilding.

use std::{ops::Range, time::Duration};

use chrono::{DateTime, Utc};

use crate::{
    error::{Error, Result},
    record::{ActivityId, ActivityRecord, EventRecord},
    store::{AccessToken, Position, Retention, sealed},
};

/// Maintains a store beside its writers, in small steps.
///
/// Every step is a transaction of its own and short, so writers do not wait long. Interrupted work continues with the next
/// call.
///
/// It is sealed, as the [write side](crate::store::Writer) is.
pub trait Maintenance: sealed::WriteSide + Send {
    /// Returns the limits that were set.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn retention(&mut self) -> Result<Retention>;

    /// Sets the limits of the kinds that `retention` names, for every process that records in this store. Returns the previous
    /// limits.
    ///
    /// Deletes nothing by itself: processes that record apply the limits in small steps. A change is logged at INFO.
    ///
    /// # Errors
    ///
    /// If the store could not be written; then nothing was changed.
    fn set_retention(&mut self, retention: &Retention) -> Result<Retention>;

    /// Adds a token of the HTTP API. Returns false, and changes nothing, if there is one of this name or with this secret.
    ///
    /// # Errors
    ///
    /// If the store could not be written; then nothing was changed.
    fn create_token(&mut self, token: &AccessToken) -> Result<bool>;

    /// Deletes a token of the HTTP API: servers reject it at once. Returns false if there is none of this name.
    ///
    /// # Errors
    ///
    /// If the store could not be written; then nothing was changed.
    fn revoke_token(&mut self, name: &str) -> Result<bool>;

    /// Updates the store's own clock, and returns the instant that ages are measured at: the earlier of that clock and the wall
    /// clock of the reading.
    ///
    /// The store's clock advances with the monotonic clocks of open logs. It follows the wall clock by at most an hour each time
    /// a log is opened, and completely once the wall clock has run for 24 hours without contradiction. So a wall clock that is
    /// wrong for less than a day deletes nothing. The first reading of a handle counts as the opening of a log.
    ///
    /// # Errors
    ///
    /// If the store could not be written; the next reading makes up for it.
    fn now(&mut self, reading: ClockReading) -> Result<DateTime<Utc>>;

    /// Counts what [`prune`](Self::prune) would delete in all.
    ///
    /// # Errors
    ///
    /// If the store could not be read, or its clock could not be written.
    fn prunable(&mut self, what: Prune) -> Result<PruneCounts>;

    /// Deletes one step, oldest records first; the counts are all 0 once nothing is left to delete.
    ///
    /// The newest activity and the newest event are kept at any age, because the commit order continues from them. Open
    /// activities and recordings are kept.
    ///
    /// # Errors
    ///
    /// If the store could not be written; then nothing was deleted.
    fn prune(&mut self, what: Prune) -> Result<PruneCounts>;

    /// Returns some free space to the file system. Returns the number of bytes; 0 once there is none.
    ///
    /// # Errors
    ///
    /// If the store could not be written.
    fn reclaim(&mut self) -> Result<u64>;

    /// Indexes some committed records. Returns the number of activities and events; 0 once the index is up to date.
    ///
    /// # Errors
    ///
    /// If the store could not be written; then nothing was changed.
    fn index(&mut self) -> Result<u64>;

    /// Compares some rows with the ledger. A check starts once a day and goes through all rows in steps; others may write
    /// meanwhile. Its result is in [`Health`](crate::store::Health). Returns true while there is more to do.
    ///
    /// # Errors
    ///
    /// If the store could not be written; then nothing was changed.
    fn check(&mut self, _now: DateTime<Utc>) -> Result<bool> {
        Ok(false)
    }

    /// Accepts deletions and insertions by other programs: checks all rows in steps, writes the differences into the ledger, and
    /// recomputes sums that differ from their activities. Others may write meanwhile. Reports its progress from 0 to 1.
    ///
    /// # Errors
    ///
    /// If the store could not be written, and for a store without a ledger (`is_invalid`). It may be repeated.
    fn accept(&mut self, _progress: &mut dyn FnMut(f64)) -> Result<()> {
        Err(Error::invalid(
            "cannot accept changes of this store: it has no ledger",
        ))
    }

    /// Recreates missing or altered indexes, triggers and views. Returns their names.
    ///
    /// # Errors
    ///
    /// If the store could not be written; then nothing was changed.
    fn restore_schema(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Counts what [`erase`](Self::erase) would erase, without events in the actor's activities that have no actor themselves.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn erasable(&mut self, actor: &str) -> Result<EraseCounts>;

    /// Erases the content of an actor's activities and events: payloads, messages, attributes, summaries, data, references,
    /// deduplication keys, recordings, and the ids of the actor, the session and the request. Kinds, names, times, durations,
    /// statuses and all counts stay.
    ///
    /// Works in steps on every file of the store, and reports the counts after each. Records that are committed meanwhile are
    /// not erased. If interrupted, the next call continues.
    ///
    /// # Errors
    ///
    /// If the store could not be written, or other connections kept the WAL in use, so that it still has erased content
    /// (`is_busy`).
    fn erase(&mut self, actor: &str, progress: &mut dyn FnMut(&EraseCounts))
    -> Result<EraseCounts>;

    /// Stores the old and new ids of imported activities whose id was changed.
    ///
    /// # Errors
    ///
    /// If the store could not be written; then nothing was changed.
    fn rename(&mut self, ids: &[(ActivityId, ActivityId)]) -> Result<()>;

    /// Replaces old ids by new ones in the parent, root and activity of all records committed after these positions. An old id
    /// that a stored activity has is not replaced.
    ///
    /// # Errors
    ///
    /// If the store could not be read or written. If interrupted, the next call continues.
    fn relink(
        &mut self,
        activities: Position<ActivityRecord>,
        events: Position<EventRecord>,
    ) -> Result<()>;

    /// Returns the numbers of the quarter hours with activities or sums, from the first one at or after `from` to the end of the
    /// last. Called with the end of each step, it skips empty quarter hours.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn rebuildable(&mut self, from: i64) -> Result<Range<i64>>;

    /// Recomputes the sums of these quarter hours from their activities. Quarter hours with pruned activities keep their sums.
    ///
    /// # Errors
    ///
    /// If the store could not be written; then nothing was changed.
    fn rebuild(&mut self, quarters: Range<i64>) -> Result<()>;
}

/// A reading of a log's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClockReading {
    /// The wall clock.
    pub wall: DateTime<Utc>,
    /// The time on a monotonic clock since an arbitrary instant. All readings of one handle must be of the same clock.
    pub monotonic: Duration,
}

impl ClockReading {
    /// Returns a reading of both clocks.
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
    /// Records beyond the store's own [`Retention`]. Ages are measured from the later of a record's date and its commit, by the
    /// store's clock, which is updated as by [`Maintenance::now`].
    Retention(ClockReading),
    /// Records beyond these limits. Ages are measured from a record's date to this instant; kinds without a limit stay, and so do
    /// records that are too old and were not forwarded yet.
    ByDate(Retention, DateTime<Utc>),
}

/// Counts of an erasure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EraseCounts {
    /// Activities whose content was erased.
    pub activities: u64,
    /// Events whose content was erased.
    pub events: u64,
    /// Deleted recordings.
    pub recordings: u64,
}

/// Counts of a prune step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneCounts {
    /// Activities.
    pub activities: u64,
    /// Events.
    pub events: u64,
    /// Payload previews whose activities stay.
    pub previews: u64,
    /// Sums of quarter hours, and groups of errors of quarter hours.
    pub sums: u64,
    /// Recordings.
    pub recordings: u64,
    /// Chunks of recordings, which are deleted before their recording.
    pub chunks: u64,
    /// Activities, events and recordings that are too old by date, and stay until they are forwarded. Only counted by
    /// [`Maintenance::prunable`].
    pub not_forwarded: u64,
}

impl PruneCounts {
    /// Returns the sum of all that is deleted.
    pub fn total(&self) -> u64 {
        self.activities + self.events + self.previews + self.sums + self.recordings + self.chunks
    }

    /// Adds the counts of another step.
    pub fn add(&mut self, other: PruneCounts) {
        self.activities += other.activities;
        self.events += other.events;
        self.previews += other.previews;
        self.sums += other.sums;
        self.recordings += other.recordings;
        self.chunks += other.chunks;
    }
}
