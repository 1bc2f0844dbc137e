//! Lists: newest first by id, or in the order of commits.

use rusqlite::types::Value;

use super::{
    Snapshot,
    compile::{Table, Where},
    newest_seq,
    present::parts,
    row::{COLUMNS, ENDED, ENDED_BY_SEQ, ENDED_FOUND, JOINS, OPEN},
    search::{self, Search},
};
use crate::{
    error::Result,
    record::{ActivityRecord, Filter, Pattern, Status},
    store::{Cursor, Followed, Page},
};

const NEWEST_FIRST: &str = " ORDER BY a.id DESC LIMIT ?";
const COMMIT_ORDER: &str = " AND a.seq > ? AND a.seq <= ? ORDER BY a.seq LIMIT ?";

/// Up to this many projects are read one by one, each through its index, and merged.
const MERGED_PROJECTS: usize = 16;

/// The newest activities, open and ended.
pub(super) fn page(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    cursor: Option<Cursor>,
    limit: usize,
) -> Result<Page> {
    let mut activities = Vec::new();
    for (filter, cursor) in parts(filter, cursor, snapshot.ahead_from) {
        // One more than asked for tells whether there is a next page.
        let wanted = limit + 1 - activities.len();
        activities.extend(part(snapshot, &filter, cursor, wanted)?);
        if activities.len() > limit {
            break;
        }
    }
    let more = activities.len() > limit;
    activities.truncate(limit);
    let cursor = |last: &ActivityRecord| Cursor::after(last.id).in_ahead(last.ahead);
    Ok(Page {
        next: activities.last().map(cursor).filter(|_| more),
        activities,
    })
}

/// The newest activities of one part of a list.
fn part(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    cursor: Option<Cursor>,
    wanted: usize,
) -> Result<Vec<ActivityRecord>> {
    let mut records = Vec::new();
    let ended = any_status(filter, &ENDED_STATUSES);
    let search = match ended {
        true => Search::activities(&snapshot.transaction, filter, cursor)?,
        false => None,
    };
    if let Some(search) = &search {
        records.extend(found(snapshot, search, filter, cursor, wanted)?);
    }
    for filter in by_project(filter) {
        if ended && search.is_none() {
            let (sql, values) = newest_ended(&filter, cursor, wanted);
            records.extend(snapshot.records(&sql, values)?);
        }
        if any_status(&filter, &OPEN_STATUSES) {
            let (sql, values) = newest_open(&filter, cursor, wanted, &snapshot.alive);
            records.extend(snapshot.records(&sql, values)?);
        }
    }
    // The sort is stable, so of an activity that is in both tables the end stays.
    records.sort_by_key(|record| std::cmp::Reverse(record.id));
    records.dedup_by_key(|record| record.id);
    records.truncate(wanted);
    Ok(records)
}

/// The newest ended activities through the index, and of those that it has not come to.
fn found(
    snapshot: &Snapshot<'_>,
    search: &Search,
    filter: &Filter,
    cursor: Option<Cursor>,
    wanted: usize,
) -> Result<Vec<ActivityRecord>> {
    let (sql, values) = newest_found(search, filter, cursor, wanted);
    let mut records = snapshot.records(&sql, values)?;
    if let Some(last) = records.last().filter(|_| records.len() == wanted) {
        // Within one microsecond the index has no order: what was cut off may come before what was not.
        let filter = search::within(filter, last.id.started_at_us());
        let (sql, values) = newest_ended(&filter, cursor, wanted);
        records.extend(snapshot.records(&sql, values)?);
    }
    let (sql, values) = newest_in_tail(search, filter, cursor, wanted);
    records.extend(snapshot.records(&sql, values)?);
    Ok(records)
}

/// What was committed after `seq`.
pub(super) fn after(
    snapshot: &Snapshot<'_>,
    seq: i64,
    filter: &Filter,
    limit: usize,
) -> Result<Followed> {
    let newest = newest_seq(&snapshot.transaction)?;
    let mut activities = Vec::new();
    if newest > seq && any_status(filter, &ENDED_STATUSES) {
        let (sql, values) = commits(filter, seq, newest, limit);
        activities = snapshot.records(&sql, values)?;
    }
    // A full answer was cut off at its last activity; any other has looked at everything.
    let cut_off = activities.last().filter(|_| activities.len() == limit);
    let seq = cut_off.and_then(|last| last.seq).unwrap_or(newest);
    Ok(Followed { activities, seq })
}

pub(super) type Query = (String, Vec<Value>);

pub(super) fn newest_ended(filter: &Filter, cursor: Option<Cursor>, wanted: usize) -> Query {
    let clause = before(filter, Table::Ended, cursor);
    let mut values = clause.values;
    values.push(Value::from(wanted as i64));
    let sql = [COLUMNS, ENDED, JOINS, &clause.sql, NEWEST_FIRST].concat();
    (sql, values)
}

pub(super) fn newest_found(
    search: &Search,
    filter: &Filter,
    cursor: Option<Cursor>,
    wanted: usize,
) -> Query {
    let clause = before(filter, Table::Ended, cursor);
    let mut values = search.values();
    values.extend(clause.values);
    values.push(Value::from(wanted as i64));
    let condition = ["activity_search", search::CONDITION, " AND ", &clause.sql].concat();
    let sql = [
        COLUMNS,
        ENDED_FOUND,
        JOINS,
        &condition,
        search::NEWEST_FIRST,
    ]
    .concat();
    (sql, values)
}

fn newest_in_tail(
    search: &Search,
    filter: &Filter,
    cursor: Option<Cursor>,
    wanted: usize,
) -> Query {
    let clause = before(filter, Table::Ended, cursor);
    let mut values = clause.values;
    values.extend([search.followed, wanted as i64].map(Value::from));
    let sql = [COLUMNS, ENDED_BY_SEQ, JOINS, &clause.sql, search::TAIL].concat();
    (sql, values)
}

fn newest_open(filter: &Filter, cursor: Option<Cursor>, wanted: usize, alive: &str) -> Query {
    let clause = before(filter, Table::Open, cursor);
    let mut values = vec![Value::from(alive.to_owned())];
    values.extend(clause.values);
    values.push(Value::from(wanted as i64));
    let sql = [COLUMNS, OPEN, JOINS, &clause.sql, NEWEST_FIRST].concat();
    (sql, values)
}

pub(super) fn commits(filter: &Filter, after: i64, up_to: i64, limit: usize) -> Query {
    let clause = Where::of(filter, Table::Ended);
    let mut values = clause.values;
    values.extend([after, up_to, limit as i64].map(Value::from));
    let sql = [COLUMNS, ENDED_BY_SEQ, JOINS, &clause.sql, COMMIT_ORDER].concat();
    (sql, values)
}

fn before(filter: &Filter, table: Table, cursor: Option<Cursor>) -> Where {
    let mut clause = Where::of(filter, table);
    if let Some(cursor) = cursor {
        clause.before(cursor.id());
    }
    clause
}

const ENDED_STATUSES: [Status; 5] = [
    Status::Success,
    Status::Failed,
    Status::Cancelled,
    Status::Skipped,
    Status::Abandoned,
];
const OPEN_STATUSES: [Status; 2] = [Status::Running, Status::Abandoned];

/// Whether a table that holds these has to be read at all.
fn any_status(filter: &Filter, of: &[Status]) -> bool {
    of.iter()
        .any(|status| filter.status.allows(|allowed| allowed == status))
}

/// The filter as one for each project, where it names a few: the index is in the list's order only
/// within one project.
pub(super) fn by_project(filter: &Filter) -> Vec<Filter> {
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
