//! Trees, and what is found by a part of an id.

use std::{collections::HashMap, ops::RangeInclusive};

use super::{ClickHouseReader, compile::Where, list::Listed, row};
use crate::{
    error::Result,
    record::{ActivityId, ActivityRecord, EventRecord, Filter, Status},
    store::{
        Descendants, LARGEST_SCAN, Record, Source,
        clickhouse::{client::Statement, row_binary::RowReader, rows::number},
    },
};

const IDS: &str = "SELECT id FROM activity WHERE id >= {first:UInt128} AND id <= {last:UInt128} ORDER BY id LIMIT {limit:UInt64}";

const DESCENDANTS: &str = "SELECT root, status, count() FROM activity";
/// Roots that are looked up at a time: their ids are part of an address.
const AT_A_TIME: usize = super::list::IDS;

/// Reads the first ids in a range.
pub(super) fn ids(
    reader: &ClickHouseReader,
    range: &RangeInclusive<ActivityId>,
    limit: usize,
) -> Result<Vec<ActivityId>> {
    let statement = Statement::new(IDS)
        .with("first", &number(range.start().as_bytes()))
        .with("last", &number(range.end().as_bytes()))
        .with("limit", &(limit as u64));
    // Before the rows: an activity that ends in between is then in both, and not in neither.
    let open = reader.open_activities()?;
    let answer = reader.query(statement.reading())?;
    let mut rows = RowReader::new(&answer);
    let mut ids = Vec::new();
    while !rows.is_at_end() {
        ids.push(ActivityId::from_bytes(rows.next::<u128>()?.to_be_bytes()));
    }
    ids.extend(
        open.iter()
            .map(|one| one.id)
            .filter(|id| range.contains(id)),
    );
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(limit);
    Ok(ids)
}

/// Reads the activities of a tree.
pub(super) fn tree(reader: &mut ClickHouseReader, root: ActivityId) -> Result<Vec<ActivityRecord>> {
    let mut clause = Where::everything(&ActivityRecord::select(), ActivityRecord::KIND).once();
    clause.and_value("root = ", &number(root.as_bytes()), "UInt128");
    // As above.
    let mut open = reader.open_activities()?;
    let mut tree: Vec<ActivityRecord> = reader.select(&clause, "id", LARGEST_SCAN)?;
    open.retain(|one| one.root == root || one.id == root);
    tree.extend(open);
    if !tree.iter().any(|one| one.id == root) {
        // It may name another root, as one of other programs may.
        tree.extend(Source::<ActivityRecord>::get(reader, root)?);
    }
    // The sort is stable, so the ended one of an activity is kept.
    tree.sort_by_key(|one| one.id);
    tree.dedup_by_key(|one| one.id);
    Ok(tree)
}

/// Counts the descendants of roots that match a filter, by status.
pub(super) fn descendants(
    reader: &ClickHouseReader,
    roots: &[ActivityId],
    filter: &Filter,
) -> Result<Vec<Descendants>> {
    let new = |root: &ActivityId| (*root, HashMap::new());
    let mut counts: HashMap<ActivityId, HashMap<Status, u64>> = roots.iter().map(new).collect();
    let mut add = |root: ActivityId, status: Status, count: u64| {
        if let Some(of_root) = counts.get_mut(&root) {
            *of_root.entry(status).or_default() += count;
        }
    };
    for roots in roots.chunks(AT_A_TIME) {
        let roots: Vec<u128> = roots.iter().map(|id| number(id.as_bytes())).collect();
        let of_roots = |select: &str| {
            let mut clause = Where::new(select, ActivityRecord::KIND, filter).once();
            clause.and_value("id <> root AND root IN ", &roots[..], "Array(UInt128)");
            clause
        };
        let mut clause = of_roots(DESCENDANTS);
        if !clause.is_exact {
            let all = of_roots(&ActivityRecord::select());
            let found: Vec<ActivityRecord> = reader.select(&all, "id", LARGEST_SCAN)?;
            let found = found.iter().filter(|one| filter.matches(one));
            found.for_each(|one| add(one.root, one.status, 1));
            continue;
        }
        clause.statement.push_sql(" GROUP BY root, status");
        let answer = reader.query(clause.statement)?;
        let mut rows = RowReader::new(&answer);
        while !rows.is_at_end() {
            let root = ActivityId::from_bytes(rows.next::<u128>()?.to_be_bytes());
            add(root, row::status(rows.next()?)?, rows.next()?);
        }
    }
    let open = reader.open_activities()?;
    let open = open
        .iter()
        .filter(|one| one.id != one.root && filter.matches(one));
    open.for_each(|one| add(one.root, one.status, 1));
    let counts = counts.into_iter();
    Ok(counts
        .filter_map(|(root, counts)| Descendants::new(root, counts))
        .collect())
}

/// Reads the newest events of an activity, oldest first.
pub(super) fn events_of(
    reader: &ClickHouseReader,
    activity: ActivityId,
    limit: usize,
) -> Result<Vec<EventRecord>> {
    let mut clause = Where::everything(&EventRecord::select(), EventRecord::KIND).once();
    clause.and_value("activity = ", &number(activity.as_bytes()), "UInt128");
    let mut events: Vec<EventRecord> = reader.select(&clause, "id DESC", limit)?;
    events.reverse();
    Ok(events)
}
