//! The read side: lists, trees, recordings, metrics and health.

mod activity;
mod check;
mod clock;
mod compile;
mod coverage;
mod event;
mod failures;
mod functions;
mod growth;
mod health;
mod interrupt;
mod list;
mod metrics;
mod recording;
mod row;
mod scan;
mod search;
mod spellings;
mod spool;
#[cfg(test)]
mod tests;
mod totals;
mod tree;

pub(super) use check::check_lock_files;
pub(crate) use spool::Spool;

use std::{
    collections::HashMap,
    ops::{Range, RangeInclusive},
    path::Path,
};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, ErrorCode, Rows, Transaction, params};

use self::{
    functions::prepare,
    interrupt::Interruptible,
    list::{ListedRecord, Query},
};
use crate::{
    error::{Error, Result},
    record::{
        ActivityId, ActivityRecord, ChunkRecord, EventRecord, Filter, Fingerprint, InstanceId,
        RecordingId, RecordingRecord,
    },
    store::{
        AccessToken, ActivitySample, AttributeSample, Bucket, Check, CommitPage, CountedActivity,
        Cursor, Descendants, Dimension, FailureGroup, Gaps, Grain, Grouping, Health, LARGEST_PAGE,
        List, Position, Quarter, ReadOptions, Reader, Record, Retention, Source, Subject, Total,
        TreePage, TurnHistory, TypeCount, Vitals,
        sqlite::{
            maintenance::{recompute, token},
            open::{
                connection::Role,
                file::{Access, Location, OpenFile},
                lock, unreadable_wal,
            },
        },
        sums::{QUARTER_US, numbers},
        timed_out,
    },
};

/// Reads a SQLite store.
#[derive(Debug)]
pub(crate) struct SqliteReader {
    /// In memory the writer's connection, else its own.
    access: Access,
    is_alive: IsAlive,
    options: ReadOptions,
}

/// Returns whether the process of an instance is alive.
type IsAlive = fn(Option<&Path>, InstanceId) -> bool;

const OPEN_INSTANCES: &str = "SELECT id, uuid FROM instance WHERE id IN \
     (SELECT instance FROM open UNION SELECT instance FROM recording WHERE status = 0)";
const IDS: &str = "SELECT id FROM activity WHERE id BETWEEN ?1 AND ?2 \
     UNION SELECT id FROM open WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3";

impl SqliteReader {
    /// Opens the read side of this place, which must exist.
    pub(super) fn open(location: &Location) -> Result<Self> {
        let access = match location {
            Location::Memory(connection) => Access::memory(connection.clone()),
            Location::File(path) => Access::file(OpenFile::for_path(path)?, Role::Read),
        };
        // Instances of a store in memory are always alive: it ends with their process.
        SqliteReader::new(access, |file, id| {
            file.is_none_or(|file| lock::is_alive(file, id))
        })
    }

    fn new(access: Access, is_alive: IsAlive) -> Result<Self> {
        let reader = SqliteReader {
            access,
            is_alive,
            options: ReadOptions::default(),
        };
        // Reports what is wrong with the file before it is read.
        let connection = reader.connection()?;
        if reader.access.open_file().is_none() {
            prepare(&connection).map_err(failed("register the SQL functions"))?;
        }
        drop(connection);
        Ok(reader)
    }

    /// Locks the connection.
    ///
    /// # Errors
    ///
    /// In a process that was forked from the one that opened it, and after the deadline of the read.
    fn connection(&self) -> Result<Interruptible<'_>> {
        Interruptible::new(self.access.lock(prepare)?, &self.options)
    }

    /// True if the process of an instance is alive.
    fn is_alive(&self, id: InstanceId) -> bool {
        (self.is_alive)(self.access.open_file().map(|file| file.path()), id)
    }

    /// True if the process of an instance is alive: of one with open records, as it was when the snapshot was made.
    fn is_alive_in(&self, view: &Snapshot<'_>, id: InstanceId) -> bool {
        view.alive.contains(&id) || (!view.dead.contains(&id) && self.is_alive(id))
    }

    /// Reads in one transaction, within which nothing changes.
    fn snapshot<T>(&self, read: impl FnOnce(&Snapshot<'_>) -> Result<T>) -> Result<T> {
        self.read_snapshot(read)
            .map_err(|error| error.with_path(self.access.path()))
    }

    /// Reads outside of a transaction; for a single statement.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        read(&*self.connection()?).map_err(|error| error.with_path(self.access.path()))
    }

    fn read_snapshot<T>(&self, read: impl FnOnce(&Snapshot<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.connection()?;
        let begin = "begin to read";
        let mut transaction = connection.transaction().map_err(failed(begin))?;
        let mut open = open_instances(&transaction)?;
        let mut dead = open.clone();
        dead.retain(|(_, id)| !self.is_alive(*id));
        if !dead.is_empty() {
            // An instance that shut down cleanly released its lock after its last commit. Only a snapshot that is newer
            // than the check of the locks is sure to see that its activities have ended.
            drop(transaction);
            transaction = connection.transaction().map_err(failed(begin))?;
            open = open_instances(&transaction)?;
            dead.retain(|one| open.contains(one));
        }
        open.retain(|one| !dead.contains(one));
        let now = clock::now(&transaction, self.options.now())?;
        let ids = |list: Vec<(i64, InstanceId)>| list.into_iter().map(|(_, id)| id).collect();
        read(&Snapshot {
            transaction,
            now,
            ahead_from: clock::ahead_from(now),
            alive_rows: serde_json::Value::from_iter(open.iter().map(|(row, _)| *row)).to_string(),
            alive: ids(open),
            dead: ids(dead),
        })
    }

    /// Compares the rows with the ledger, and the sums with the rows.
    fn compare(&self, progress: &mut dyn FnMut(f64)) -> Result<Check> {
        // Before the database: a commit reaches the database first, and then the lock file.
        let path = self.access.open_file().map(|file| file.path());
        let beside = (check::lock_counts(path), check::total_counts(path));
        let mut checked = {
            let mut connection = self.connection()?;
            let view = connection.transaction().map_err(failed("begin to check"))?;
            check::compare(&view, beside, &mut |part| progress(part / 2.0))?
        };
        if let Some(path) = path {
            checked.unread_commits =
                unreadable_wal::count_commits(&*self.connection()?, path, None);
        }
        let mut next = Some(i64::MIN);
        while let Some(from) = next {
            let mut connection = self.connection()?;
            let view = connection.transaction().map_err(failed("begin to check"))?;
            let quarters = recompute::compare(&view, from).map_err(failed("compare the sums"))?;
            checked.quarters += quarters.compared;
            for quarter in quarters.differing {
                let start = row::instant(quarter * QUARTER_US)?;
                checked.differing_quarters.push(start);
            }
            next = quarters.next;
            progress(0.5 + quarters.progress / 2.0);
        }
        Ok(checked)
    }
}

/// One transaction, in which the store does not change.
struct Snapshot<'a> {
    transaction: Transaction<'a>,
    now: DateTime<Utc>,
    /// Records dated from this instant on are ahead of `now`.
    ahead_from: DateTime<Utc>,
    /// Row ids of living instances that have open activities or recordings, as a JSON list.
    alive_rows: String,
    /// The ids of the same instances.
    alive: Vec<InstanceId>,
    /// The ids of dead instances that have open activities or recordings.
    dead: Vec<InstanceId>,
}

impl Snapshot<'_> {
    /// Runs a query whose rows are records.
    fn records<R: ListedRecord>(&self, (sql, values): Query) -> Result<Vec<R>> {
        let attempt = || failed(R::ATTEMPT);
        let mut statement = self.transaction.prepare_cached(&sql).map_err(attempt())?;
        let rows = statement
            .query(rusqlite::params_from_iter(values))
            .map_err(attempt())?;
        let mut records = Vec::new();
        self.read_into(&mut records, rows)?;
        Ok(records)
    }

    /// Reads the rows of a query as records.
    fn read_into<R: ListedRecord>(&self, records: &mut Vec<R>, mut rows: Rows<'_>) -> Result<()> {
        while let Some(row) = rows.next().map_err(failed(R::ATTEMPT))? {
            let mut record = R::read(row)?;
            record.set_ahead(record.at() >= self.ahead_from);
            records.push(record);
        }
        Ok(())
    }
}

impl<R: ListedRecord> Source<R> for SqliteReader {
    fn list(
        &mut self,
        filter: &Filter,
        cursor: Option<Cursor<R>>,
        limit: usize,
    ) -> Result<List<R>> {
        R::check_filter(filter)?;
        self.snapshot(|view| list::list(view, filter, cursor, limit.clamp(1, LARGEST_PAGE)))
    }

    fn after(
        &mut self,
        position: Position<R>,
        filter: &Filter,
        limit: usize,
    ) -> Result<CommitPage<R>> {
        R::check_filter(filter)?;
        self.snapshot(|view| list::after(view, position, filter, limit.clamp(1, LARGEST_PAGE)))
    }

    fn newest(&mut self) -> Result<Position<R>> {
        self.read(list::newest_position)
    }

    fn get(&mut self, id: R::Id) -> Result<Option<R>> {
        self.snapshot(|view| list::get(view, id))
    }
}

impl Reader for SqliteReader {
    fn options(&mut self) -> &mut ReadOptions {
        &mut self.options
    }

    fn ids(&mut self, range: RangeInclusive<ActivityId>, limit: usize) -> Result<Vec<ActivityId>> {
        let attempt = || failed("look up an activity ID");
        let limit = limit.clamp(1, LARGEST_PAGE);
        let (first, last) = range.into_inner();
        let values = params![first.as_bytes(), last.as_bytes(), limit as i64];
        self.read(|connection| {
            let mut statement = connection.prepare_cached(IDS).map_err(attempt())?;
            let ids = statement
                .query_map(values, |row| row.get(0).map(ActivityId::from_bytes))
                .map_err(attempt())?;
            ids.collect::<rusqlite::Result<_>>().map_err(attempt())
        })
    }

    fn tree(&mut self, root: ActivityId) -> Result<Vec<ActivityRecord>> {
        self.snapshot(|view| tree::tree(view, root))
    }

    fn tree_page(
        &mut self,
        root: ActivityId,
        filter: &Filter,
        after: Option<Cursor<ActivityRecord>>,
        limit: usize,
    ) -> Result<TreePage> {
        ActivityRecord::check_filter(filter)?;
        let limit = limit.clamp(1, LARGEST_PAGE);
        self.snapshot(|view| tree::page(view, root, filter, after, limit))
    }

    fn descendants(&mut self, roots: &[ActivityId], filter: &Filter) -> Result<Vec<Descendants>> {
        ActivityRecord::check_filter(filter)?;
        self.snapshot(|view| tree::descendants(view, roots, filter))
    }

    fn root_cause(
        &mut self,
        activity: &ActivityRecord,
        filter: &Filter,
    ) -> Result<Vec<ActivityRecord>> {
        ActivityRecord::check_filter(filter)?;
        self.snapshot(|view| tree::root_cause(view, activity, filter))
    }

    fn events_of(&mut self, activity: ActivityId, limit: usize) -> Result<Vec<EventRecord>> {
        self.snapshot(|view| event::of_activity(view, activity, limit.clamp(1, LARGEST_PAGE)))
    }

    fn recordings_of(&mut self, activity: ActivityId) -> Result<Vec<RecordingRecord>> {
        self.snapshot(|view| recording::of_activity(view, activity))
    }

    fn newest_recordings(
        &mut self,
        before: Option<RecordingId>,
        limit: usize,
    ) -> Result<Vec<RecordingRecord>> {
        self.snapshot(|view| recording::newest(view, before, limit.clamp(1, LARGEST_PAGE)))
    }

    fn recording(&mut self, id: RecordingId) -> Result<Option<RecordingRecord>> {
        self.snapshot(|view| recording::one(view, id))
    }

    fn recording_ids(
        &mut self,
        range: RangeInclusive<RecordingId>,
        limit: usize,
    ) -> Result<Vec<RecordingId>> {
        self.read(|connection| recording::ids(connection, &range, limit.clamp(1, LARGEST_PAGE)))
    }

    fn chunks(&mut self, id: RecordingId, from: u64, limit: usize) -> Result<Vec<ChunkRecord>> {
        self.read(|connection| {
            recording::chunks(connection, id, from, limit.clamp(1, LARGEST_PAGE))
        })
    }

    fn buckets(
        &mut self,
        of: &Subject,
        quarters: Range<Quarter>,
        grain: Grain,
    ) -> Result<Vec<Bucket>> {
        let (quarters, limit) = (numbers(&quarters), self.options.largest_scan());
        self.read(|connection| metrics::buckets(connection, of, quarters, grain, limit))
    }

    fn totals(&mut self, by: Dimension, quarters: Range<Quarter>) -> Result<Vec<Total>> {
        let (quarters, limit) = (numbers(&quarters), self.options.largest_scan());
        self.read(|connection| totals::totals(connection, by, quarters, limit))
    }

    fn turn_stats(
        &mut self,
        of: &Subject,
        quarters: Range<Quarter>,
        grain: Grain,
    ) -> Result<TurnHistory> {
        let (quarters, limit) = (numbers(&quarters), self.options.largest_scan());
        self.read(|connection| metrics::turn_history(connection, of, quarters, grain, limit))
    }

    fn gaps(&mut self, quarters: Range<Quarter>) -> Result<Gaps> {
        let (quarters, limit) = (numbers(&quarters), self.options.largest_scan());
        self.read(|connection| coverage::gaps(connection, &quarters, limit))
    }

    fn scan(&mut self, filter: &Filter, take: &mut dyn FnMut(ActivitySample)) -> Result<()> {
        ActivityRecord::check_filter(filter)?;
        self.read(|connection| scan::scan(connection, filter, take))
    }

    fn totals_by(&mut self, by: &Grouping, filter: &Filter) -> Result<Vec<Total>> {
        ActivityRecord::check_filter(filter)?;
        self.read(|connection| scan::totals_by(connection, by, filter))
    }

    fn scan_attributes(
        &mut self,
        filter: &Filter,
        take: &mut dyn FnMut(AttributeSample),
    ) -> Result<()> {
        ActivityRecord::check_filter(filter)?;
        self.read(|connection| scan::attributes(connection, filter, take))
    }

    fn failures(&mut self, filter: &Filter) -> Result<Vec<FailureGroup>> {
        ActivityRecord::check_filter(filter)?;
        let limit = self.options.largest_scan();
        self.snapshot(|view| failures::groups(view, filter, limit))
    }

    fn first_failures(
        &mut self,
        filter: &Filter,
        of: &[Fingerprint],
    ) -> Result<HashMap<Fingerprint, ActivityId>> {
        ActivityRecord::check_filter(filter)?;
        let limit = self.options.largest_scan();
        self.snapshot(|view| failures::first(view, filter, of, limit))
    }

    fn event_types(&mut self, filter: &Filter) -> Result<Vec<TypeCount>> {
        EventRecord::check_filter(filter)?;
        self.read(|connection| metrics::event_types(connection, filter))
    }

    fn oldest_quarter(&mut self) -> Result<Option<Quarter>> {
        let oldest = self.read(metrics::oldest_quarter)?;
        Ok(oldest.map(Quarter::from_number))
    }

    fn is_known(&mut self, subject: &Subject) -> Result<bool> {
        self.read(|connection| metrics::is_known(connection, subject))
    }

    fn present(&mut self) -> Result<DateTime<Utc>> {
        self.read(|connection| clock::now(connection, self.options.now()))
    }

    fn retention(&mut self) -> Result<Retention> {
        self.read(clock::retention)
    }

    fn tokens(&mut self) -> Result<Vec<AccessToken>> {
        self.read(|connection| token::read(connection).map_err(failed("read the tokens")))
    }

    fn health(&mut self) -> Result<Health> {
        self.snapshot(|view| {
            health::health(&view.transaction, view.now, &|id| {
                self.is_alive_in(view, id)
            })
        })
    }

    fn vitals(&mut self) -> Result<Vitals> {
        self.snapshot(|view| health::vitals(&view.transaction, &|id| self.is_alive_in(view, id)))
    }

    fn count_after(
        &mut self,
        position: Position<ActivityRecord>,
        filter: &Filter,
        limit: usize,
        take: &mut dyn FnMut(CountedActivity),
    ) -> Result<CommitPage<ActivityRecord>> {
        ActivityRecord::check_filter(filter)?;
        self.snapshot(|view| scan::count_after(&view.transaction, position, filter, limit, take))
    }

    fn check(&mut self, progress: &mut dyn FnMut(f64)) -> Result<Check> {
        self.compare(progress)
            .map_err(|error| error.with_path(self.access.path()))
    }

    fn integrity_errors(&mut self) -> Result<Vec<String>> {
        self.read(health::integrity_errors)
    }
}

/// Reads the row ids and ids of instances that have open activities or recordings.
fn open_instances(connection: &Connection) -> Result<Vec<(i64, InstanceId)>> {
    let attempt = || failed("read the instances of open activities");
    let statement = connection.prepare_cached(OPEN_INSTANCES);
    let mut statement = statement.map_err(attempt())?;
    statement
        .query_map((), |row| {
            Ok((row.get(0)?, InstanceId::from_bytes(row.get(1)?)))
        })
        .map_err(attempt())?
        .collect::<rusqlite::Result<_>>()
        .map_err(attempt())
}

/// Maps an error of SQLite to ours, which names what was attempted.
fn failed(attempt: &str) -> impl FnOnce(rusqlite::Error) -> Error + use<'_> {
    move |cause| {
        let error = match cause.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => timed_out(attempt),
            _ => Error::store(format!("could not {attempt}")),
        };
        error.with_source(cause)
    }
}
