//! What a store answers.

use std::ops::{Range, RangeInclusive};

use chrono::{DateTime, Utc};

use crate::{
    error::{Error, Result},
    record::{
        ActivityId, ActivityRecord, ChunkRecord, EventRecord, Filter, RecordingId, RecordingRecord,
    },
    store::{
        ActivitySample, Bucket, Check, CommitPage, Cursor, Dimension, Grain, Health, List,
        Position, Quarter, ReadOptions, Record, Retention, Subject, Total, TurnStats, TypeCount,
        scan,
    },
};

/// The most activities or events that one answer holds; more are read page by page.
pub const LARGEST_PAGE: usize = 1000;

/// The most records that an answer is added up from by a store that keeps nothing ready for it.
pub const LARGEST_SCAN: usize = 1_000_000;

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
    fn after(&mut self, place: Position<R>, filter: &Filter, limit: usize)
    -> Result<CommitPage<R>>;

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
///
/// # Stores of other kinds
///
/// A reader lists, follows and finds records ([`Source`], for activities and for events), finds recordings, and tells the
/// health of its store. The default of each other method reads records one by one: O(n), and an error (`is_invalid`) for more
/// than [`LARGEST_SCAN`] of them. A store overrides what it can answer from an index or from sums. The feature `testing` has a
/// suite, `testing::conformance`, that compares the answers of a store with its records.
///
/// The trait is not stable yet: more of it may be asked for once a second engine has been built on it.
pub trait Reader: Source<ActivityRecord> + Source<EventRecord> + Send {
    /// How the questions that follow are answered: until when, for whom, and by which clock.
    fn options(&mut self) -> &mut ReadOptions;

    /// One recording; `None` where there is none with this id.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn recording(&mut self, id: RecordingId) -> Result<Option<RecordingRecord>>;

    /// The recordings that are linked to an activity, in order of their begins, at most [`LARGEST_PAGE`].
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn recordings_of(&mut self, activity: ActivityId) -> Result<Vec<RecordingRecord>>;

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

    /// How the store stands, from what is quick to read.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn health(&mut self) -> Result<Health>;

    /// The first ids in this range, at most `limit`: what a person's shortened id may mean.
    ///
    /// By default O(n) in what started within the range.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn ids(&mut self, range: RangeInclusive<ActivityId>, limit: usize) -> Result<Vec<ActivityId>> {
        scan::ids(self, &range, limit)
    }

    /// Every activity of the tree that grows from `root`, itself included, in order of start.
    ///
    /// By default O(n) in all activities.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn tree(&mut self, root: ActivityId) -> Result<Vec<ActivityRecord>> {
        scan::tree(self, root)
    }

    /// Those activities of the tree that grows from `root` that `filter` means, itself included, in order of start,
    /// beginning after `after`.
    ///
    /// By default O(n) in all activities.
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
    ) -> Result<TreePage> {
        scan::tree_page(self, root, filter, after, limit)
    }

    /// The events that happened inside of an activity, oldest first; where there are more, the newest `limit`.
    ///
    /// By default O(n) in all events that happened inside of activities.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn events_of(&mut self, activity: ActivityId, limit: usize) -> Result<Vec<EventRecord>> {
        scan::events_of(self, activity, limit)
    }

    /// Tells of each ended activity that `filter` means, in order of start: for sums that are not kept ready.
    ///
    /// By default O(n) in what the filter means, and in all activities of the kind `turn`.
    ///
    /// # Errors
    ///
    /// When the store could not be read, or the filter asks for what activities do not have (`type:`).
    fn scan(&mut self, filter: &Filter, take: &mut dyn FnMut(ActivitySample)) -> Result<()> {
        scan::samples(self, filter, take)
    }

    /// The sums of what started in these quarters of an hour, in their order; quarters in which
    /// nothing started are left out. By the hour these have to be whole hours.
    ///
    /// By default O(n) in what started in them.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn buckets(
        &mut self,
        of: &Subject,
        quarters: Range<Quarter>,
        _grain: Grain,
    ) -> Result<Vec<Bucket>> {
        scan::buckets(self, &scan::during(of.filter(), quarters))
    }

    /// The sums of what started in these quarters for each project, agent, .. that has any, in no order, and for agents
    /// their turns.
    ///
    /// By default O(n) in what started in them, and in all activities of the kind `turn`.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn totals(&mut self, by: Dimension, quarters: Range<Quarter>) -> Result<Vec<Total>> {
        scan::totals(self, by, &scan::during(Filter::default(), quarters))
    }

    /// How agents were active and took turns in these quarters, in their order.
    ///
    /// By default O(n) in what started in them, and in all activities of the kind `turn`.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn turn_stats(
        &mut self,
        of: &Subject,
        quarters: Range<Quarter>,
        _grain: Grain,
    ) -> Result<Vec<TurnStats>> {
        Ok(scan::sums_and_turns(self, &scan::during(of.filter(), quarters))?.1)
    }

    /// The events that `filter` means counted by type, in no order. Added up from all of them: O(n).
    ///
    /// # Errors
    ///
    /// When the store could not be read, or the filter asks for what events do not have.
    fn event_types(&mut self, filter: &Filter) -> Result<Vec<TypeCount>> {
        scan::event_types(self, filter)
    }

    /// The first quarter of an hour of which there are sums; `None` where there are none.
    ///
    /// By default some 30 lists of one activity.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn oldest_quarter(&mut self) -> Result<Option<Quarter>> {
        scan::oldest_quarter(self)
    }

    /// True when an ended activity is on record for it.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn is_known(&mut self, subject: &Subject) -> Result<bool> {
        scan::is_known(self, subject)
    }

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
        Ok(self.options().now())
    }

    /// The limits that were set for the store.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn retention(&mut self) -> Result<Retention> {
        Ok(Retention::default())
    }

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
    /// When the store could not be read, and for a store without such a check (`is_invalid`).
    fn integrity_errors(&mut self) -> Result<Vec<String>> {
        Err(Error::invalid(
            "cannot check the integrity of this store: it has checks of its own",
        ))
    }
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

impl TreePage {
    /// A part of a tree of which the filter means so many activities in all, and where the next one begins.
    pub fn new(
        activities: Vec<ActivityRecord>,
        total: u64,
        next: Option<Cursor<ActivityRecord>>,
    ) -> Self {
        TreePage {
            activities,
            total,
            next,
        }
    }
}
