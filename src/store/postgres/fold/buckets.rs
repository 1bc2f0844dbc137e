//! Adds to the sums of quarter hours.

use std::{collections::BTreeMap, ops::Range};

use tokio_postgres::{Transaction, types::Type};

use crate::{
    record::{Sketch, Sums},
    store::{
        codes::{Code, SumScope},
        postgres::{
            columns::{Columns, count, signed},
            connection::{Failed, Parameter, query},
        },
        sums::Buckets,
    },
};

/// Quarter hours of a day.
pub(in crate::store::postgres) const QUARTERS_OF_DAY: i64 = 96;
/// The columns of sums, in the order in which [`read`] takes them.
pub(in crate::store::postgres) const COLUMNS: &str =
    "b.count, b.failed, b.cancelled, b.timed, b.sum_ns, b.min_ns, b.max_ns, b.sketch";

/// The tables, and their primary keys.
const QUARTERS: (&str, &str) = ("bucket", "scope, scope_id, quarter");
const DAYS: (&str, &str) = ("bucket_day", "scope, quarter, scope_id");
const DELETE_QUARTERS: &str =
    "DELETE FROM tower_activity.bucket WHERE quarter >= $1 AND quarter < $2";
const DELETE_DAYS: &str =
    "DELETE FROM tower_activity.bucket_day WHERE quarter >= $1 AND quarter < $2";
const IN_RANGE: &str = "FROM tower_activity.bucket AS b WHERE b.quarter >= $1 AND b.quarter < $2";

/// The number of a scope, the id of a text, and a quarter hour.
pub(in crate::store::postgres) type Key = (i16, i64, i64);

/// Adds sums to the stored ones: of quarter hours, and of days, which a ranking adds up.
pub(in crate::store::postgres) async fn fold(
    transaction: &Transaction<'_>,
    buckets: Buckets,
) -> Result<(), Failed> {
    let quarters = quarters(buckets);
    let days = days(quarters.iter().map(|(key, sums)| (*key, sums)));
    add(transaction, QUARTERS, quarters).await?;
    add(transaction, DAYS, days).await
}

/// Replaces the stored sums of a range of quarter hours, and of the days that it is in.
pub(in crate::store::postgres) async fn rebuild(
    transaction: &Transaction<'_>,
    buckets: Buckets,
    range: &Range<i64>,
) -> Result<(), Failed> {
    let of_range: [Parameter<'_>; 2] = [(&range.start, Type::INT8), (&range.end, Type::INT8)];
    query(transaction, DELETE_QUARTERS, &of_range).await?;
    add(transaction, QUARTERS, quarters(buckets)).await?;
    let range = whole_days(range);
    let of_days: [Parameter<'_>; 2] = [(&range.start, Type::INT8), (&range.end, Type::INT8)];
    query(transaction, DELETE_DAYS, &of_days).await?;
    let sql = format!("SELECT {COLUMNS}, b.scope, b.scope_id, b.quarter {IN_RANGE}");
    let rows = query(transaction, &sql, &of_days).await?;
    let sums = rows
        .iter()
        .map(|row| ((row.get(8), row.get(9), row.get(10)), read(row)));
    let sums: Vec<(Key, Sums)> = sums.collect();
    let days = days(sums.iter().map(|(key, sums)| (*key, sums)));
    add(transaction, DAYS, days).await
}

/// Returns the sums of quarter hours, overall as well.
pub(in crate::store::postgres) fn quarters(buckets: Buckets) -> BTreeMap<Key, Sums> {
    let overall = buckets.overall();
    let overall = overall
        .into_iter()
        .map(|(quarter, sums)| ((SumScope::Overall, 0, quarter), sums));
    let quarters = buckets.sums.into_iter().chain(overall);
    quarters
        .map(|((scope, id, quarter), sums)| ((scope.code() as i16, id, quarter), sums))
        .collect()
}

/// Adds quarter hours up to days; not overall.
pub(in crate::store::postgres) fn days<'a>(
    quarters: impl Iterator<Item = (Key, &'a Sums)>,
) -> BTreeMap<Key, Sums> {
    let mut days = BTreeMap::<Key, Sums>::new();
    for ((scope, id, quarter), sums) in quarters {
        if scope != SumScope::Overall.code() as i16 {
            let day = days.entry((scope, id, first_of_day(quarter)));
            day.or_default().merge(sums);
        }
    }
    days
}

/// Adds sums to those of a table.
async fn add(
    transaction: &Transaction<'_>,
    (table, primary_key): (&str, &str),
    mut sums: BTreeMap<Key, Sums>,
) -> Result<(), Failed> {
    let scopes: Vec<i16> = sums.keys().map(|key| key.0).collect();
    let ids: Vec<i64> = sums.keys().map(|key| key.1).collect();
    let quarters: Vec<i64> = sums.keys().map(|key| key.2).collect();
    let keys: [Parameter<'_>; 3] = [
        (&scopes, Type::INT2_ARRAY),
        (&ids, Type::INT8_ARRAY),
        (&quarters, Type::INT8_ARRAY),
    ];
    let old = format!(
        "SELECT {COLUMNS}, b.scope, b.scope_id, b.quarter \
         FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS k (scope, scope_id, quarter) \
           JOIN tower_activity.{table} AS b ON b.scope = k.scope AND b.scope_id = k.scope_id AND b.quarter = k.quarter"
    );
    for row in query(transaction, &old, &keys).await? {
        if let Some(sums) = sums.get_mut(&(row.get(8), row.get(9), row.get(10))) {
            sums.merge(&read(&row));
        }
    }
    let sketches: Vec<Vec<u8>> = sums.values().map(|one| one.sketch.to_bytes()).collect();
    let each = || sums.values();
    let columns = Columns::default()
        .add("scope", scopes.iter().copied())
        .add("scope_id", ids.iter().copied())
        .add("quarter", quarters.iter().copied())
        .add("count", each().map(|one| count(one.count)))
        .add("failed", each().map(|one| count(one.failed)))
        .add("cancelled", each().map(|one| count(one.cancelled)))
        .add("timed", each().map(|one| count(one.timed)))
        .add("sum_ns", each().map(|one| signed(one.sum_ns)))
        .add("min_ns", each().map(|one| one.min_ns.map(signed)))
        .add("max_ns", each().map(|one| one.max_ns.map(signed)))
        .add("sketch", sketches.iter().map(Vec::as_slice));
    let (names, new) = (columns.names(), columns.rows("new"));
    let sql = format!(
        "INSERT INTO tower_activity.{table} ({names}) SELECT {names} FROM {new} \
         ON CONFLICT ({primary_key}) DO UPDATE SET count = excluded.count, failed = excluded.failed, \
           cancelled = excluded.cancelled, timed = excluded.timed, sum_ns = excluded.sum_ns, min_ns = excluded.min_ns, \
           max_ns = excluded.max_ns, sketch = excluded.sketch"
    );
    query(transaction, &sql, &columns.parameters()).await?;
    Ok(())
}

/// Returns the first quarter hour of the day that one is in.
pub(in crate::store::postgres) fn first_of_day(quarter: i64) -> i64 {
    quarter.saturating_sub(quarter.rem_euclid(QUARTERS_OF_DAY))
}

/// Returns the quarter hours of the days that a range is in.
pub(in crate::store::postgres) fn whole_days(range: &Range<i64>) -> Range<i64> {
    first_of_day(range.start)..first_of_day(range.end - 1) + QUARTERS_OF_DAY
}

/// Reads sums from [`COLUMNS`], the first ones of a row.
pub(in crate::store::postgres) fn read(row: &tokio_postgres::Row) -> Sums {
    let number = |column| row.get::<_, i64>(column).max(0).cast_unsigned();
    let optional = |column| {
        let ns = row.get::<_, Option<i64>>(column);
        ns.map(|ns| ns.max(0).cast_unsigned())
    };
    Sums {
        count: number(0),
        failed: number(1),
        cancelled: number(2),
        timed: number(3),
        sum_ns: number(4),
        min_ns: optional(5),
        max_ns: optional(6),
        sketch: Sketch::from_bytes(row.get::<_, Option<&[u8]>>(7).unwrap_or_default()),
    }
}
