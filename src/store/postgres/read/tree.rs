//! The tree of an activity, completely or in pages, in order of start, and its failures.

use std::collections::{HashMap, HashSet};

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{
    Snapshot,
    compile::{Table, Where, uuid},
    dictionary::Dictionary,
    list::{Listed, id_of},
};
use crate::{
    error::{Error, Result},
    record::{ActivityId, ActivityRecord, Filter, Status},
    store::{
        Cursor, Descendants, FailedNode, LARGEST_PAGE, Record, TreePage, codes::Code,
        descendants_of, path_to_root_cause, postgres::connection::Failed,
    },
};

/// Activities that are read at a time.
const STEP: usize = LARGEST_PAGE;
/// Of a larger tree the descendants are counted status by status, up to the largest count.
const MOST_COUNTED: i64 = 2_000;
/// The most failures of a tree that are looked at: those that ended first.
const MOST_FAILED: usize = 10_000;
const PARENTS: &str = "SELECT id, parent FROM tower_activity.activity WHERE root = $1 \
     UNION ALL SELECT id, parent FROM tower_activity.open WHERE root = $1";
const BY_STATUS: &str = "SELECT r.id, s.status, (SELECT count(*) FROM (SELECT 1 FROM tower_activity.activity AS a WHERE a.root = r.id \
     AND a.status = s.status AND ";

impl Where {
    fn inside_of(root: ActivityId) -> Self {
        let mut clause = Where::everything();
        clause.and_value("a.root = ", uuid(root), Type::UUID);
        clause
    }

    fn itself(id: ActivityId) -> Self {
        let mut clause = Where::everything();
        clause.and_value("a.id = ", uuid(id), Type::UUID);
        clause
    }
}

/// Reads all activities of a tree.
pub(super) async fn tree(
    snapshot: &Snapshot<'_>,
    root: ActivityId,
) -> Result<Vec<ActivityRecord>, Failed> {
    let all = Filter::default();
    let dictionary = Dictionary::default();
    matching(snapshot, root, &all, &dictionary).await
}

/// Reads the activities of a tree that match a filter.
async fn matching(
    snapshot: &Snapshot<'_>,
    root: ActivityId,
    filter: &Filter,
    dictionary: &Dictionary,
) -> Result<Vec<ActivityRecord>, Failed> {
    let mut found = itself(snapshot, root, filter).await?;
    for table in ActivityRecord::TABLES {
        let mut clause = Where::inside_of(root);
        clause.filter(filter, *table, dictionary);
        let mut after: Option<ActivityId> = None;
        loop {
            let mut page = clause.clone();
            if let Some(after) = after {
                page.and_value("a.id > ", uuid(after), Type::UUID);
            }
            let records: Vec<ActivityRecord> = snapshot.select(*table, &page, "a.id", STEP).await?;
            let is_last = records.len() < STEP;
            after = records.last().map(|last| last.id).or(after);
            found.extend(records.into_iter().filter(|one| filter.matches(one)));
            if is_last {
                break;
            }
        }
    }
    Ok(in_order(found))
}

/// Reads the root, if it matches.
async fn itself(
    snapshot: &Snapshot<'_>,
    id: ActivityId,
    filter: &Filter,
) -> Result<Vec<ActivityRecord>, Failed> {
    let found = super::list::get_all::<ActivityRecord>(snapshot, &[id]).await?;
    Ok(found
        .into_iter()
        .filter(|one| filter.matches(one))
        .collect())
}

/// Sorts by start. The sort is stable, so the ended one of an activity in both tables is kept.
fn in_order(mut records: Vec<ActivityRecord>) -> Vec<ActivityRecord> {
    records.sort_by_key(|one| one.id);
    records.dedup_by_key(|one| one.id);
    records
}

/// Reads a page of the tree, and counts the activities of all pages.
pub(super) async fn page(
    snapshot: &Snapshot<'_>,
    root: ActivityId,
    filter: &Filter,
    after: Option<Cursor<ActivityRecord>>,
    limit: usize,
) -> Result<TreePage, Failed> {
    let dictionary = Dictionary::of(snapshot, filter).await?;
    let after = after.map(Cursor::id);
    let is_after = |one: &ActivityRecord| after.is_none_or(|after| one.id > after);
    let clauses = ActivityRecord::TABLES.iter().map(|table| {
        let mut clause = Where::inside_of(root);
        clause.filter(filter, *table, &dictionary);
        (*table, clause)
    });
    let clauses: Vec<_> = clauses.collect();
    if clauses.iter().any(|(_, clause)| !clause.is_exact) {
        let mut all = matching(snapshot, root, filter, &dictionary).await?;
        let total = all.len() as u64;
        all.retain(is_after);
        return Ok(cut(all, total, limit));
    }
    let mut records = itself(snapshot, root, filter).await?;
    let mut total = records.len() as u64;
    records.retain(is_after);
    for (table, mut clause) in clauses {
        if !clause.is_possible {
            continue;
        }
        // The root of another program's tree may name itself.
        clause.and_value("a.id <> ", uuid(root), Type::UUID);
        let sql = format!("SELECT count(*) {} WHERE {}", table.from(), clause.sql);
        let counted = snapshot.query_values(&sql, &clause.values).await?;
        total += counted[0].get::<_, i64>(0).cast_unsigned();
        if let Some(after) = after {
            clause.and_value("a.id > ", uuid(after), Type::UUID);
        }
        records.extend(snapshot.select(table, &clause, "a.id", limit + 1).await?);
    }
    Ok(cut(in_order(records), total, limit))
}

fn cut(mut activities: Vec<ActivityRecord>, total: u64, limit: usize) -> TreePage {
    let more = activities.len() > limit;
    activities.truncate(limit);
    let last = activities.last().filter(|_| more);
    let next = last.map(|last| Cursor::after(last.id));
    TreePage::new(activities, total, next)
}

/// Counts what ran inside these roots, by status.
pub(super) async fn descendants(
    snapshot: &Snapshot<'_>,
    roots: &[ActivityId],
    filter: &Filter,
) -> Result<Vec<Descendants>, Failed> {
    let dictionary = Dictionary::of(snapshot, filter).await?;
    let mut counts: HashMap<ActivityId, Vec<(Status, u64)>> = HashMap::new();
    for table in ActivityRecord::TABLES {
        let clause = Where::new(filter, *table, &dictionary);
        if !clause.is_possible {
            continue;
        }
        if !clause.is_exact {
            for root in roots {
                let mut inside = matching(snapshot, *root, filter, &dictionary).await?;
                inside.retain(|one| one.id != *root);
                let of_root = inside.iter().map(|one| (one.status, 1));
                counts.insert(*root, of_root.collect());
            }
            break;
        }
        let large = count(snapshot, *table, roots, &clause, &mut counts).await?;
        if !large.is_empty() {
            count_by_status(snapshot, large, &clause, &mut counts).await?;
        }
    }
    let found = counts.into_iter();
    Ok(found
        .filter_map(|(root, counts)| Descendants::new(root, counts))
        .collect())
}

/// Counts the descendants of each root. Returns those that have more than are counted this way.
async fn count(
    snapshot: &Snapshot<'_>,
    table: Table,
    roots: &[ActivityId],
    clause: &Where,
    counts: &mut HashMap<ActivityId, Vec<(Status, u64)>>,
) -> Result<Vec<Uuid>, Failed> {
    let mut all = clause.clone();
    let limit = all.bind(MOST_COUNTED, Type::INT8);
    let ids: Vec<Uuid> = roots.iter().map(|root| uuid(*root)).collect();
    let ids = all.bind(ids, Type::UUID_ARRAY);
    let sql = format!(
        "SELECT r.id, c.status, c.count FROM unnest({ids}) AS r (id) CROSS JOIN LATERAL \
         (SELECT status, count(*) FROM (SELECT a.status {} WHERE a.root = r.id AND a.id <> r.id AND {} LIMIT {limit}) AS found \
          GROUP BY status) AS c",
        table.from(),
        all.sql
    );
    let mut of_roots: HashMap<Uuid, Vec<(Status, u64)>> = HashMap::new();
    for row in snapshot.query_values(&sql, &all.values).await? {
        let count = row.get::<_, i64>(2).cast_unsigned();
        let of_root = of_roots.entry(row.get(0)).or_default();
        of_root.push((status(row.get(1))?, count));
    }
    let mut large = Vec::new();
    for (root, found) in of_roots {
        let sum: u64 = found.iter().map(|(_, count)| *count).sum();
        match table == Table::Ended && sum >= MOST_COUNTED.cast_unsigned() {
            true => large.push(root),
            false => counts.entry(id_of(root)).or_default().extend(found),
        }
    }
    Ok(large)
}

/// Counts the descendants of large trees: of each status up to one more than is shown.
async fn count_by_status(
    snapshot: &Snapshot<'_>,
    roots: Vec<Uuid>,
    clause: &Where,
    counts: &mut HashMap<ActivityId, Vec<(Status, u64)>>,
) -> Result<(), Failed> {
    let mut all = clause.clone();
    let limit = all.bind(LARGEST_PAGE as i64 + 1, Type::INT8);
    let roots = all.bind(roots, Type::UUID_ARRAY);
    let codes = Descendants::WORST_FIRST.map(|status| status.code() as i16);
    let codes = all.bind(codes.to_vec(), Type::INT2_ARRAY);
    let sql = [
        BY_STATUS,
        &all.sql,
        &format!(" LIMIT {limit}) AS found) FROM unnest({roots}) AS r (id), unnest({codes}) AS s (status)"),
    ]
    .concat();
    for row in snapshot.query_values(&sql, &all.values).await? {
        let count = row.get::<_, i64>(2).cast_unsigned();
        let of_root = counts.entry(id_of(row.get(0))).or_default();
        of_root.push((status(row.get(1))?, count));
    }
    Ok(())
}

pub(super) fn status(code: i16) -> Result<Status> {
    Status::from_code(code.into())
        .ok_or_else(|| Error::store(format!("{code} is not a status code")))
}

/// Reads the path to the root cause. Of a tree only its failed activities are read, unless the activity is in the middle of it and
/// did not fail.
pub(super) async fn root_cause(
    snapshot: &Snapshot<'_>,
    activity: &ActivityRecord,
    filter: &Filter,
) -> Result<Vec<ActivityRecord>, Failed> {
    let dictionary = Dictionary::of(snapshot, filter).await?;
    let failures = failed_nodes(snapshot, activity.root, filter, &dictionary).await?;
    let is_root = activity.id == activity.root;
    let itself = failures.iter().any(|one| one.id == activity.id);
    let inside = match is_root || itself || failures.is_empty() {
        true => HashSet::new(),
        false => {
            let root = uuid(activity.root);
            let rows = snapshot.query(PARENTS, &[(&root, Type::UUID)]).await?;
            let parent = |row: &tokio_postgres::Row| row.get::<_, Option<Uuid>>(1).map(id_of);
            let parents = rows.iter().map(|row| (id_of(row.get(0)), parent(row)));
            descendants_of(&parents.collect(), activity.id)
        }
    };
    let path = path_to_root_cause(activity.id, &failures, |one| {
        is_root || inside.contains(&one.id)
    });
    let ids = path.iter().map(|id| uuid(*id)).collect();
    let records = snapshot
        .with_ids::<ActivityRecord>(Table::Ended, ids)
        .await?;
    let mut records: HashMap<_, _> = records.into_iter().map(|one| (one.id(), one)).collect();
    Ok(path.iter().filter_map(|id| records.remove(id)).collect())
}

async fn failed_nodes(
    snapshot: &Snapshot<'_>,
    root: ActivityId,
    filter: &Filter,
    dictionary: &Dictionary,
) -> Result<Vec<FailedNode>, Failed> {
    let mut nodes = Vec::new();
    for mut clause in [Where::inside_of(root), Where::itself(root)] {
        clause.filter(filter, Table::Ended, dictionary);
        clause.and("a.status = 2");
        if !clause.is_exact {
            let order = "a.started_at + coalesce(a.duration_ns, 0) / 1000, a.id";
            let failed = snapshot.select(Table::Ended, &clause, order, MOST_FAILED);
            let failed: Vec<ActivityRecord> = failed.await?;
            let failed = failed.iter().filter(|one| filter.matches(one));
            nodes.extend(failed.filter_map(FailedNode::new));
            continue;
        }
        nodes.extend(nodes_of(snapshot, clause).await?);
    }
    nodes.sort_by_key(|one| one.id);
    nodes.dedup_by_key(|one| one.id);
    if nodes.len() < MOST_FAILED {
        return Ok(nodes);
    }
    // The parents of those failures, and theirs, which ended later.
    let mut known: HashSet<ActivityId> = nodes.iter().map(|one| one.id).collect();
    let mut next: Vec<Option<ActivityId>> = nodes.iter().map(|one| one.parent).collect();
    while nodes.len() < 2 * MOST_FAILED {
        let parents = next.drain(..).flatten().filter(|id| known.insert(*id));
        let parents: Vec<Uuid> = parents.map(uuid).collect();
        if parents.is_empty() {
            break;
        }
        let mut clause = Where::new(filter, Table::Ended, dictionary);
        let parameter = clause.bind(parents, Type::UUID_ARRAY);
        clause.and(&format!("a.status = 2 AND a.id = ANY({parameter})"));
        let found = nodes_of(snapshot, clause).await?;
        next.extend(found.iter().map(|one| one.parent));
        nodes.extend(found);
    }
    Ok(nodes)
}

async fn nodes_of(snapshot: &Snapshot<'_>, mut clause: Where) -> Result<Vec<FailedNode>, Failed> {
    if !clause.is_possible {
        return Ok(Vec::new());
    }
    let limit = clause.bind(MOST_FAILED as i64, Type::INT8);
    let sql = format!(
        "SELECT a.id, a.parent, a.started_at + coalesce(a.duration_ns, 0) / 1000 AS ended_us {} WHERE {} \
         ORDER BY ended_us, a.id LIMIT {limit}",
        Table::Ended.from(),
        clause.sql
    );
    let rows = snapshot.query_values(&sql, &clause.values).await?;
    let nodes = rows.iter().map(|row| FailedNode {
        id: id_of(row.get(0)),
        parent: row.get::<_, Option<Uuid>>(1).map(id_of),
        ended_us: row.get(2),
    });
    Ok(nodes.collect())
}
