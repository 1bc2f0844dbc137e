//! What a store answers.

use std::{
    ops::{Range, RangeInclusive},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use serde::Serialize;

#[cfg(feature = "web")]
use crate::store::RetentionFields;
use crate::{
    error::{Error, Result},
    record::{
        ActivityId, ActivityRecord, ChunkRecord, EventRecord, Filter, InstanceId, RecordingId,
        RecordingRecord,
    },
    store::{
        Accounting, Bucket, Check, Cursor, Dimension, Followed, Grain, Growth, LastCheck, List,
        Pace, Position, Record, Retention, Subject, Tallied, Total, TypeCount,
    },
};

/// The most activities or events that one answer holds; more are read page by page.
pub const LARGEST_PAGE: usize = 1000;

/// Says whether whoever asked has given up: asked again and again while a question is answered.
pub type Stop = Arc<dyn Fn() -> bool + Send + Sync>;

/// A wall clock that a reader is to look at.
pub type WallClock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The activities of a store, or its events.
pub trait Source<R: Record> {
    /// The newest records that `filter` means, newest first, beginning after `cursor`. Last come those that are dated
    /// ahead of the [present](Reader::present), in the same order.
    ///
    /// # Errors
    ///
    /// When the store could not be read, or the filter asks for what such records do not have: activities have no `type:`,
    /// events have no `kind:`, `name:`, `error:` and `duration:`.
    fn list(&mut self, filter: &Filter, cursor: Option<Cursor<R>>, limit: usize)
    -> Result<List<R>>;

    /// The records that were committed after a place and that `filter` means, in the order of commits. Activities are
    /// committed when they have ended.
    ///
    /// # Errors
    ///
    /// As for [`list`](Self::list).
    fn after(&mut self, place: Position<R>, filter: &Filter, limit: usize) -> Result<Followed<R>>;

    /// The place of the newest commit: where to begin with [`after`](Self::after).
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn newest(&mut self) -> Result<Position<R>>;

    /// One record; `None` where there is none with this id.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn get(&mut self, id: R::Id) -> Result<Option<R>>;
}

/// The read side of a store.
///
/// Every answer joins the ended activities with the open ones: those of living instances as `running`,
/// those of dead ones as `abandoned`. Filters apply before limits, and a limit is at least one and at
/// most [`LARGEST_PAGE`]. An error is never the same as an empty answer.
pub trait Reader: Source<ActivityRecord> + Source<EventRecord> + Send {
    /// Has questions from now on stop with an error of the kind [`Timeout`](crate::error::ErrorKind::Timeout) once
    /// `stop` says so; `None`: they are answered however long it takes. A store whose answers are quick may ignore it.
    fn stop_when(&mut self, _stop: Option<Stop>) {}

    /// The first ids in this range, at most `limit`: what a person's shortened id may mean.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn ids(&mut self, range: RangeInclusive<ActivityId>, limit: usize) -> Result<Vec<ActivityId>>;

    /// Every activity of the tree that grows from `root`, itself included, in order of start.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn tree(&mut self, root: ActivityId) -> Result<Vec<ActivityRecord>>;

    /// Those activities of the tree that grows from `root` that `filter` means, itself included, in order of start,
    /// beginning after `after`.
    ///
    /// # Errors
    ///
    /// When the store could not be read, or the filter asks for what activities do not have (`type:`).
    fn tree_page(
        &mut self,
        root: ActivityId,
        filter: &Filter,
        after: Option<Cursor<ActivityRecord>>,
        limit: usize,
    ) -> Result<TreePage>;

    /// The events that happened inside of an activity, oldest first; where there are more, the newest `limit`.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn events_of(&mut self, activity: ActivityId, limit: usize) -> Result<Vec<EventRecord>>;

    /// The sums of what started in these quarters of an hour since the Unix epoch, in their order; quarters in which
    /// nothing started are left out. By the hour these have to be whole hours.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn buckets(&mut self, of: &Subject, quarters: Range<i64>, grain: Grain) -> Result<Vec<Bucket>>;

    /// The sums of what started in these quarters for each project, agent, .. that has any, in no order, and for agents
    /// their turns.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn totals(&mut self, by: Dimension, quarters: Range<i64>) -> Result<Vec<Total>>;

    /// How agents were active and took turns in these quarters, in their order.
    ///
    /// # Errors
    ///
    /// When the store could not be read, and for a name or a brand, of which that is not kept ready.
    fn paces(&mut self, of: &Subject, quarters: Range<i64>, grain: Grain) -> Result<Vec<Pace>>;

    /// Tells of each ended activity that `filter` means, in order of start: for sums that are not kept ready.
    ///
    /// # Errors
    ///
    /// When the store could not be read, or the filter asks for what activities do not have (`type:`).
    fn tally(&mut self, filter: &Filter, take: &mut dyn FnMut(Tallied)) -> Result<()>;

    /// The events that `filter` means counted by type, in no order. Added up from all of them.
    ///
    /// # Errors
    ///
    /// When the store could not be read, or the filter asks for what events do not have.
    fn event_types(&mut self, filter: &Filter) -> Result<Vec<TypeCount>>;

    /// The first quarter of an hour of which there are sums; `None` where there are none.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn oldest_quarter(&mut self) -> Result<Option<i64>>;

    /// True when an ended activity is on record for it.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn is_known(&mut self, subject: &Subject) -> Result<bool>;

    /// The recordings that are linked to an activity, in order of their begins, at most [`LARGEST_PAGE`].
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn recordings_of(&mut self, activity: ActivityId) -> Result<Vec<RecordingRecord>>;

    /// One recording; `None` where there is none with this id.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn recording(&mut self, id: RecordingId) -> Result<Option<RecordingRecord>>;

    /// The first ids of recordings in this range, at most `limit`: what a person's shortened id may mean.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn recording_ids(
        &mut self,
        range: RangeInclusive<RecordingId>,
        limit: usize,
    ) -> Result<Vec<RecordingId>>;

    /// The chunks of a recording from this number on, in order, at most `limit`.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn chunks(&mut self, id: RecordingId, from: u64, limit: usize) -> Result<Vec<ChunkRecord>>;

    /// Has the reader take this for its wall clock from now on; `None`: the system's.
    fn use_clock(&mut self, _clock: Option<WallClock>) {}

    /// The present: the later of the reader's wall clock and the store's own clock. What is dated more than five minutes
    /// later is dated *ahead*: it is marked so, and comes last in lists.
    ///
    /// So a record that was dated ahead by a clock that was wrong does not stand above what is new; after a machine was off
    /// for months what is new is not ahead, as the wall clock says so; and a reader whose wall clock is behind shows what is
    /// new first, as the store's clock says so.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn present(&mut self) -> Result<DateTime<Utc>> {
        Ok(Utc::now())
    }

    /// The limits that were set for the store.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn retention(&mut self) -> Result<Retention> {
        Ok(Retention::default())
    }

    /// How the store stands, from what is quick to read.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn health(&mut self) -> Result<Health>;

    /// Compares what was committed with what is there: the ledger and the lock files with the rows, the sums with the
    /// activities. It reads all rows, and tells now and then how far it is (0 to 1).
    ///
    /// # Errors
    ///
    /// When the store could not be read, and for a store that keeps no such ledger (`is_invalid`).
    fn check(&mut self, _told: &mut dyn FnMut(f64)) -> Result<Check> {
        Err(Error::invalid(
            "cannot check this store: it keeps no ledger",
        ))
    }

    /// Reads all of the store and says what is damaged: pages, indexes, the index for searching, views; empty where
    /// nothing is.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn damages(&mut self) -> Result<Vec<String>>;
}

/// A part of a tree.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TreePage {
    /// The activities, in order of start.
    pub activities: Vec<ActivityRecord>,
    /// How many the filter means in all of the tree.
    pub total: u64,
    /// Where the next page begins; `None` where there is none.
    pub next: Option<Cursor<ActivityRecord>>,
}

/// How a store stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Health {
    /// The version of the schema.
    pub schema: u32,
    /// Ended activities.
    pub activities: u64,
    /// Events.
    pub events: u64,
    /// Activities listed as open, by living instances.
    pub running: u64,
    /// Activities whose process, or log, ended before they did.
    pub abandoned: u64,
    /// The size of the store in bytes.
    pub bytes: u64,
    /// The last check by upkeep; `None` before the first, and for a file of schema 1, which has no ledger to check with.
    pub last_check: Option<LastCheck>,
    /// Activities and events that the index for searching has not come to yet. Searches look at them one by one.
    pub unindexed: u64,
    /// How fast it grows, and by what.
    pub growth: Growth,
    /// What the store keeps, with the defaults of kinds that nobody has set.
    #[cfg_attr(feature = "web", schema(value_type = RetentionFields))]
    pub retention: Retention,
    /// How the clocks stand; `None` where no log has committed anything since the store has a clock.
    pub clock: Option<ClockHealth>,
    /// Activities and events that are dated ahead of the present: some clock was wrong when they were recorded, or is wrong
    /// now.
    pub ahead: u64,
    /// Every instance that has written here, newest first.
    pub instances: Vec<InstanceHealth>,
}

/// How the clocks of a store stand. They are apart where a wall clock was set, and where nobody had the store open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ClockHealth {
    /// What the store's own clock showed when a log last brought it up to date. It stands still while no log is open.
    pub store: DateTime<Utc>,
    /// What that log's wall clock showed.
    pub wall: DateTime<Utc>,
    /// For how many seconds of running nothing has contradicted the wall clock. After a day the store's clock follows it.
    pub agreed_s: u64,
}

/// How one instance stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct InstanceHealth {
    /// Its id.
    pub id: InstanceId,
    /// The host's name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// When it was opened.
    pub started_at: DateTime<Utc>,
    /// When it was shut down; `None` while it lives and when it died.
    pub stopped_at: Option<DateTime<Utc>>,
    /// True while its process holds its lock.
    pub alive: bool,
    /// When its numbers were saved last; `None` when they never were.
    pub saved_at: Option<DateTime<Utc>>,
    /// Where its activities went, as of its last commit. Of one that died, what is committed is exact, and what
    /// it did after [`saved_at`](Self::saved_at) is unknown.
    pub accounting: Accounting,
}
