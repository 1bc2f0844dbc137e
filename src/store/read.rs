//! The read side of a store.

use std::{
    collections::HashMap,
    ops::{Range, RangeInclusive},
};

use chrono::{DateTime, Utc};

use crate::{
    error::{Error, Result},
    record::{
        ActivityId, ActivityRecord, ChunkRecord, EventRecord, Filter, Fingerprint, RecordingId,
        RecordingRecord,
    },
    store::{
        AccessToken, ActivitySample, AttributeSample, Bucket, Check, CommitPage, CountedActivity,
        Cursor, Descendants, Dimension, FailureGroup, Gaps, Grain, Grouping, Health, List,
        Position, Quarter, ReadOptions, Record, Retention, Subject, Total, TurnHistory, TypeCount,
        Vitals, newest_recordings, scan,
    },
};

/// Lists, follows and finds the activities or the events of a store.
pub trait Source<R: Record> {
    /// Returns the newest records that match `filter` after `cursor`, newest first. Records dated ahead of the
    /// [present](Reader::present) come last, in the same order.
    ///
    /// # Errors
    ///
    /// If the store could not be read, or the filter has a field that the records lack: activities have no `type:`,
    /// events have no `kind:`, `name:`, `error:`, `fingerprint:` and `duration:`.
    fn list(&mut self, filter: &Filter, cursor: Option<Cursor<R>>, limit: usize)
    -> Result<List<R>>;

    /// Returns the records that match `filter` and were committed after `position`, in commit order. Activities are committed
    /// when they end.
    ///
    /// # Errors
    ///
    /// As for [`list`](Self::list).
    fn after(
        &mut self,
        position: Position<R>,
        filter: &Filter,
        limit: usize,
    ) -> Result<CommitPage<R>>;

    /// Returns the position of the newest commit, to start following with [`after`](Self::after).
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn newest(&mut self) -> Result<Position<R>>;

    /// Returns the number of commits after `position`, pruned ones included; 0 for a position in another log.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn behind(&mut self, position: Position<R>) -> Result<u64> {
        let newest = self.newest()?;
        Ok(match position.is_in_log_of(newest) {
            true => position.behind(newest),
            false => 0,
        })
    }

    /// Returns the record with this id, if any.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn get(&mut self, id: R::Id) -> Result<Option<R>>;

    /// Returns the records with these ids that are there, in any order. The default [gets](Self::get) one after the other.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn get_all(&mut self, ids: &[R::Id]) -> Result<Vec<R>> {
        let found = ids.iter().map(|id| self.get(*id).transpose());
        found.flatten().collect()
    }
}

/// The read side of a store.
///
/// Every answer includes open activities: those of living instances as `running`, those of dead instances as `abandoned`.
/// Filters apply before limits. A limit is clamped to 1..=[`LARGEST_PAGE`](crate::store::LARGEST_PAGE). A failed query is an error,
/// never an empty answer.
///
/// # Stores of other kinds
///
/// A reader must list, follow and find records ([`Source`], for activities and for events), find recordings, and report the
/// health of its store. The defaults of all other methods scan records: O(n), and an error (`is_invalid`) beyond
/// [`LARGEST_SCAN`](crate::store::LARGEST_SCAN) records. A store overrides the methods that it can answer from an index or from sums. The suite
/// `testing::conformance` (feature `testing`) compares the answers of a store with its records.
pub trait Reader: Source<ActivityRecord> + Source<EventRecord> + Send {
    /// The options of the following queries: deadline, cancellation and clock.
    fn options(&mut self) -> &mut ReadOptions;

    /// Returns the recording with this id, if any.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn recording(&mut self, id: RecordingId) -> Result<Option<RecordingRecord>>;

    /// Returns the recordings linked to an activity, in order of start, at most [`LARGEST_PAGE`](crate::store::LARGEST_PAGE).
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn recordings_of(&mut self, activity: ActivityId) -> Result<Vec<RecordingRecord>>;

    /// Returns the newest recordings that started before `before`, newest first, to list them page by page.
    ///
    /// The default is O(n) in all recordings.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn newest_recordings(
        &mut self,
        before: Option<RecordingId>,
        limit: usize,
    ) -> Result<Vec<RecordingRecord>> {
        newest_recordings::scan(self, before, limit)
    }

    /// Returns the first recording ids in a range, at most `limit`, to resolve an id prefix.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn recording_ids(
        &mut self,
        range: RangeInclusive<RecordingId>,
        limit: usize,
    ) -> Result<Vec<RecordingId>>;

    /// Returns the chunks of a recording from number `from` on, in order, at most `limit`.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn chunks(&mut self, id: RecordingId, from: u64, limit: usize) -> Result<Vec<ChunkRecord>>;

    /// Returns the health of the store. Reads only what is fast to read.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn health(&mut self) -> Result<Health>;

    /// Returns the part of the health whose cost does not grow with the activities and events.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn vitals(&mut self) -> Result<Vitals> {
        Ok(self.health()?.into())
    }

    /// Passes the activities that match `filter` and were committed after `position` to `take`, in commit order: those of the
    /// next `limit` commits, or of fewer. Returns the page without them.
    ///
    /// # Errors
    ///
    /// As for [`after`](Source::after).
    fn count_after(
        &mut self,
        position: Position<ActivityRecord>,
        filter: &Filter,
        limit: usize,
        take: &mut dyn FnMut(CountedActivity),
    ) -> Result<CommitPage<ActivityRecord>> {
        let mut page = Source::<ActivityRecord>::after(self, position, filter, limit)?;
        page.records.drain(..).map(Into::into).for_each(take);
        Ok(page)
    }

    /// Returns the first activity ids in a range, at most `limit`, to resolve an id prefix.
    ///
    /// The default is O(n) in the activities that started in the range.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn ids(&mut self, range: RangeInclusive<ActivityId>, limit: usize) -> Result<Vec<ActivityId>> {
        scan::ids(self, &range, limit)
    }

    /// Returns every activity of the tree of `root`, the root included, in order of start.
    ///
    /// The default is O(n) in all activities.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn tree(&mut self, root: ActivityId) -> Result<Vec<ActivityRecord>> {
        scan::tree(self, root)
    }

    /// Returns a page of the activities in the tree of `root` that match `filter`, in order of start, after `after`. The root is
    /// part of its tree.
    ///
    /// The default is O(n) in all activities.
    ///
    /// # Errors
    ///
    /// If the store could not be read, or the filter has a field that activities lack (`type:`).
    fn tree_page(
        &mut self,
        root: ActivityId,
        filter: &Filter,
        after: Option<Cursor<ActivityRecord>>,
        limit: usize,
    ) -> Result<TreePage> {
        scan::tree_page(self, root, filter, after, limit)
    }

    /// Counts the descendants of each of these roots that match `filter`, for those that have any, in no particular order.
    ///
    /// The default is O(n) in all activities.
    ///
    /// # Errors
    ///
    /// If the store could not be read, or the filter has a field that activities lack (`type:`).
    fn descendants(&mut self, roots: &[ActivityId], filter: &Filter) -> Result<Vec<Descendants>> {
        scan::descendants(self, roots, filter)
    }

    /// Returns the path to the root cause of `activity`: from the topmost failed activity that matches `filter`, which is
    /// `activity` itself if it failed, to the deepest. Empty if neither it nor anything inside it failed.
    ///
    /// A failure is followed to the failures directly inside it; of several, the one that ended first is the cause. A failure
    /// in a call that succeeded all the same was handled, and is not the cause of one further up. A path has at most 100
    /// activities, those nearest to the cause. Of a tree with more than 10,000 failures a store may look for the cause only among
    /// those that were committed first.
    ///
    /// The default is O(n) in all activities.
    ///
    /// # Errors
    ///
    /// If the store could not be read, or the filter has a field that activities lack (`type:`).
    fn root_cause(
        &mut self,
        activity: &ActivityRecord,
        filter: &Filter,
    ) -> Result<Vec<ActivityRecord>> {
        scan::root_cause(self, activity, filter)
    }

    /// Returns the newest `limit` events of an activity, oldest first.
    ///
    /// The default is O(n) in all events that belong to an activity.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn events_of(&mut self, activity: ActivityId, limit: usize) -> Result<Vec<EventRecord>> {
        scan::events_of(self, activity, limit)
    }

    /// Groups the failed activities that match `filter` by their fingerprint, in no particular order.
    ///
    /// The default is O(n) in these activities.
    ///
    /// # Errors
    ///
    /// If the store could not be read, or the filter has a field that activities lack (`type:`).
    fn failures(&mut self, filter: &Filter) -> Result<Vec<FailureGroup>> {
        scan::failures(self, filter)
    }

    /// Returns the first failed activity that matches `filter` with each of these fingerprints, as far as is known: a store may
    /// stop after some number of failures.
    ///
    /// The default is O(n) in all failures that match the filter.
    ///
    /// # Errors
    ///
    /// If the store could not be read, or the filter has a field that activities lack (`type:`).
    fn first_failures(
        &mut self,
        filter: &Filter,
        of: &[Fingerprint],
    ) -> Result<HashMap<Fingerprint, ActivityId>> {
        scan::first_failures(self, filter, of)
    }

    /// Passes each ended activity that matches `filter` to `take`, in order of start, to compute sums that the store does not
    /// keep.
    ///
    /// The default is O(n) in the matching activities, and in all activities of kind `turn`.
    ///
    /// # Errors
    ///
    /// If the store could not be read, or the filter has a field that activities lack (`type:`).
    fn scan(&mut self, filter: &Filter, take: &mut dyn FnMut(ActivitySample)) -> Result<()> {
        scan::samples(self, filter, take)
    }

    /// Passes each ended activity that matches `filter` to `take`, with its attributes, in no particular order.
    ///
    /// The default is O(n) in the matching activities.
    ///
    /// # Errors
    ///
    /// If the store could not be read, or the filter has a field that activities lack (`type:`).
    fn scan_attributes(
        &mut self,
        filter: &Filter,
        take: &mut dyn FnMut(AttributeSample),
    ) -> Result<()> {
        scan::attributes(self, filter, take)
    }

    /// Returns the sums of the activities that started in these quarter hours, in order, without empty ones. With
    /// [`Grain::Hour`], `quarters` must consist of whole hours.
    ///
    /// The default is O(n) in the activities that started in them.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn buckets(
        &mut self,
        of: &Subject,
        quarters: Range<Quarter>,
        _grain: Grain,
    ) -> Result<Vec<Bucket>> {
        scan::buckets(self, &scan::during(of.filter(), quarters))
    }

    /// Returns the sums of the activities that started in these quarter hours, and the turns of their agents, for each project,
    /// agent, name or brand, in no particular order.
    ///
    /// The default is O(n) in the activities that started in them, and in all activities of kind `turn`.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn totals(&mut self, by: Dimension, quarters: Range<Quarter>) -> Result<Vec<Total>> {
        scan::totals(self, by, &scan::during(Filter::default(), quarters))
    }

    /// Returns the sums of the ended activities that match `filter` for each value of a field without sums of its own, in no
    /// particular order and without turns.
    ///
    /// The default is O(n) in the matching activities.
    ///
    /// # Errors
    ///
    /// If the store could not be read, or the filter has a field that activities lack (`type:`).
    fn totals_by(&mut self, by: &Grouping, filter: &Filter) -> Result<Vec<Total>> {
        scan::totals_by(self, by, filter)
    }

    /// Returns the active agents and their turns in these quarter hours, in order.
    ///
    /// The default is O(n) in the activities that started in them, and in all activities of kind `turn`.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn turn_stats(
        &mut self,
        of: &Subject,
        quarters: Range<Quarter>,
        _grain: Grain,
    ) -> Result<TurnHistory> {
        scan::turn_stats(self, of, quarters)
    }

    /// Returns the gaps in these quarter hours: spans with deleted sums, activities or events.
    ///
    /// The other methods count what is left, so a sum over a gap is too small. Show it as unknown, not as 0.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn gaps(&mut self, _quarters: Range<Quarter>) -> Result<Gaps> {
        Ok(Gaps::default())
    }

    /// Counts the events that match `filter` by type, in no particular order. O(n) in these events.
    ///
    /// # Errors
    ///
    /// If the store could not be read, or the filter has a field that events lack.
    fn event_types(&mut self, filter: &Filter) -> Result<Vec<TypeCount>> {
        scan::event_types(self, filter)
    }

    /// Returns the first quarter hour with sums or ended activities, if any.
    ///
    /// The default takes some 30 lists of one activity.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn oldest_quarter(&mut self) -> Result<Option<Quarter>> {
        scan::oldest_quarter(self)
    }

    /// Returns true if the subject has an ended activity.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn is_known(&mut self, subject: &Subject) -> Result<bool> {
        scan::is_known(self, subject)
    }

    /// Returns the present: the later of the reader's wall clock and the store's own clock. Records dated more than five minutes
    /// later are *ahead*: they are marked, and come last in lists.
    ///
    /// So a record dated ahead by a wrong clock does not hide new ones. After a machine was off for months, the wall clock
    /// keeps new records from being ahead; if the reader's wall clock is behind, the store's clock does.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn present(&mut self) -> Result<DateTime<Utc>> {
        Ok(self.options().now())
    }

    /// Returns the limits that were set for the store.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn retention(&mut self) -> Result<Retention> {
        Ok(Retention::default())
    }

    /// Returns the tokens of the HTTP API, by name.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    fn tokens(&mut self) -> Result<Vec<AccessToken>> {
        Ok(Vec::new())
    }

    /// Compares the ledger and the lock files with the rows, and the sums with the activities. Reads all rows, and reports its
    /// progress from 0 to 1.
    ///
    /// # Errors
    ///
    /// If the store could not be read, and for a store that keeps no such ledger (`is_invalid`).
    fn check(&mut self, _progress: &mut dyn FnMut(f64)) -> Result<Check> {
        Err(Error::invalid(
            "cannot check this store: it keeps no ledger",
        ))
    }

    /// Reads the whole store and returns its integrity errors: damaged pages, indexes, the search index, views. Empty if the
    /// store is intact.
    ///
    /// # Errors
    ///
    /// If the store could not be read, and for a store without such a check (`is_invalid`).
    fn integrity_errors(&mut self) -> Result<Vec<String>> {
        Err(Error::invalid(
            "cannot check the integrity of this store: it has checks of its own",
        ))
    }
}

/// A page of a tree.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TreePage {
    /// The activities, in order of start.
    pub activities: Vec<ActivityRecord>,
    /// Number of activities in the tree that match the filter.
    pub total: u64,
    /// The cursor of the next page; `None` on the last.
    pub next: Option<Cursor<ActivityRecord>>,
}

impl TreePage {
    /// Returns a page of a tree with `total` matching activities, and the cursor of the next.
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
