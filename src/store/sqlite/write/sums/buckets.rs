//! Stores buckets, the sums of a quarter hour, in the transaction that inserts the rows.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    record::{Sketch, Sums},
    store::{
        codes::{Code, SumScope},
        sqlite::columns::{signed, unsigned},
        sums::Buckets,
    },
};

const READ_SKETCH: &str =
    "SELECT sketch FROM bucket WHERE scope = ?1 AND scope_id = ?2 AND quarter = ?3";
const OF_QUARTER: &str = "SELECT scope, count, failed, cancelled, timed, sum_ns, min_ns, max_ns, sketch, scope_id \
     FROM bucket WHERE quarter = ?1";
const FOLD: &str = "
INSERT INTO bucket (scope, scope_id, quarter, count, failed, cancelled, timed, sum_ns, min_ns, max_ns, sketch)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT (scope, scope_id, quarter) DO UPDATE SET
  count = count + excluded.count,
  failed = failed + excluded.failed,
  cancelled = cancelled + excluded.cancelled,
  timed = timed + excluded.timed,
  -- The sum of SQLite's integers beyond their end is no integer.
  sum_ns = min(sum_ns, 9223372036854775807 - excluded.sum_ns) + excluded.sum_ns,
  min_ns = min(coalesce(min_ns, excluded.min_ns), coalesce(excluded.min_ns, min_ns)),
  max_ns = max(coalesce(max_ns, excluded.max_ns), coalesce(excluded.max_ns, max_ns)),
  sketch = excluded.sketch";

/// Adds the sums to the table. Returns the quarters whose overall sums have changed: their hours have to be rolled up.
pub(crate) fn fold(
    connection: &Connection,
    buckets: &mut Buckets,
) -> rusqlite::Result<BTreeSet<i64>> {
    let mut read = connection.prepare_cached(READ_SKETCH)?;
    let mut fold = connection.prepare_cached(FOLD)?;
    let overall = buckets.overall();
    let quarters = overall.keys().copied().collect();
    let overall = overall
        .into_iter()
        .map(|(quarter, sums)| ((SumScope::Overall, 0, quarter), sums));
    for ((scope, id, quarter), mut sums) in buckets.sums.drain().chain(overall) {
        let stored: Option<Option<Vec<u8>>> = read
            .query_row(params![scope.code(), id, quarter], |row| row.get(0))
            .optional()?;
        if let Some(stored) = stored.flatten() {
            sums.sketch.merge(&Sketch::from_bytes(&stored));
        }
        fold.execute(params![
            scope.code(),
            id,
            quarter,
            signed(sums.count),
            signed(sums.failed),
            signed(sums.cancelled),
            signed(sums.timed),
            signed(sums.sum_ns),
            sums.min_ns.map(signed),
            sums.max_ns.map(signed),
            sums.sketch.to_bytes(),
        ])?;
    }
    Ok(quarters)
}

/// Returns true if the table has the same sums for this quarter.
pub(crate) fn equals(
    connection: &Connection,
    buckets: &Buckets,
    quarter: i64,
) -> rusqlite::Result<bool> {
    let overall = buckets.overall();
    let overall = overall
        .iter()
        .map(|(quarter, sums)| ((SumScope::Overall, 0, *quarter), sums));
    let sums = buckets.sums.iter().map(|(key, sums)| (*key, sums));
    let keyed = sums.chain(overall).filter(|((.., at), _)| *at == quarter);
    let mut expected: HashMap<(i64, i64), &Sums> = keyed
        .map(|((scope, id, _), sums)| ((scope.code(), id), sums))
        .collect();
    let mut statement = connection.prepare_cached(OF_QUARTER)?;
    let mut rows = statement.query([quarter])?;
    while let Some(row) = rows.next()? {
        let (scope, found) = self::sums(row)?;
        let sums = expected.remove(&(scope, row.get(9)?));
        if sums.is_none_or(|sums| stored(sums) != stored(&found)) {
            return Ok(false);
        }
    }
    Ok(expected.is_empty())
}

/// Returns sums as they are stored.
pub(super) fn stored(sums: &Sums) -> ([i64; 5], [Option<i64>; 2], &Sketch) {
    let counts = [
        sums.count,
        sums.failed,
        sums.cancelled,
        sums.timed,
        sums.sum_ns,
    ];
    let ends = [sums.min_ns, sums.max_ns];
    (
        counts.map(signed),
        ends.map(|ns| ns.map(signed)),
        &sums.sketch,
    )
}

/// Reads a row of sums: its first column, and the sums.
pub(crate) fn sums(row: &Row<'_>) -> rusqlite::Result<(i64, Sums)> {
    let number = |column| row.get(column).map(unsigned);
    let optional = |column| row.get::<_, Option<i64>>(column).map(|ns| ns.map(unsigned));
    let sketch = row.get_ref(8)?.as_blob_or_null()?.unwrap_or_default();
    let sums = Sums {
        count: number(1)?,
        failed: number(2)?,
        cancelled: number(3)?,
        timed: number(4)?,
        sum_ns: number(5)?,
        min_ns: optional(6)?,
        max_ns: optional(7)?,
        sketch: Sketch::from_bytes(sketch),
    };
    Ok((row.get(0)?, sums))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        record::Status,
        store::{
            sqlite::open::connection,
            sums::{BucketRow, QUARTER_US},
        },
    };

    fn row() -> impl Strategy<Value = BucketRow> {
        let status = prop_oneof![
            Just(Status::Success),
            Just(Status::Failed),
            Just(Status::Cancelled)
        ];
        let duration_ns = proptest::option::of(0..u64::MAX / 1024);
        let when = 0..3 * QUARTER_US;
        (when, status, duration_ns, 1..4_i64).prop_map(|(started_at_us, status, ns, name)| {
            BucketRow {
                started_at_us,
                status,
                duration_ns: ns,
                name,
                project: None,
                brand: None,
            }
        })
    }

    proptest! {
        #[test]
        fn the_overall_sums_count_every_row_of_every_batch_once(batches in proptest::collection::vec(proptest::collection::vec(row(), 0..20), 0..4)) {
            let connection = connection::in_memory().unwrap();
            for batch in &batches {
                let mut buckets = Buckets::default();
                batch.iter().for_each(|row| buckets.add(*row));
                fold(&connection, &mut buckets).unwrap();
            }
            for quarter in 0..3 {
                let rows = batches.concat();
                let rows = || rows.iter().filter(|row| row.started_at_us / QUARTER_US == quarter);
                let durations = || rows().filter_map(|row| row.duration_ns).map(|ns| ns as i64);
                let mut sketch = Sketch::default();
                durations().for_each(|ns| sketch.add(ns as u64));
                let found = connection
                    .query_row(
                        "SELECT count, failed, timed, sum_ns, min_ns, max_ns, sketch FROM bucket WHERE scope = 0 AND quarter = ?1",
                        [quarter],
                        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?)),
                    )
                    .optional()
                    .unwrap();
                let expected = (rows().count() > 0).then(|| (
                    rows().count() as i64,
                    rows().filter(|row| row.status == Status::Failed).count() as i64,
                    durations().count() as i64,
                    durations().sum::<i64>(),
                    durations().min(),
                    durations().max(),
                    sketch.to_bytes(),
                ));
                prop_assert_eq!(found, expected);
            }
        }
    }
}
