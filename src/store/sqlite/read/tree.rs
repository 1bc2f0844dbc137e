//! Reads the tree of an activity, completely or in pages, in order of start.

use rusqlite::{params_from_iter, types::Value};

use super::{
    Snapshot,
    compile::{Table, Where},
    failed,
    row::{COLUMNS, ENDED, JOINS, OPEN},
    spellings,
};
use crate::{
    error::Result,
    record::{ActivityId, ActivityRecord, Filter},
    store::{Cursor, TreePage},
};

const BY_ID: &str = "a.id = ?";
const BY_ROOT: &str = "a.root = ?";
/// Ended activities below the root. Forces the index on the root, because others would read activities of other trees.
const BELOW: &str = "FROM activity AS a INDEXED BY activity_root WHERE a.root = ? AND ";
/// An activity in both tables has ended.
const STILL_OPEN: &str = " AND NOT EXISTS (SELECT 1 FROM activity WHERE id = a.id)";

/// Reads all activities of the tree.
pub(super) fn tree(view: &Snapshot<'_>, root: ActivityId) -> Result<Vec<ActivityRecord>> {
    let mut records = view.ended_and_open(BY_ID, root)?;
    records.extend(view.ended_and_open(BY_ROOT, root)?);
    Ok(in_order(records))
}

/// Reads a page of the tree, and counts the activities of all pages.
pub(super) fn page(
    view: &Snapshot<'_>,
    root: ActivityId,
    filter: &Filter,
    after: Option<Cursor<ActivityRecord>>,
    limit: usize,
) -> Result<TreePage> {
    let filter = &spellings::resolve(&view.transaction, filter)?;
    // One more than requested, to know whether there is a next page.
    let wanted = limit + 1;
    let mut top = view.ended_and_open(BY_ID, root)?;
    top.truncate(1);
    top.retain(|one| filter.matches(one));
    let total =
        top.len() as u64 + ended_count(view, root, filter)? + open_count(view, root, filter)?;
    top.retain(|one| after.is_none_or(|after| one.id > after.id()));
    let mut records = top;
    records.extend(ended(view, root, filter, after, wanted)?);
    records.extend(open(view, root, filter, after, wanted)?);
    let mut activities = in_order(records);
    let more = activities.len() > limit;
    activities.truncate(limit);
    let last = activities.last().map(|last| Cursor::after(last.id));
    Ok(TreePage {
        activities,
        total,
        next: last.filter(|_| more),
    })
}

/// Sorts by start. The sort is stable, so the ended one of an activity in both tables is kept.
fn in_order(mut records: Vec<ActivityRecord>) -> Vec<ActivityRecord> {
    records.sort_by_key(|record| record.id);
    records.dedup_by_key(|record| record.id);
    records
}

fn ended_count(view: &Snapshot<'_>, root: ActivityId, filter: &Filter) -> Result<u64> {
    let clause = Where::for_activities(filter, Table::Ended);
    let sql = ["SELECT count(*) ", BELOW, &clause.sql].concat();
    count(view, &sql, [bound(root)].into_iter().chain(clause.values))
}

fn open_count(view: &Snapshot<'_>, root: ActivityId, filter: &Filter) -> Result<u64> {
    let clause = Where::for_activities(filter, Table::Open);
    let rows = [
        COLUMNS,
        OPEN,
        JOINS,
        BY_ROOT,
        STILL_OPEN,
        " AND ",
        &clause.sql,
    ]
    .concat();
    let sql = ["SELECT count(*) FROM (", &rows, ")"].concat();
    let values = [view.alive_rows.clone().into(), bound(root)];
    count(view, &sql, values.into_iter().chain(clause.values))
}

fn count(view: &Snapshot<'_>, sql: &str, values: impl Iterator<Item = Value>) -> Result<u64> {
    let attempt = || failed("count the activities of a tree");
    let mut statement = view.transaction.prepare_cached(sql).map_err(attempt())?;
    let counted: i64 = statement
        .query_row(params_from_iter(values), |row| row.get(0))
        .map_err(attempt())?;
    Ok(counted.max(0).cast_unsigned())
}

/// Selects the ids first, so that the joins are only read for the activities of the page.
fn ended(
    view: &Snapshot<'_>,
    root: ActivityId,
    filter: &Filter,
    after: Option<Cursor<ActivityRecord>>,
    wanted: usize,
) -> Result<Vec<ActivityRecord>> {
    let clause = following(filter, Table::Ended, after);
    let ids = ["SELECT a.id ", BELOW, &clause.sql, " ORDER BY a.id LIMIT ?"].concat();
    let sql = [COLUMNS, ENDED, JOINS, "a.id IN (", &ids, ")"].concat();
    let mut values = vec![bound(root)];
    values.extend(clause.values);
    values.push(Value::from(wanted as i64));
    view.records((sql, values))
}

fn open(
    view: &Snapshot<'_>,
    root: ActivityId,
    filter: &Filter,
    after: Option<Cursor<ActivityRecord>>,
    wanted: usize,
) -> Result<Vec<ActivityRecord>> {
    let clause = following(filter, Table::Open, after);
    let condition = [BY_ROOT, " AND ", &clause.sql, " ORDER BY a.id LIMIT ?"].concat();
    let sql = [COLUMNS, OPEN, JOINS, &condition].concat();
    let mut values = vec![view.alive_rows.clone().into(), bound(root)];
    values.extend(clause.values);
    values.push(Value::from(wanted as i64));
    view.records((sql, values))
}

/// The filter's clause, restricted to activities after the cursor.
fn following(filter: &Filter, table: Table, after: Option<Cursor<ActivityRecord>>) -> Where {
    let mut clause = Where::for_activities(filter, table);
    if let Some(after) = after {
        clause.after(after.id());
    }
    clause
}

fn bound(id: ActivityId) -> Value {
    Value::from(id.as_bytes().to_vec())
}
