//! Adds to the groups of failures.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    convert::Infallible,
};

use tokio_postgres::{Transaction, types::Type};

use crate::store::{
    postgres::{
        columns::{Columns, MAX_COUNT, text, uuid},
        connection::{Failed, Parameter, query},
    },
    sums::{FailureRows, Failures, MOST_FINGERPRINTS},
};

const KNOWN: &str = "SELECT f FROM unnest($1::bigint[]) AS f \
     WHERE EXISTS (SELECT 1 FROM tower_activity.failure AS g WHERE g.fingerprint = f)";
/// Counts fingerprints, at most one more than $1, each found by a search of the index.
const COUNT: &str = "WITH RECURSIVE known (fingerprint, number) AS ( \
     (SELECT fingerprint, 1 FROM tower_activity.failure ORDER BY fingerprint LIMIT 1) UNION ALL \
     SELECT (SELECT min(g.fingerprint) FROM tower_activity.failure AS g WHERE g.fingerprint > known.fingerprint), number + 1 \
     FROM known WHERE known.fingerprint IS NOT NULL AND number <= $1) SELECT count(fingerprint) FROM known";
const GROUPS: &str = "SELECT g.quarter, g.fingerprint FROM unnest($1::bigint[], $2::bigint[]) AS k (quarter, fingerprint) \
     JOIN tower_activity.failure AS g ON g.quarter = k.quarter AND g.fingerprint = k.fingerprint";
const COUNTS: &str = "SELECT quarter, count(*) FROM tower_activity.failure \
     WHERE quarter = ANY($1::bigint[]) AND fingerprint <> 0 GROUP BY quarter";

/// What is stored of the fingerprints and quarter hours of some failures.
#[derive(Default)]
struct Stored {
    known: HashSet<i64>,
    fingerprints: i64,
    groups: HashSet<(i64, i64)>,
    in_quarters: HashMap<i64, i64>,
}

impl FailureRows for Stored {
    type Error = Infallible;

    fn is_known(&self, fingerprint: i64) -> Result<bool, Infallible> {
        Ok(self.known.contains(&fingerprint))
    }

    fn fingerprints(&self) -> Result<i64, Infallible> {
        Ok(self.fingerprints)
    }

    fn is_in_quarter(&self, quarter: i64, fingerprint: i64) -> Result<bool, Infallible> {
        Ok(self.groups.contains(&(quarter, fingerprint)))
    }

    fn in_quarter(&self, quarter: i64) -> Result<i64, Infallible> {
        Ok(self.in_quarters.get(&quarter).copied().unwrap_or_default())
    }
}

/// Adds failures to the stored ones.
pub(in crate::store::postgres) async fn fold(
    transaction: &Transaction<'_>,
    failures: Failures,
) -> Result<(), Failed> {
    if failures.0.is_empty() {
        return Ok(());
    }
    let stored = stored(transaction, &failures).await?;
    let groups = failures
        .limited(&stored)
        .unwrap_or_else(|never| match never {});
    let each = || groups.0.values();
    let columns = Columns::default()
        .add("quarter", groups.0.keys().map(|key| key.0))
        .add("fingerprint", groups.0.keys().map(|key| key.1))
        .add("name", each().map(|one| one.name))
        .add(
            "error_type",
            each().map(|one| one.error_type.as_deref().map(text)),
        )
        .add("count", each().map(|one| one.count.min(MAX_COUNT)))
        .add("first", each().map(|one| uuid(one.first.as_bytes())))
        .add("example", each().map(|one| uuid(one.last.as_bytes())));
    let (names, new) = (columns.names(), columns.rows("new"));
    let sql = format!(
        "INSERT INTO tower_activity.failure AS g ({names}) SELECT {names} FROM {new} \
         ON CONFLICT (quarter, fingerprint) DO UPDATE SET count = least(g.count + excluded.count, {MAX_COUNT}), \
           first = least(g.first, excluded.first), example = greatest(g.example, excluded.example)"
    );
    query(transaction, &sql, &columns.parameters()).await?;
    Ok(())
}

async fn stored(transaction: &Transaction<'_>, failures: &Failures) -> Result<Stored, Failed> {
    let (quarters, fingerprints): (Vec<i64>, Vec<i64>) = failures.0.keys().copied().unzip();
    let keys: [Parameter<'_>; 2] = [
        (&quarters, Type::INT8_ARRAY),
        (&fingerprints, Type::INT8_ARRAY),
    ];
    let groups = query(transaction, GROUPS, &keys).await?;
    let mut stored = Stored {
        groups: groups.iter().map(|row| (row.get(0), row.get(1))).collect(),
        ..Stored::default()
    };
    if stored.groups.len() == failures.0.len() {
        // None is new.
        stored.known = fingerprints.into_iter().collect();
        return Ok(stored);
    }
    let distinct: Vec<i64> = Vec::from_iter(BTreeSet::from_iter(fingerprints));
    let known = query(transaction, KNOWN, &[(&distinct, Type::INT8_ARRAY)]).await?;
    stored.known = known.iter().map(|row| row.get(0)).collect();
    if stored.known.len() < distinct.len() {
        let most: [Parameter<'_>; 1] = [(&MOST_FINGERPRINTS, Type::INT8)];
        stored.fingerprints = query(transaction, COUNT, &most).await?[0].get(0);
    }
    let distinct: Vec<i64> = Vec::from_iter(BTreeSet::from_iter(quarters));
    let counts = query(transaction, COUNTS, &[(&distinct, Type::INT8_ARRAY)]).await?;
    stored.in_quarters = counts.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(stored)
}
