//! The read side: all logs as one.

mod compile;
mod follow;
mod health;
mod list;
mod open;
mod recording;
mod row;
mod sums;
mod tree;

use std::{
    cell::RefCell,
    collections::HashMap,
    ops::{Range, RangeInclusive},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};

use self::list::{Listed, Placed};
use super::{
    client::{Client, READ_TIMEOUT, Statement},
    migrate::{self, Marks},
    row_binary::RowReader,
};
use crate::{
    error::Result,
    record::{
        ActivityId, ActivityRecord, ChunkRecord, EventRecord, Filter, RecordingId, RecordingRecord,
    },
    store::{
        AHEAD, ActivitySample, Bucket, CommitPage, Cursor, Descendants, Dimension, FailureGroup,
        Grain, Grouping, Health, LARGEST_PAGE, List, Position, Quarter, ReadOptions, Reader,
        Record, Source, Subject, Total, TurnHistory, TypeCount, during, scan as one_by_one,
        timed_out,
    },
};

const NOW: &str = "SELECT toUnixTimestamp64Micro(now64(6))";
const OLDEST: &str = "SELECT count(), min(started_at) FROM activity";

/// Reads a central store.
#[derive(Debug)]
pub(super) struct ClickHouseReader {
    client: Client,
    marks: Marks,
    options: ReadOptions,
    /// How far the server's clock was ahead of this one.
    ahead: TimeDelta,
    /// Batches that have their places.
    placed: RefCell<HashMap<u64, Placed>>,
    /// Running activities, and when they were read.
    open: RefCell<Option<(Instant, Vec<ActivityRecord>)>>,
}

impl ClickHouseReader {
    pub(super) fn open(client: Client) -> Result<Self> {
        let marks = migrate::check_current(&client)?;
        let now = client.query(&Statement::new(NOW), READ_TIMEOUT)?;
        let now = row::instant(RowReader::new(&now).next()?);
        Ok(ClickHouseReader {
            client,
            marks,
            options: ReadOptions::default(),
            ahead: (now - Utc::now()).max(TimeDelta::zero()),
            placed: RefCell::default(),
            open: RefCell::default(),
        })
    }

    /// Returns the later of the wall clock and the server's. A clock that the caller has set is right.
    fn now(&self) -> DateTime<Utc> {
        let wall = self.options.now();
        match self.options.clock {
            Some(_) => wall,
            None => wall.checked_add_signed(self.ahead).unwrap_or(wall),
        }
    }

    /// Records dated from this instant on are ahead of the present.
    fn ahead_from(&self) -> DateTime<Utc> {
        self.now()
            .checked_add_signed(AHEAD)
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Runs a query.
    ///
    /// # Errors
    ///
    /// If it has not ended by the deadline (`is_timeout`).
    fn query(&self, statement: Statement) -> Result<Vec<u8>> {
        self.options.check("read the store")?;
        let Some(deadline) = self.options.deadline else {
            return self.client.query(&statement, READ_TIMEOUT);
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_millis(1));
        let statement = statement.set("max_execution_time", left.as_secs_f64());
        match self.client.query(&statement, left) {
            Err(error) if error.is_timeout() => Err(timed_out("read the store").with_source(error)),
            answer => answer,
        }
    }
}

impl<R: Listed> Source<R> for ClickHouseReader {
    fn list(
        &mut self,
        filter: &Filter,
        cursor: Option<Cursor<R>>,
        limit: usize,
    ) -> Result<List<R>> {
        R::check_filter(filter)?;
        list::list(self, filter, cursor, limit.clamp(1, LARGEST_PAGE))
    }

    fn after(
        &mut self,
        position: Position<R>,
        filter: &Filter,
        limit: usize,
    ) -> Result<CommitPage<R>> {
        R::check_filter(filter)?;
        follow::after(self, position, filter, limit.clamp(1, LARGEST_PAGE))
    }

    fn newest(&mut self) -> Result<Position<R>> {
        follow::newest(self)
    }

    fn behind(&mut self, position: Position<R>) -> Result<u64> {
        follow::behind(self, position)
    }

    fn get(&mut self, id: R::Id) -> Result<Option<R>> {
        Ok(self.get_all(&[id])?.pop())
    }

    fn get_all(&mut self, ids: &[R::Id]) -> Result<Vec<R>> {
        list::get_all(self, ids)
    }
}

impl Reader for ClickHouseReader {
    fn options(&mut self) -> &mut ReadOptions {
        &mut self.options
    }

    fn recording(&mut self, id: RecordingId) -> Result<Option<RecordingRecord>> {
        Ok(recording::with_ids(self, &[id])?.pop())
    }

    fn recordings_of(&mut self, activity: ActivityId) -> Result<Vec<RecordingRecord>> {
        recording::of_activity(self, activity)
    }

    fn newest_recordings(
        &mut self,
        before: Option<RecordingId>,
        limit: usize,
    ) -> Result<Vec<RecordingRecord>> {
        recording::newest(self, before, limit.clamp(1, LARGEST_PAGE))
    }

    fn recording_ids(
        &mut self,
        range: RangeInclusive<RecordingId>,
        limit: usize,
    ) -> Result<Vec<RecordingId>> {
        recording::ids(self, &range, limit.clamp(1, LARGEST_PAGE))
    }

    fn chunks(&mut self, id: RecordingId, from: u64, limit: usize) -> Result<Vec<ChunkRecord>> {
        recording::chunks(self, id, from, limit.clamp(1, LARGEST_PAGE))
    }

    fn health(&mut self) -> Result<Health> {
        health::health(self)
    }

    fn ids(&mut self, range: RangeInclusive<ActivityId>, limit: usize) -> Result<Vec<ActivityId>> {
        tree::ids(self, &range, limit.clamp(1, LARGEST_PAGE))
    }

    fn tree(&mut self, root: ActivityId) -> Result<Vec<ActivityRecord>> {
        tree::tree(self, root)
    }

    fn descendants(&mut self, roots: &[ActivityId], filter: &Filter) -> Result<Vec<Descendants>> {
        ActivityRecord::check_filter(filter)?;
        tree::descendants(self, roots, filter)
    }

    fn events_of(&mut self, activity: ActivityId, limit: usize) -> Result<Vec<EventRecord>> {
        tree::events_of(self, activity, limit.clamp(1, LARGEST_PAGE))
    }

    fn oldest_quarter(&mut self) -> Result<Option<Quarter>> {
        let answer = self.query(Statement::new(OLDEST).reading())?;
        let mut row = RowReader::new(&answer);
        let (count, oldest): (u64, i64) = (row.next()?, row.next()?);
        Ok((count > 0).then(|| Quarter::containing(row::instant(oldest))))
    }

    fn scan(&mut self, filter: &Filter, take: &mut dyn FnMut(ActivitySample)) -> Result<()> {
        ActivityRecord::check_filter(filter)?;
        match sums::samples(self, filter, take)? {
            true => Ok(()),
            false => one_by_one::samples(self, filter, take),
        }
    }

    fn failures(&mut self, filter: &Filter) -> Result<Vec<FailureGroup>> {
        ActivityRecord::check_filter(filter)?;
        match sums::failures(self, filter)? {
            Some(groups) => Ok(groups),
            None => one_by_one::failures(self, filter),
        }
    }

    fn totals_by(&mut self, by: &Grouping, filter: &Filter) -> Result<Vec<Total>> {
        ActivityRecord::check_filter(filter)?;
        match sums::totals_by(self, by, filter)? {
            Some(totals) => Ok(totals),
            None => one_by_one::totals_by(self, by, filter),
        }
    }

    fn event_types(&mut self, filter: &Filter) -> Result<Vec<TypeCount>> {
        EventRecord::check_filter(filter)?;
        match sums::event_types(self, filter)? {
            Some(types) => Ok(types),
            None => one_by_one::event_types(self, filter),
        }
    }

    fn buckets(
        &mut self,
        of: &Subject,
        quarters: Range<Quarter>,
        grain: Grain,
    ) -> Result<Vec<Bucket>> {
        let filter = during(of.filter(), quarters);
        match sums::buckets(self, &filter, grain)? {
            Some(buckets) => Ok(buckets),
            None => one_by_one::buckets(self, &filter),
        }
    }

    fn totals(&mut self, by: Dimension, quarters: Range<Quarter>) -> Result<Vec<Total>> {
        let filter = during(Filter::default(), quarters);
        match sums::totals(self, by, &filter)? {
            Some(totals) => Ok(totals),
            None => one_by_one::totals(self, by, &filter),
        }
    }

    fn turn_stats(
        &mut self,
        of: &Subject,
        quarters: Range<Quarter>,
        _grain: Grain,
    ) -> Result<TurnHistory> {
        let filter = during(of.filter(), quarters.clone());
        match sums::turn_stats(self, &filter)? {
            Some(stats) => Ok(TurnHistory::new(quarters.start, stats)),
            None => one_by_one::turn_stats(self, of, quarters),
        }
    }

    fn present(&mut self) -> Result<DateTime<Utc>> {
        self.options.check("read the store")?;
        Ok(self.now())
    }
}
