//! The read side: pages, trees, what was committed since, and how the store stands.

mod activity;
mod check;
mod clock;
mod compile;
mod event;
mod growth;
mod health;
mod interrupt;
mod list;
mod metrics;
mod recording;
mod row;
mod scan;
mod search;
#[cfg(test)]
mod tests;
mod tree;

pub(super) use check::check_lock_files;

use std::{
    ops::{Range, RangeInclusive},
    path::Path,
};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, ErrorCode, Transaction, functions::FunctionFlags, params};

use self::{
    interrupt::Interruptible,
    list::{Query, Stored},
    row::{COLUMNS, ENDED, JOINS, OPEN},
};
use crate::{
    error::{Error, Result},
    record::{
        ActivityId, ActivityRecord, ChunkRecord, EventRecord, Filter, InstanceId, RecordingId,
        RecordingRecord, as_words,
    },
    store::{
        Bucket, Check, Cursor, Dimension, Followed, Grain, Health, LARGEST_PAGE, List, Pace,
        Position, Quarter, ReadOptions, Reader, Record, Retention, Source, Subject, Tallied, Total,
        TreePage, TypeCount, during,
        meaning::{QUARTER_US, numbers},
        sqlite::{
            maintenance::recompute,
            open::{
                connection::Role,
                file::{Access, Location, OpenFile},
                lock, unreadable_wal,
            },
        },
        sums, timed_out,
    },
};

/// A connection that only reads.
#[derive(Debug)]
pub(crate) struct SqliteReader {
    /// Shared with the writer where the store is in memory, else its own.
    access: Access,
    alive: Alive,
    options: ReadOptions,
}

/// Says of a log's instance whether its process lives.
type Alive = fn(Option<&Path>, InstanceId) -> bool;

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
        // The process that could die takes a store in memory along.
        SqliteReader::new(access, |file, id| {
            file.is_none_or(|file| lock::is_alive(file, id))
        })
    }

    fn new(access: Access, alive: Alive) -> Result<Self> {
        let reader = SqliteReader {
            access,
            alive,
            options: ReadOptions::default(),
        };
        // Says what is wrong with a file before it is read.
        let connection = reader.connection()?;
        if reader.access.open_file().is_none() {
            prepare(&connection).map_err(failed("prepare to search words"))?;
        }
        drop(connection);
        Ok(reader)
    }

    /// The connection, unless it is the copy of a parent's, or whoever asks has given up.
    fn connection(&self) -> Result<Interruptible<'_>> {
        Interruptible::new(self.access.lock(prepare)?, &self.options)
    }

    /// True while the process of an instance lives.
    fn is_alive(&self, id: InstanceId) -> bool {
        (self.alive)(self.access.open_file().map(|file| file.path()), id)
    }

    /// Reads in one view of the store: nothing changes in between.
    fn snapshot<T>(&self, read: impl FnOnce(&Snapshot<'_>) -> Result<T>) -> Result<T> {
        self.view(read)
            .map_err(|error| error.of(self.access.path()))
    }

    /// Reads what one statement answers.
    fn ask<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        read(&*self.connection()?).map_err(|error| error.of(self.access.path()))
    }

    fn view<T>(&self, read: impl FnOnce(&Snapshot<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.connection()?;
        let begin = "begin to read";
        let mut transaction = connection.transaction().map_err(failed(begin))?;
        let mut open = open_instances(&transaction)?;
        let mut dead = open.clone();
        dead.retain(|(_, id)| !self.is_alive(*id));
        if !dead.is_empty() {
            // One that ended in good order has let go of its lock after its last commit: only in a view that is
            // newer than what the locks say are its activities seen to have ended.
            drop(transaction);
            transaction = connection.transaction().map_err(failed(begin))?;
            open = open_instances(&transaction)?;
            dead.retain(|one| open.contains(one));
        }
        open.retain(|one| !dead.contains(one));
        let present = clock::present(&transaction, self.options.now())?;
        let ids = |list: Vec<(i64, InstanceId)>| list.into_iter().map(|(_, id)| id).collect();
        read(&Snapshot {
            transaction,
            present,
            ahead_from: clock::ahead_from(present),
            alive: serde_json::Value::from_iter(open.iter().map(|(row, _)| *row)).to_string(),
            living: ids(open),
            dead: ids(dead),
        })
    }

    /// Compares the rows with the ledger and the sums.
    fn compare(&self, progress: &mut dyn FnMut(f64)) -> Result<Check> {
        // Before the database, which is committed first.
        let path = self.access.open_file().map(|file| file.path());
        let beside = (check::witnesses(path), check::total(path));
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

/// One view of the store.
struct Snapshot<'a> {
    transaction: Transaction<'a>,
    present: DateTime<Utc>,
    /// From when on what is dated so is dated ahead of it.
    ahead_from: DateTime<Utc>,
    /// A JSON list of the row ids of living instances that have open activities.
    alive: String,
    /// The same, by their ids.
    living: Vec<InstanceId>,
    /// Dead instances that have open activities.
    dead: Vec<InstanceId>,
}

impl Snapshot<'_> {
    /// Runs a query whose rows are records.
    fn records<R: Stored>(&self, (sql, values): Query) -> Result<Vec<R>> {
        let attempt = || failed(R::READ);
        let mut statement = self.transaction.prepare_cached(&sql).map_err(attempt())?;
        let mut rows = statement
            .query(rusqlite::params_from_iter(values))
            .map_err(attempt())?;
        let mut records = Vec::new();
        while let Some(row) = rows.next().map_err(attempt())? {
            let mut record = R::read(row)?;
            record.set_ahead(record.at() >= self.ahead_from);
            records.push(record);
        }
        Ok(records)
    }

    /// Ended and open activities of which one condition on an id holds.
    fn both(&self, condition: &str, id: ActivityId) -> Result<Vec<ActivityRecord>> {
        let id = rusqlite::types::Value::from(id.as_bytes().to_vec());
        let ended = [COLUMNS, ENDED, JOINS, condition].concat();
        let mut records = self.records((ended, vec![id.clone()]))?;
        let open = [COLUMNS, OPEN, JOINS, condition].concat();
        records
            .extend(self.records::<ActivityRecord>((open, vec![self.alive.clone().into(), id]))?);
        Ok(records)
    }
}

impl<R: Stored> Source<R> for SqliteReader {
    fn list(
        &mut self,
        filter: &Filter,
        cursor: Option<Cursor<R>>,
        limit: usize,
    ) -> Result<List<R>> {
        R::check(filter)?;
        self.snapshot(|view| list::list(view, filter, cursor, limit.clamp(1, LARGEST_PAGE)))
    }

    fn after(&mut self, place: Position<R>, filter: &Filter, limit: usize) -> Result<Followed<R>> {
        R::check(filter)?;
        self.snapshot(|view| list::after(view, place, filter, limit.clamp(1, LARGEST_PAGE)))
    }

    fn newest(&mut self) -> Result<Position<R>> {
        self.ask(list::newest_place)
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
        let attempt = || failed("look for an activity's id");
        let limit = limit.clamp(1, LARGEST_PAGE);
        let (first, last) = range.into_inner();
        let values = params![first.as_bytes(), last.as_bytes(), limit as i64];
        self.ask(|connection| {
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
        ActivityRecord::check(filter)?;
        let limit = limit.clamp(1, LARGEST_PAGE);
        self.snapshot(|view| tree::page(view, root, filter, after, limit))
    }

    fn events_of(&mut self, activity: ActivityId, limit: usize) -> Result<Vec<EventRecord>> {
        self.snapshot(|view| event::of_activity(view, activity, limit.clamp(1, LARGEST_PAGE)))
    }

    fn recordings_of(&mut self, activity: ActivityId) -> Result<Vec<RecordingRecord>> {
        self.snapshot(|view| recording::of_activity(view, activity))
    }

    fn recording(&mut self, id: RecordingId) -> Result<Option<RecordingRecord>> {
        self.snapshot(|view| recording::one(view, id))
    }

    fn recording_ids(
        &mut self,
        range: RangeInclusive<RecordingId>,
        limit: usize,
    ) -> Result<Vec<RecordingId>> {
        self.ask(|connection| recording::ids(connection, &range, limit.clamp(1, LARGEST_PAGE)))
    }

    fn chunks(&mut self, id: RecordingId, from: u64, limit: usize) -> Result<Vec<ChunkRecord>> {
        self.ask(|connection| recording::chunks(connection, id, from, limit.clamp(1, LARGEST_PAGE)))
    }

    fn buckets(
        &mut self,
        of: &Subject,
        quarters: Range<Quarter>,
        grain: Grain,
    ) -> Result<Vec<Bucket>> {
        self.ask(|connection| metrics::buckets(connection, of, numbers(&quarters), grain))
    }

    fn totals(&mut self, by: Dimension, quarters: Range<Quarter>) -> Result<Vec<Total>> {
        self.ask(|connection| metrics::totals(connection, by, numbers(&quarters)))
    }

    fn paces(&mut self, of: &Subject, quarters: Range<Quarter>, grain: Grain) -> Result<Vec<Pace>> {
        let kept =
            self.ask(|connection| metrics::paces(connection, of, numbers(&quarters), grain))?;
        match kept {
            Some(paces) => Ok(paces),
            None => Ok(sums(self, &during(of.filter(), quarters))?.1),
        }
    }

    fn tally(&mut self, filter: &Filter, take: &mut dyn FnMut(Tallied)) -> Result<()> {
        ActivityRecord::check(filter)?;
        self.ask(|connection| scan::scan(connection, filter, take))
    }

    fn event_types(&mut self, filter: &Filter) -> Result<Vec<TypeCount>> {
        EventRecord::check(filter)?;
        self.ask(|connection| metrics::event_types(connection, filter))
    }

    fn oldest_quarter(&mut self) -> Result<Option<Quarter>> {
        let oldest = self.ask(metrics::oldest_quarter)?;
        Ok(oldest.map(Quarter::from_number))
    }

    fn is_known(&mut self, subject: &Subject) -> Result<bool> {
        self.ask(|connection| metrics::is_known(connection, subject))
    }

    fn present(&mut self) -> Result<DateTime<Utc>> {
        self.ask(|connection| clock::present(connection, self.options.now()))
    }

    fn retention(&mut self) -> Result<Retention> {
        self.ask(clock::retention)
    }

    fn health(&mut self) -> Result<Health> {
        self.snapshot(|view| {
            let alive =
                |id| view.living.contains(&id) || (!view.dead.contains(&id) && self.is_alive(id));
            health::health(&view.transaction, view.present, &alive)
        })
    }

    fn check(&mut self, progress: &mut dyn FnMut(f64)) -> Result<Check> {
        self.compare(progress)
            .map_err(|error| error.of(self.access.path()))
    }

    fn integrity_errors(&mut self) -> Result<Vec<String>> {
        self.ask(health::integrity_errors)
    }
}

/// Makes the functions that questions are asked with.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("activity_has_word", 2, flags, |context| {
        let text = context.get_raw(0).as_str_or_null()?;
        let word = context.get_raw(1).as_str()?;
        Ok(text.map(|text| as_words(text).contains(word)))
    })?;
    connection.create_scalar_function("activity_first_id", 1, flags, |context| {
        context.get(0).map(search::first_id)
    })
}

/// The instances that have open activities or recordings: row id and id.
fn open_instances(connection: &Connection) -> Result<Vec<(i64, InstanceId)>> {
    let attempt = || failed("read the instances of open activities");
    let mut statement = connection
        .prepare_cached(OPEN_INSTANCES)
        .map_err(attempt())?;
    statement
        .query_map((), |row| {
            Ok((row.get(0)?, InstanceId::from_bytes(row.get(1)?)))
        })
        .map_err(attempt())?
        .collect::<rusqlite::Result<_>>()
        .map_err(attempt())
}

/// An error that says what was attempted.
fn failed(attempt: &str) -> impl FnOnce(rusqlite::Error) -> Error + use<'_> {
    move |cause| {
        let error = match cause.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => timed_out(attempt),
            _ => Error::store(format!("could not {attempt}")),
        };
        error.with_source(cause)
    }
}
