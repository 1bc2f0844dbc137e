//! Lists of records: newest first by id, or in commit order.

use std::ops::ControlFlow;

use rusqlite::{Connection, Row, types::Value};

use super::{
    Snapshot,
    clock::split_ahead,
    compile::Where,
    failed,
    search::{self, Search},
    spellings,
};
use crate::{
    error::Result,
    record::{Filter, Pattern},
    store::{
        CommitPage, Cursor, List, Position, Record,
        sqlite::{
            last_seqs::LastSeqs,
            maintenance::search::start_of,
            write::commit_order::{self, Continuation},
        },
    },
};

pub(super) const NEWEST_FIRST: &str = " ORDER BY a.id DESC LIMIT ?";
const COMMIT_ORDER: &str = " AND a.seq > ? AND a.seq <= ? ORDER BY a.seq LIMIT ?";
pub(super) const BY_ID: &str = "a.id = ?";

/// Up to this many projects are read one by one, each through its index, and merged.
const MERGED_PROJECTS: usize = 16;

/// A kind of record with the SQL that reads it. All statements have its table under the alias `a`.
pub(super) trait ListedRecord: Record {
    /// What was attempted, for errors.
    const ATTEMPT: &'static str;
    /// The columns of [`read`](Self::read).
    const COLUMNS: &'static str;
    /// The table, read through any index.
    const TABLE: &'static str;
    /// The table, read in the order of its row ids.
    const BY_SEQ: &'static str;
    /// The condition for ids from the first to before the second parameter.
    const OF_START: &'static str;
    /// Outer joins, so that SQLite reads the tables in this order; ends with `WHERE`.
    const JOINS: &'static str;
    /// Finds entries of the full-text index, newest first: an FTS5 expression, the first and the last rowid.
    const SEARCH: &'static str;

    /// Compiles a filter.
    fn condition(filter: &Filter) -> Where;

    /// A search of the full-text index; `None` if it does not help with this filter.
    fn search(
        connection: &Connection,
        filter: &Filter,
        cursor: Option<Cursor<Self>>,
    ) -> Result<Option<Search>>;

    /// A condition on the row ids that a filter on a side table leaves. `None` without one, or if the table has many rows.
    fn candidates(_connection: &Connection, _filter: &Filter) -> Result<Option<&'static str>> {
        Ok(None)
    }

    /// Reads one row.
    fn read(row: &Row<'_>) -> Result<Self>;

    /// True if the filter can match committed records.
    fn may_be_committed(_filter: &Filter) -> bool {
        true
    }

    /// Reads the matching records that have not ended.
    fn open(
        _snapshot: &Snapshot<'_>,
        _filter: &Filter,
        _cursor: Option<Cursor<Self>>,
        _wanted: usize,
    ) -> Result<Vec<Self>> {
        Ok(Vec::new())
    }

    /// Reads the record with this id if it has not ended.
    fn open_one(_snapshot: &Snapshot<'_>, _id: Self::Id) -> Result<Vec<Self>> {
        Ok(Vec::new())
    }
}

/// Reads a page of the newest records.
pub(super) fn list<R: ListedRecord>(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    cursor: Option<Cursor<R>>,
    limit: usize,
) -> Result<List<R>> {
    let filter = spellings::resolve(&snapshot.transaction, filter, R::KIND)?;
    let mut records: Vec<R> = Vec::new();
    for (filter, cursor) in split_ahead(&filter, cursor, snapshot.ahead_from) {
        // One more than requested, to know whether there is a next page.
        let wanted = limit + 1 - records.len();
        records.extend(list_part(snapshot, &filter, cursor, wanted)?);
        if records.len() > limit {
            break;
        }
    }
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().map(Cursor::after_record);
    Ok(List::new(records, next.filter(|_| more)))
}

/// Reads the newest records of one part of a list.
fn list_part<R: ListedRecord>(
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
        records.extend(searched(snapshot, search, filter, cursor, wanted)?);
    }
    for filter in by_project(filter) {
        if committed && search.is_none() {
            let query = match R::candidates(&snapshot.transaction, &filter)? {
                Some(candidates) => newest_of(candidates, &filter, cursor, wanted),
                None => newest(&filter, cursor, wanted),
            };
            records.extend(snapshot.records(query)?);
        }
        records.extend(R::open(snapshot, &filter, cursor, wanted)?);
    }
    // Activities in both tables: the sort is stable, so the ended one is kept. Projects may be given twice, too.
    records.sort_by_key(|record| std::cmp::Reverse(record.id()));
    records.dedup_by_key(|record| record.id());
    records.truncate(wanted);
    Ok(records)
}

/// Reads the newest records through the full-text index, and the matching ones that are not indexed yet.
fn searched<R: ListedRecord>(
    snapshot: &Snapshot<'_>,
    search: &Search,
    filter: &Filter,
    cursor: Option<Cursor<R>>,
    wanted: usize,
) -> Result<Vec<R>> {
    let attempt = || failed(R::ATTEMPT);
    let transaction = &snapshot.transaction;
    let mut found = transaction.prepare_cached(R::SEARCH).map_err(attempt())?;
    let values = rusqlite::params_from_iter(search.values());
    let mut entries = found.query(values).map_err(attempt())?;

    let (sql, values) = of_start(filter, cursor);
    let mut statement = transaction.prepare_cached(&sql).map_err(attempt())?;
    for (parameter, value) in (1..).zip(&values) {
        statement
            .raw_bind_parameter(parameter, value)
            .map_err(attempt())?;
    }
    let (mut records, mut last) = (Vec::new(), None);
    while records.len() < wanted
        && let Some(entry) = entries.next().map_err(attempt())?
    {
        let us = start_of(entry.get(0).map_err(attempt())?);
        // A microsecond may have several entries.
        if last.replace(us) == Some(us) {
            continue;
        }
        for (parameter, id) in (values.len() + 1..).zip(search::ids_of_start(us)) {
            statement
                .raw_bind_parameter(parameter, id)
                .map_err(attempt())?;
        }
        snapshot.read_into(&mut records, statement.raw_query())?;
    }
    records.extend(snapshot.records(newest_unindexed(search, filter, cursor, wanted))?);
    Ok(records)
}

/// Reads the records committed after a position.
pub(super) fn after<R: ListedRecord>(
    snapshot: &Snapshot<'_>,
    position: Position<R>,
    filter: &Filter,
    limit: usize,
) -> Result<CommitPage<R>> {
    let end = newest_position::<R>(&snapshot.transaction)?;
    let from = match resume(&snapshot.transaction, position, end)? {
        ControlFlow::Continue(from) => from,
        ControlFlow::Break(page) => return Ok(page),
    };
    let mut records: Vec<R> = Vec::new();
    if end.seq() > from && R::may_be_committed(filter) {
        let filter = spellings::resolve(&snapshot.transaction, filter, R::KIND)?;
        records = snapshot.records(commits::<R>(&filter, from, end.seq(), limit))?;
    }
    // A full page ends at its last record, any other at the newest commit.
    let cut_off = records.last().filter(|_| records.len() == limit);
    let next = cut_off.and_then(Record::seq).unwrap_or(end.seq());
    Ok(CommitPage::new(records, Position::new(end.log(), next)))
}

/// Finds the seq to continue after, or the page that says why there is none. `end` is the newest position.
pub(super) fn resume<R: Record>(
    connection: &Connection,
    position: Position<R>,
    end: Position<R>,
) -> Result<ControlFlow<CommitPage<R>, i64>> {
    let wait = || Ok(ControlFlow::Break(CommitPage::new(Vec::new(), position)));
    let from = match position.is_in_log_of(end) {
        true => position.seq(),
        false => {
            let (log, seq) = (position.log(), position.seq());
            match commit_order::continuation(connection, R::KIND, log, seq).map_err(failed(
                "read where the commit order of another file continues",
            ))? {
                Some(Continuation::After(seq)) if seq <= end.seq() => seq,
                // Its continuation is not in this file yet.
                Some(_) => return wait(),
                // No log has written to this file yet. The first one will record where other orders continue.
                None if end.log() == 0 => return wait(),
                None => return Ok(ControlFlow::Break(CommitPage::restarted(end))),
            }
        }
    };
    Ok(match from > end.seq() {
        true => ControlFlow::Break(CommitPage::restarted(end)),
        false => ControlFlow::Continue(from),
    })
}

/// Reads the position of the newest commit.
pub(super) fn newest_position<R: ListedRecord>(connection: &Connection) -> Result<Position<R>> {
    let newest = || {
        let seq = LastSeqs::read(connection)?.of_records(R::KIND);
        Ok(Position::new(commit_order::id(connection)?, seq))
    };
    newest().map_err(failed("read the newest commit"))
}

/// Reads the record with this id.
pub(super) fn get<R: ListedRecord>(snapshot: &Snapshot<'_>, id: R::Id) -> Result<Option<R>> {
    let sql = [R::COLUMNS, R::TABLE, R::JOINS, BY_ID].concat();
    let values = vec![Value::from(R::id_bytes(id).to_vec())];
    let mut records = snapshot.records((sql, values))?;
    if records.is_empty() {
        records = R::open_one(snapshot, id)?;
    }
    Ok(records.into_iter().next())
}

/// A statement and its parameters.
pub(super) type Query = (String, Vec<Value>);

/// The query for the newest records.
pub(super) fn newest<R: ListedRecord>(
    filter: &Filter,
    cursor: Option<Cursor<R>>,
    wanted: usize,
) -> Query {
    let clause = before(R::condition(filter), cursor);
    select::<R>(R::TABLE, clause, NEWEST_FIRST, &[wanted as i64])
}

/// The query for the newest records among a few candidates: a condition on their row ids.
pub(super) fn newest_of<R: ListedRecord>(
    candidates: &str,
    filter: &Filter,
    cursor: Option<Cursor<R>>,
    wanted: usize,
) -> Query {
    let clause = before(R::condition(filter), cursor);
    let rest = [" AND ", candidates, NEWEST_FIRST].concat();
    select::<R>(R::BY_SEQ, clause, &rest, &[wanted as i64])
}

/// The query for the records that start in one microsecond, in any order. Its last two parameters are the bounds of their ids:
/// in a query of their own, as the filter has bounds, too.
pub(super) fn of_start<R: ListedRecord>(filter: &Filter, cursor: Option<Cursor<R>>) -> Query {
    let clause = before(R::condition(filter), cursor);
    select::<R>(R::BY_SEQ, clause, R::OF_START, &[])
}

/// The query for the newest records beyond the watermark of the index.
fn newest_unindexed<R: ListedRecord>(
    search: &Search,
    filter: &Filter,
    cursor: Option<Cursor<R>>,
    wanted: usize,
) -> Query {
    let clause = before(R::condition(filter), cursor);
    let values = [search.indexed_up_to, wanted as i64];
    select::<R>(R::BY_SEQ, clause, search::UNINDEXED, &values)
}

/// The query for records in commit order.
pub(super) fn commits<R: ListedRecord>(
    filter: &Filter,
    after: i64,
    up_to: i64,
    limit: usize,
) -> Query {
    let values = [after, up_to, limit as i64];
    select::<R>(R::BY_SEQ, R::condition(filter), COMMIT_ORDER, &values)
}

/// Selects records of a table. `rest` follows the conditions, `values` are its parameters.
fn select<R: ListedRecord>(table: &str, clause: Where, rest: &str, values: &[i64]) -> Query {
    let sql = [R::COLUMNS, table, R::JOINS, &clause.sql, rest].concat();
    let mut bound = clause.values;
    bound.extend(values.iter().copied().map(Value::from));
    (sql, bound)
}

/// Restricts a clause to the records after the cursor of a list, which are older.
pub(super) fn before<R: Record>(mut clause: Where, cursor: Option<Cursor<R>>) -> Where {
    if let Some(cursor) = cursor {
        clause.before(cursor.key());
    }
    clause
}

/// Splits a filter on a few projects into one filter per project: the index is in the list's order only within one project.
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
