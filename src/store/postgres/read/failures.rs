//! Groups of failures.

use std::collections::HashMap;

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{
    Snapshot,
    compile::{Table, Where},
    dictionary::{Dictionary, Texts},
    list::id_of,
    scan::each_record,
};
use crate::{
    error::Result,
    record::{ActivityId, ActivityRecord, Choice, Filter, Fingerprint, Status, Text},
    store::{FailureGroup, FailureSums, postgres::connection::Failed},
};

/// Failures are grouped by the server. Its `min` knows no ids before version 18, but their texts, which are in the same order.
const GROUPS: &str = "SELECT a.fingerprint, min(a.name), min(a.error_type), count(*), \
     min(a.id::text COLLATE \"C\")::uuid, max(a.id::text COLLATE \"C\")::uuid \
     FROM tower_activity.activity AS a WHERE a.status > 1 AND a.status = 2 AND ";
const GROUPED: &str =
    " AND a.fingerprint IS NOT NULL GROUP BY a.fingerprint, a.started_at / 900000000";
/// The most failures that are read to find out when each was first seen, oldest first.
const MOST_READ: i64 = 100_000;
const FIRST: &str = "SELECT fingerprint, min(id::text COLLATE \"C\")::uuid FROM \
     (SELECT a.fingerprint, a.id FROM tower_activity.activity AS a WHERE a.status > 1 AND a.status = 2 AND ";

/// Groups the failures that match a filter.
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
    let sql = [GROUPS, &clause.sql, GROUPED].concat();
    let rows = snapshot.query_values(&sql, &clause.values).await?;
    let mut texts = Texts::default();
    texts
        .load(snapshot, rows.iter().map(|row| row.get(1)))
        .await?;
    for row in rows {
        let name = texts.get(row.get(1)).unwrap_or_default();
        let error_type = row.get::<_, Option<String>>(2).map(Text::from);
        let ends = [row.get::<_, Uuid>(4), row.get(5)].map(id_of);
        let fingerprint = Fingerprint::from_number(row.get(0));
        let count = row.get::<_, i64>(3).cast_unsigned();
        sums.add_some(Some(fingerprint), &name, error_type.as_ref(), ends, count);
    }
    Ok(sums.finish())
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
    let limit = clause.bind(MOST_READ, Type::INT8);
    let numbers: Vec<i64> = of.iter().map(|one| one.number()).collect();
    let numbers = clause.bind(numbers, Type::INT8_ARRAY);
    let sql = format!(
        "{FIRST}{} ORDER BY a.id LIMIT {limit}) AS found WHERE fingerprint = ANY({numbers}) GROUP BY fingerprint",
        clause.sql
    );
    for row in snapshot.query_values(&sql, &clause.values).await? {
        first.insert(Fingerprint::from_number(row.get(0)), id_of(row.get(1)));
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
