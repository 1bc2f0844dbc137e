//! Lists of records: newest first by id, or in the order of commits.

use rusqlite::{Connection, Row, types::Value};

use super::{
    Snapshot,
    clock::parts,
    compile::Where,
    failed,
    search::{self, Search},
};
use crate::{
    error::Result,
    record::{Filter, Pattern},
    store::{
        Cursor, Followed, List, Position, Record,
        sqlite::write::commit_order::{self, Continuation},
    },
};

pub(super) const NEWEST_FIRST: &str = " ORDER BY a.id DESC LIMIT ?";
const COMMIT_ORDER: &str = " AND a.seq > ? AND a.seq <= ? ORDER BY a.seq LIMIT ?";
pub(super) const BY_ID: &str = "a.id = ?";

/// Up to this many projects are read one by one, each through its index, and merged.
const MERGED_PROJECTS: usize = 16;

/// How records stand in their table. All statements name it `a`.
pub(super) trait Stored: Record {
    /// What an error says that was attempted.
    const READ: &'static str;
    /// The columns of [`read`](Self::read).
    const COLUMNS: &'static str;
    /// Where they come from: by any index, by none but the row id's own, and those that the index for searching finds.
    const TABLE: &'static str;
    const BY_SEQ: &'static str;
    const FOUND: &'static str;
    /// Outer joins, so that the order of the tables is the order of reading; ends with `WHERE`.
    const JOINS: &'static str;
    /// The index for searching.
    const INDEX: &'static str;
    /// The last number in the order of commits.
    const NEWEST: &'static str;

    /// The filter as a condition.
    fn condition(filter: &Filter) -> Where;

    /// How the index for searching helps; `None` where it does not.
    fn search(
        connection: &Connection,
        filter: &Filter,
        cursor: Option<Cursor<Self>>,
    ) -> Result<Option<Search>>;

    /// Reads one row.
    fn read(row: &Row<'_>) -> Result<Self>;

    /// True where a filter may mean records that are committed.
    fn may_be_committed(_filter: &Filter) -> bool {
        true
    }

    /// Those that are not committed yet.
    fn open(
        _snapshot: &Snapshot<'_>,
        _filter: &Filter,
        _cursor: Option<Cursor<Self>>,
        _wanted: usize,
    ) -> Result<Vec<Self>> {
        Ok(Vec::new())
    }

    /// The one with this id that is not committed yet.
    fn open_one(_snapshot: &Snapshot<'_>, _id: Self::Id) -> Result<Vec<Self>> {
        Ok(Vec::new())
    }
}

/// The newest records.
pub(super) fn list<R: Stored>(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    cursor: Option<Cursor<R>>,
    limit: usize,
) -> Result<List<R>> {
    let mut records: Vec<R> = Vec::new();
    for (filter, cursor) in parts(filter, cursor, snapshot.ahead_from) {
        // One more than asked for tells whether there is a next page.
        let wanted = limit + 1 - records.len();
        records.extend(part(snapshot, &filter, cursor, wanted)?);
        if records.len() > limit {
            break;
        }
    }
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().map(Cursor::after_record);
    Ok(List::new(records, next.filter(|_| more)))
}

/// The newest records of one part of a list.
fn part<R: Stored>(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    cursor: Option<Cursor<R>>,
    wanted: usize,
) -> Result<Vec<R>> {
    let mut records = Vec::new();
    let committed = R::may_be_committed(filter);
    let search = match committed {
        true => R::search(&snapshot.transaction, filter, cursor)?,
        false => None,
    };
    if let Some(search) = &search {
        records.extend(found(snapshot, search, filter, cursor, wanted)?);
    }
    for filter in by_project(filter) {
        if committed && search.is_none() {
            records.extend(snapshot.records(newest(&filter, cursor, wanted))?);
        }
        records.extend(R::open(snapshot, &filter, cursor, wanted)?);
    }
    // The sort is stable, so of an activity that is in both tables the end stays. A project may be named twice.
    records.sort_by_key(|record| std::cmp::Reverse(record.id()));
    records.dedup_by_key(|record| record.id());
    records.truncate(wanted);
    Ok(records)
}

/// The newest records through the index, and of those that it has not come to.
fn found<R: Stored>(
    snapshot: &Snapshot<'_>,
    search: &Search,
    filter: &Filter,
    cursor: Option<Cursor<R>>,
    wanted: usize,
) -> Result<Vec<R>> {
    let mut records: Vec<R> = snapshot.records(newest_found(search, filter, cursor, wanted))?;
    if let Some(last) = records.last().filter(|_| records.len() == wanted) {
        // Within one microsecond the index has no order: what was cut off may come before what was not.
        let filter = search::within(filter, Cursor::after_record(last).key().started_at_us());
        records.extend(snapshot.records(newest(&filter, cursor, wanted))?);
    }
    records.extend(snapshot.records(newest_in_tail(search, filter, cursor, wanted))?);
    Ok(records)
}

/// What was committed after a place.
pub(super) fn after<R: Stored>(
    snapshot: &Snapshot<'_>,
    place: Position<R>,
    filter: &Filter,
    limit: usize,
) -> Result<Followed<R>> {
    let end = newest_place::<R>(&snapshot.transaction)?;
    let wait = || Ok(Followed::new(Vec::new(), place));
    let from = match place.log() {
        0 => place.seq(),
        log if log == end.log() => place.seq(),
        log => match commit_order::continuation(&snapshot.transaction, R::WHAT, log, place.seq())
            .map_err(failed("read where another log goes on"))?
        {
            Some(Continuation::After(seq)) if seq <= end.seq() => seq,
            // What goes on here is not there yet.
            Some(_) => return wait(),
            // No log has written to this file yet: the one that will says where others go on.
            None if end.log() == 0 => return wait(),
            None => return Ok(Followed::restarted(end)),
        },
    };
    if from > end.seq() {
        return Ok(Followed::restarted(end));
    }
    let mut records: Vec<R> = Vec::new();
    if end.seq() > from && R::may_be_committed(filter) {
        records = snapshot.records(commits::<R>(filter, from, end.seq(), limit))?;
    }
    // A full answer was cut off at its last record; any other has looked at everything.
    let cut_off = records.last().filter(|_| records.len() == limit);
    let next = cut_off.and_then(Record::seq).unwrap_or(end.seq());
    Ok(Followed::new(records, Position::new(end.log(), next)))
}

/// The place of the newest commit.
pub(super) fn newest_place<R: Stored>(connection: &Connection) -> Result<Position<R>> {
    let newest = || {
        let seq = connection
            .prepare_cached(R::NEWEST)?
            .query_row((), |row| row.get(0))?;
        Ok(Position::new(commit_order::id(connection)?, seq))
    };
    newest().map_err(failed("read the newest commit"))
}

/// The record with this id.
pub(super) fn get<R: Stored>(snapshot: &Snapshot<'_>, id: R::Id) -> Result<Option<R>> {
    let sql = [R::COLUMNS, R::TABLE, R::JOINS, BY_ID].concat();
    let values = vec![Value::from(R::id_bytes(id).to_vec())];
    let mut records = snapshot.records((sql, values))?;
    if records.is_empty() {
        records = R::open_one(snapshot, id)?;
    }
    Ok(records.into_iter().next())
}

pub(super) type Query = (String, Vec<Value>);

pub(super) fn newest<R: Stored>(
    filter: &Filter,
    cursor: Option<Cursor<R>>,
    wanted: usize,
) -> Query {
    let clause = before(R::condition(filter), cursor);
    let mut values = clause.values;
    values.push(Value::from(wanted as i64));
    let sql = [R::COLUMNS, R::TABLE, R::JOINS, &clause.sql, NEWEST_FIRST].concat();
    (sql, values)
}

pub(super) fn newest_found<R: Stored>(
    search: &Search,
    filter: &Filter,
    cursor: Option<Cursor<R>>,
    wanted: usize,
) -> Query {
    let clause = before(R::condition(filter), cursor);
    let mut values = search.values();
    values.extend(clause.values);
    values.push(Value::from(wanted as i64));
    let condition = [R::INDEX, search::CONDITION, " AND ", &clause.sql].concat();
    let sql = [
        R::COLUMNS,
        R::FOUND,
        R::JOINS,
        &condition,
        search::NEWEST_FIRST,
    ]
    .concat();
    (sql, values)
}

fn newest_in_tail<R: Stored>(
    search: &Search,
    filter: &Filter,
    cursor: Option<Cursor<R>>,
    wanted: usize,
) -> Query {
    let clause = before(R::condition(filter), cursor);
    let mut values = clause.values;
    values.extend([search.followed, wanted as i64].map(Value::from));
    let sql = [R::COLUMNS, R::BY_SEQ, R::JOINS, &clause.sql, search::TAIL].concat();
    (sql, values)
}

pub(super) fn commits<R: Stored>(filter: &Filter, after: i64, up_to: i64, limit: usize) -> Query {
    let clause = R::condition(filter);
    let mut values = clause.values;
    values.extend([after, up_to, limit as i64].map(Value::from));
    let sql = [R::COLUMNS, R::BY_SEQ, R::JOINS, &clause.sql, COMMIT_ORDER].concat();
    (sql, values)
}

pub(super) fn before<R: Record>(mut clause: Where, cursor: Option<Cursor<R>>) -> Where {
    if let Some(cursor) = cursor {
        clause.before(cursor.key());
    }
    clause
}

/// The filter as one for each project, where it names a few: the index is in the list's order only
/// within one project.
fn by_project(filter: &Filter) -> Vec<Filter> {
    let projects = &filter.project.any_of;
    let named = projects.iter().all(|project| project.as_exact().is_some());
    if !named || !(2..=MERGED_PROJECTS).contains(&projects.len()) {
        return vec![filter.clone()];
    }
    let one = |project: &Pattern| {
        let mut one = filter.clone();
        one.project.any_of = vec![project.clone()];
        one
    };
    projects.iter().map(one).collect()
}
