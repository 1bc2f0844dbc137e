//! Groups of failures.

use std::{collections::HashMap, ops::Range};

use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use super::{
    Snapshot,
    compile::{Table, Value, Where, uuid},
    dictionary::{Dictionary, Texts},
    list::id_of,
    scan::each_record,
};
use crate::{
    error::Result,
    record::{ActivityId, ActivityRecord, Choice, Filter, Fingerprint, Status, Text},
    store::{
        FailureGroup, FailureSums, Quarter,
        postgres::connection::Failed,
        selects_all_failures,
        sums::{LAST_QUARTER, OTHERS, QUARTER_US, first_id, quarter_of},
    },
};

/// Failures are grouped by the server. Its `min` knows no ids before version 18, but their texts, which are in the same order.
const GROUPS: &str = "SELECT a.fingerprint, min(a.name), min(a.error_type), \
     min(a.id::text COLLATE \"C\")::uuid, max(a.id::text COLLATE \"C\")::uuid, count(*) \
     FROM tower_activity.activity AS a WHERE a.status = 2 AND ";
const GROUPED: &str =
    " AND a.fingerprint IS NOT NULL GROUP BY a.fingerprint, a.started_at / 900000000";
/// The most failures that are read to find out when each was first seen, oldest first.
const MOST_READ: i64 = 100_000;
/// Those of batches that are yet to be counted.
const UNCOUNTED: &str =
    " AND a.batch = ANY(ARRAY(SELECT id FROM tower_activity.batch WHERE ordinal IS NULL))";
/// The range of their ids.
const UNCOUNTED_IDS: &str = "SELECT min(min_activity::text COLLATE \"C\")::uuid, max(max_activity::text COLLATE \"C\")::uuid \
     FROM tower_activity.batch WHERE ordinal IS NULL";
/// A row for each fingerprint: a week has tens of thousands of its quarter hours. Its ends are in the first and the last of these.
const KEPT: &str = "SELECT g.fingerprint, f.name, f.error_type, f.first, l.example, g.quarters, g.counts FROM ( \
       SELECT fingerprint, array_agg(quarter) AS quarters, array_agg(count) AS counts, min(quarter) AS oldest, max(quarter) AS newest \
       FROM tower_activity.failure WHERE quarter >= $1 AND quarter < $2 GROUP BY fingerprint) AS g \
     JOIN tower_activity.failure AS f ON f.fingerprint = g.fingerprint AND f.quarter = g.oldest \
     JOIN tower_activity.failure AS l ON l.fingerprint = g.fingerprint AND l.quarter = g.newest";
const KEPT_FIRST: &str = "SELECT k.fingerprint, f.first FROM unnest($1::bigint[]) AS k (fingerprint) CROSS JOIN LATERAL \
     (SELECT first FROM tower_activity.failure AS f WHERE f.fingerprint = k.fingerprint ORDER BY f.quarter LIMIT 1) AS f";
const FIRST: &str = "SELECT fingerprint, min(id::text COLLATE \"C\")::uuid FROM \
     (SELECT a.fingerprint, a.id FROM tower_activity.activity AS a WHERE a.status = 2 AND ";

/// Groups the failures that match a filter: from their sums, and from activities where there are none.
pub(super) async fn groups(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
) -> Result<Vec<FailureGroup>, Failed> {
    let mut sums = FailureSums::default();
    let dictionary = Dictionary::of(snapshot, filter).await?;
    let clause = Where::new(filter, Table::Ended, &dictionary);
    if !clause.is_possible {
        return Ok(Vec::new());
    }
    if !clause.is_exact {
        each_failure(snapshot, filter, &mut |one| sums.add(&one)).await?;
        return Ok(sums.finish());
    }
    let kept = kept_quarters(filter);
    if kept.is_empty() {
        let sql = [GROUPS, &clause.sql, GROUPED].concat();
        add(snapshot, &sql, &clause.values, &mut sums).await?;
        return Ok(sums.finish());
    }
    let bounds = [kept.start, kept.end].map(|quarter| uuid(first_id(quarter)));
    let mut edges = clause.clone();
    let [start, end] = bounds.map(|bound| edges.bind(bound, Type::UUID));
    // Two conditions with bounds each, so that only the partitions of the edges are read.
    for edge in [
        format!("a.id < {start} AND {end}::uuid IS NOT NULL"),
        format!("a.id >= {end} AND {start}::uuid IS NOT NULL"),
    ] {
        let sql = [GROUPS, &edges.sql, " AND ", &edge, GROUPED].concat();
        add(snapshot, &sql, &edges.values, &mut sums).await?;
    }
    if let Some((min, max)) = uncounted_ids(snapshot).await? {
        let mut uncounted = clause;
        uncounted.and_value("a.id >= ", min.max(bounds[0]), Type::UUID);
        uncounted.and_value("a.id <= ", max, Type::UUID);
        uncounted.and_value("a.id < ", bounds[1], Type::UUID);
        let sql = [GROUPS, &uncounted.sql, UNCOUNTED, GROUPED].concat();
        add(snapshot, &sql, &uncounted.values, &mut sums).await?;
    }
    let quarters = [(&kept.start as _, Type::INT8), (&kept.end as _, Type::INT8)];
    let rows = snapshot.query(KEPT, &quarters).await?;
    add_rows(snapshot, rows, &mut |group| {
        let numbers: Vec<i64> = group.row.get(5);
        let counts: Vec<i64> = group.row.get(6);
        let quarters = numbers.into_iter().map(Quarter::from_number);
        let quarters = quarters.zip(counts.into_iter().map(i64::cast_unsigned));
        let (name, error_type) = (&group.name, group.error_type.as_ref());
        sums.add_quarters(group.fingerprint, name, error_type, group.ends, quarters);
    })
    .await?;
    Ok(sums.finish())
}

/// Returns the range of the ids in batches that are yet to be counted; `None` if there are none. Few partitions have them.
async fn uncounted_ids(snapshot: &Snapshot<'_>) -> Result<Option<(Uuid, Uuid)>, Failed> {
    let row = &snapshot.query(UNCOUNTED_IDS, &[]).await?[0];
    Ok(row.get::<_, Option<Uuid>>(0).zip(row.get(1)))
}

/// Returns the whole quarter hours of a filter's window; none if it has other conditions.
fn kept_quarters(filter: &Filter) -> Range<i64> {
    if !selects_all_failures(filter) {
        return 0..0;
    }
    let since = filter.since.map(|at| at.timestamp_micros());
    let first = since.map_or(0, |us| {
        us.div_euclid(QUARTER_US) + i64::from(us % QUARTER_US != 0)
    });
    let first = first.clamp(0, LAST_QUARTER);
    let until = filter.until.map(|at| quarter_of(at.timestamp_micros()));
    first..until.unwrap_or(LAST_QUARTER).clamp(first, LAST_QUARTER)
}

async fn add(
    snapshot: &Snapshot<'_>,
    sql: &str,
    values: &[Value],
    sums: &mut FailureSums,
) -> Result<(), Failed> {
    let rows = snapshot.query_values(sql, values).await?;
    add_rows(snapshot, rows, &mut |group| {
        let count = group.row.get::<_, i64>(5).cast_unsigned();
        let (name, error_type) = (&group.name, group.error_type.as_ref());
        sums.add_some(group.fingerprint, name, error_type, group.ends, count);
    })
    .await
}

/// The failures with one fingerprint, and the row with their numbers.
struct Group {
    fingerprint: Option<Fingerprint>,
    name: Text,
    error_type: Option<Text>,
    ends: [ActivityId; 2],
    row: Row,
}

async fn add_rows(
    snapshot: &Snapshot<'_>,
    rows: Vec<Row>,
    add: &mut dyn FnMut(Group),
) -> Result<(), Failed> {
    let mut texts = Texts::default();
    texts
        .load(snapshot, rows.iter().map(|row| row.get(1)))
        .await?;
    for row in rows {
        let number: i64 = row.get(0);
        add(Group {
            fingerprint: (number != OTHERS).then(|| Fingerprint::from_number(number)),
            name: texts.get(row.get(1)).unwrap_or_default(),
            error_type: row.get::<_, Option<String>>(2).map(Text::from),
            ends: [row.get::<_, Uuid>(3), row.get(4)].map(id_of),
            row,
        });
    }
    Ok(())
}

/// Returns the first failure that matches a filter with each of these fingerprints.
pub(super) async fn first(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    of: &[Fingerprint],
) -> Result<HashMap<Fingerprint, ActivityId>, Failed> {
    let dictionary = Dictionary::of(snapshot, filter).await?;
    let mut clause = Where::new(filter, Table::Ended, &dictionary);
    let mut first = HashMap::new();
    if !clause.is_possible || of.is_empty() {
        return Ok(first);
    }
    if !clause.is_exact {
        let mut add = |one: ActivityRecord| {
            if let Some(own) = Fingerprint::of(&one).filter(|own| of.contains(own)) {
                let first = first.entry(own).or_insert(one.id);
                *first = one.id.min(*first);
            }
        };
        each_failure(snapshot, filter, &mut add).await?;
        return Ok(first);
    }
    let numbers: Vec<i64> = of.iter().map(|one| one.number()).collect();
    let mut rest = "";
    if selects_all_failures(filter) && filter.since.is_none() && filter.until.is_none() {
        let of = [(&numbers as _, Type::INT8_ARRAY)];
        for row in snapshot.query(KEPT_FIRST, &of).await? {
            first.insert(Fingerprint::from_number(row.get(0)), id_of(row.get(1)));
        }
        let Some((min, max)) = uncounted_ids(snapshot).await? else {
            return Ok(first);
        };
        clause.and_value("a.id >= ", min, Type::UUID);
        clause.and_value("a.id <= ", max, Type::UUID);
        rest = UNCOUNTED;
    }
    let limit = clause.bind(MOST_READ, Type::INT8);
    let numbers = clause.bind(numbers, Type::INT8_ARRAY);
    let sql = format!(
        "{FIRST}{}{rest} ORDER BY a.id LIMIT {limit}) AS found WHERE fingerprint = ANY({numbers}) GROUP BY fingerprint",
        clause.sql
    );
    for row in snapshot.query_values(&sql, &clause.values).await? {
        let id = id_of(row.get(1));
        let first = first
            .entry(Fingerprint::from_number(row.get(0)))
            .or_insert(id);
        *first = id.min(*first);
    }
    Ok(first)
}

async fn each_failure(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    take: &mut dyn FnMut(ActivityRecord),
) -> Result<(), Failed> {
    let failed = Filter {
        status: Choice {
            any_of: vec![Status::Failed],
            none_of: Vec::new(),
        },
        ..Filter::default()
    };
    each_record(snapshot, &filter.clone().and(&failed), take).await
}
