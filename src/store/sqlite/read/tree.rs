//! Reads the tree of an activity, completely or in pages, in order of start.

use std::collections::{HashMap, HashSet};

use rusqlite::{params_from_iter, types::Value};

use super::{
    Snapshot,
    compile::{Table, Where},
    failed,
    row::{self, COLUMNS, ENDED, JOINS, OPEN},
    spellings,
};
use crate::{
    error::Result,
    record::{ActivityId, ActivityRecord, Filter, Status},
    store::{
        Cursor, Descendants, FailedNode, LARGEST_PAGE, RecordKind, TreePage, codes::Code,
        descendants_of, path_to_root_cause, sqlite::columns::unsigned,
    },
};

const BY_ID: &str = "a.id = ?";
const BY_ROOT: &str = "a.root = ?";
/// Ended activities below the root. Forces the index on the root, because others would read activities of other trees.
const BELOW: &str = "FROM activity AS a INDEXED BY activity_root WHERE a.root = ? AND ";
const ITSELF: &str = "FROM activity AS a WHERE a.id = ? AND ";
const NODE: &str = "SELECT a.id, a.parent, a.started_at + coalesce(a.duration_ns, 0) / 1000 ";
/// The most failures of a tree that are looked at, in commit order. The first that ended are committed first: so the causes are
/// among them. What failed because of them may not be, and is looked up by its id.
const MOST_FAILED: usize = 10_000;
/// The most failures that are looked up by their ids.
const MOST_LOOKED_UP: usize = 10_000;
const PARENTS: &str = "SELECT id, parent FROM activity INDEXED BY activity_root WHERE root = ?1 \
     UNION ALL SELECT id, parent FROM open WHERE root = ?1";
/// An activity in both tables has ended.
const STILL_OPEN: &str = " AND NOT EXISTS (SELECT 1 FROM activity WHERE id = a.id)";

/// Reads all activities of the tree.
pub(super) fn tree(view: &Snapshot<'_>, root: ActivityId) -> Result<Vec<ActivityRecord>> {
    let mut records = ended_and_open(view, BY_ID, root)?;
    records.extend(ended_and_open(view, BY_ROOT, root)?);
    Ok(in_order(records))
}

/// Reads the ended and the open activities that match one condition on an id.
fn ended_and_open(
    view: &Snapshot<'_>,
    condition: &str,
    id: ActivityId,
) -> Result<Vec<ActivityRecord>> {
    let id = Value::from(id.as_bytes().to_vec());
    let ended = [COLUMNS, ENDED, JOINS, condition].concat();
    let mut records = view.records((ended, vec![id.clone()]))?;
    let open = [COLUMNS, OPEN, JOINS, condition].concat();
    records
        .extend(view.records::<ActivityRecord>((open, vec![view.alive_rows.clone().into(), id]))?);
    Ok(records)
}

/// Reads a page of the tree, and counts the activities of all pages.
pub(super) fn page(
    view: &Snapshot<'_>,
    root: ActivityId,
    filter: &Filter,
    after: Option<Cursor<ActivityRecord>>,
    limit: usize,
) -> Result<TreePage> {
    let filter = &spellings::resolve(&view.transaction, filter, RecordKind::Activities)?;
    // One more than requested, to know whether there is a next page.
    let wanted = limit + 1;
    let mut top = ended_and_open(view, BY_ID, root)?;
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

/// Counts what ran inside these roots, by status.
pub(super) fn descendants(
    view: &Snapshot<'_>,
    roots: &[ActivityId],
    filter: &Filter,
) -> Result<Vec<Descendants>> {
    let filter = &spellings::resolve(&view.transaction, filter, RecordKind::Activities)?;
    let clause = Where::for_activities(filter, Table::Ended);
    let sql = [
        "SELECT count(*) FROM (SELECT 1 ",
        BELOW,
        "a.status = ? AND ",
        &clause.sql,
        " LIMIT ?)",
    ]
    .concat();
    let mut open = open_counts(view, filter)?;
    let mut found = Vec::new();
    for root in roots {
        let mut counts = open.remove(root).unwrap_or_default();
        for status in Descendants::WORST_FIRST {
            // One more than is counted, to know whether there are more.
            let most = Value::from(LARGEST_PAGE as i64 + 1);
            let values = [bound(*root), status.code().into()].into_iter();
            let values = values.chain(clause.values.clone()).chain([most]);
            counts.push((status, count(view, &sql, values)?));
        }
        found.extend(Descendants::new(*root, counts));
    }
    Ok(found)
}

/// Counts open activities by root and status.
fn open_counts(
    view: &Snapshot<'_>,
    filter: &Filter,
) -> Result<HashMap<ActivityId, Vec<(Status, u64)>>> {
    let attempt = || failed("count the open activities of a tree");
    let clause = Where::for_activities(filter, Table::Open);
    let rows = [
        COLUMNS,
        OPEN,
        JOINS,
        "a.root IS NOT NULL",
        STILL_OPEN,
        " AND ",
        &clause.sql,
    ]
    .concat();
    let sql = [
        "SELECT root, status, count(*) FROM (",
        &rows,
        ") GROUP BY root, status",
    ]
    .concat();
    let values = [Value::from(view.alive_rows.clone())].into_iter();
    let mut statement = view.transaction.prepare_cached(&sql).map_err(attempt())?;
    let mut rows = statement
        .query(params_from_iter(values.chain(clause.values)))
        .map_err(attempt())?;
    let mut counts = HashMap::<ActivityId, Vec<(Status, u64)>>::new();
    while let Some(row) = rows.next().map_err(attempt())? {
        let read = || Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?));
        let (root, code, count) = read().map_err(attempt())?;
        let of_root = counts.entry(ActivityId::from_bytes(root)).or_default();
        of_root.push((row::status(code)?, unsigned(count)));
    }
    Ok(counts)
}

/// Reads the path to the root cause. Of a tree only its failed activities are read, unless the activity is in the middle of
/// it and did not fail.
pub(super) fn root_cause(
    view: &Snapshot<'_>,
    activity: &ActivityRecord,
    filter: &Filter,
) -> Result<Vec<ActivityRecord>> {
    let filter = &spellings::resolve(&view.transaction, filter, RecordKind::Activities)?;
    let failures = failed_nodes(view, activity.root, filter)?;
    let is_root = activity.id == activity.root;
    let itself = failures.iter().any(|one| one.id == activity.id);
    let parents = match is_root || itself || failures.is_empty() {
        true => HashMap::new(),
        false => parents(view, activity.root)?,
    };
    let inside = descendants_of(&parents, activity.id);
    let path = path_to_root_cause(activity.id, &failures, |one| {
        is_root || inside.contains(&one.id)
    });
    let mut records = Vec::new();
    for id in path {
        records.extend(ended_and_open(view, BY_ID, id)?.into_iter().next());
    }
    Ok(records)
}

fn failed_nodes(view: &Snapshot<'_>, root: ActivityId, filter: &Filter) -> Result<Vec<FailedNode>> {
    let attempt = || failed("read the failures of a tree");
    let clause = Where::for_activities(filter, Table::Ended);
    let mut nodes = Vec::new();
    let read = |from: &str, id, nodes: &mut Vec<FailedNode>| -> Result<()> {
        let sql = [NODE, from, "a.status = 2 AND ", &clause.sql, " LIMIT ?"].concat();
        let mut statement = view.transaction.prepare_cached(&sql).map_err(attempt())?;
        let limit = Value::from(MOST_FAILED as i64);
        let values = [bound(id)].into_iter().chain(clause.values.clone());
        let values = values.chain([limit]);
        let found = statement
            .query_map(params_from_iter(values), |row| {
                Ok(FailedNode {
                    id: ActivityId::from_bytes(row.get(0)?),
                    parent: row.get::<_, Option<_>>(1)?.map(ActivityId::from_bytes),
                    ended_us: row.get(2)?,
                })
            })
            .map_err(attempt())?;
        for node in found {
            nodes.push(node.map_err(attempt())?);
        }
        Ok(())
    };
    read(BELOW, root, &mut nodes)?;
    let are_all = nodes.len() < MOST_FAILED;
    read(ITSELF, root, &mut nodes)?;
    if are_all {
        return Ok(nodes);
    }
    // The parents of the failures that were found, and theirs. A root was just looked up.
    let mut known: HashSet<ActivityId> = nodes.iter().map(|one| one.id).chain([root]).collect();
    let (mut next, mut looked_up) = (0, 0);
    while next < nodes.len() && looked_up < MOST_LOOKED_UP {
        if let Some(parent) = nodes[next].parent.filter(|parent| known.insert(*parent)) {
            read(ITSELF, parent, &mut nodes)?;
            looked_up += 1;
        }
        next += 1;
    }
    Ok(nodes)
}

/// Reads the parents of a tree's activities.
fn parents(
    view: &Snapshot<'_>,
    root: ActivityId,
) -> Result<HashMap<ActivityId, Option<ActivityId>>> {
    let attempt = || failed("read the parents of a tree");
    let mut statement = view
        .transaction
        .prepare_cached(PARENTS)
        .map_err(attempt())?;
    let found = statement
        .query_map([root.as_bytes()], |row| {
            let parent: Option<_> = row.get(1)?;
            Ok((
                ActivityId::from_bytes(row.get(0)?),
                parent.map(ActivityId::from_bytes),
            ))
        })
        .map_err(attempt())?;
    found.collect::<rusqlite::Result<_>>().map_err(attempt())
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
    Ok(unsigned(counted))
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
