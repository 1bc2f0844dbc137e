//! Compares the rows with what batches have inserted, and the sums with the activities.

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::{Row, types::Type};

use super::{PostgresReader, Snapshot, row::instant};
use crate::{
    error::Result,
    record::Sums,
    store::{
        AcceptedChange, CentralCheck, Check, CheckCount, CheckCounts, InstanceCheck, Quarter,
        RowKind,
        codes::{Code, SumScope},
        postgres::{
            columns::signed,
            connection::{Failed, Parameter},
            fold::{self, Counted, buckets},
            recount::{BATCHES, Bounds, COUNTED, LAST, LOGS, STEP},
        },
    },
};

/// Quarter hours that are compared: the newest, and as many of the others, in equal distances.
const SAMPLED: usize = 96;

const NEWEST: &str = "SELECT coalesce(max(id), 0) FROM tower_activity.batch";
const HOSTS: &str = "SELECT number, host FROM tower_activity.log WHERE number = ANY($1::int[])";
const ACCEPTED: &str = "SELECT at, sum(greatest(activities, 0))::bigint, sum(greatest(-activities, 0))::bigint, \
       sum(greatest(events, 0))::bigint, sum(greatest(-events, 0))::bigint, sum(greatest(batches, 0))::bigint, \
       sum(greatest(-batches, 0))::bigint \
     FROM tower_activity.accepted GROUP BY at ORDER BY at DESC";
/// Rows of batches that are missing.
const NOT_COMPARED: &str = "SELECT (SELECT count(*) FROM tower_activity.activity AS a \
         WHERE NOT EXISTS (SELECT FROM tower_activity.batch AS b WHERE b.id = a.batch)) \
       + (SELECT count(*) FROM tower_activity.event AS e \
         WHERE NOT EXISTS (SELECT FROM tower_activity.batch AS b WHERE b.id = e.batch))";
const STATE: &str = "SELECT name, value FROM tower_activity.mark";
const UNCOUNTED: &str = "SELECT count(*), (extract(epoch FROM min(accepted_at)) * 1000000)::bigint, \
       floor(extract(epoch FROM now()) / 86400)::bigint \
     FROM tower_activity.batch WHERE ordinal IS NULL";
/// The quarter hours whose activities and sums are all kept: those with an activity, found by its id, and those with sums. An id has 48 bits of
/// milliseconds, which end in the quarter hour 312,749,974.
const QUARTERS: &str = "WITH RECURSIVE kept AS ( \
       SELECT greatest(max(value) FILTER (WHERE name = 'activity_horizon') * 96, max(value) FILTER (WHERE name = 'sums_from') + 1) AS first \
       FROM tower_activity.mark), \
     found (quarter) AS (SELECT first - 1 FROM kept UNION ALL SELECT ( \
         SELECT ('x' || left(replace(a.id::text, '-', ''), 12))::bit(48)::bigint / 900000 FROM tower_activity.activity AS a \
         WHERE a.id >= (lpad(to_hex((found.quarter + 1) * 900000), 12, '0') || repeat('0', 20))::uuid ORDER BY a.id LIMIT 1) \
       FROM found WHERE found.quarter < 312749974) \
     SELECT f.quarter FROM found AS f, kept WHERE f.quarter >= first \
     UNION SELECT b.quarter FROM tower_activity.bucket AS b, kept WHERE b.quarter >= first ORDER BY 1";
const SUMS: &str = ", b.scope, b.scope_id FROM tower_activity.bucket AS b WHERE b.quarter = $1";

/// Whether the sums of a day differ from those of its quarter hours, in one of the tables that rankings read. Of a day whose first
/// quarter hours were deleted nothing is known.
const DAY_DIFFERS: &str = "SELECT $1 >= (SELECT value FROM tower_activity.mark WHERE name = 'sums_from') AND ( \
     EXISTS (SELECT FROM (SELECT scope, scope_id, sum(count) AS count, sum(failed) AS failed, sum(sum_ns) AS sum_ns \
         FROM tower_activity.bucket WHERE quarter >= $1 AND quarter < $1 + 96 AND scope <> 0 GROUP BY 1, 2) AS q \
       FULL JOIN (SELECT * FROM tower_activity.bucket_day WHERE quarter = $1) AS d USING (scope, scope_id) \
       WHERE (q.count, q.failed, q.sum_ns) IS DISTINCT FROM (d.count::numeric, d.failed::numeric, d.sum_ns::numeric)) \
     OR EXISTS (SELECT FROM (SELECT agent, scope_id, sum(active) AS active, sum(turns) AS turns, sum(roots) AS roots \
         FROM tower_activity.agent_quarter WHERE quarter >= $1 AND quarter < $1 + 96 GROUP BY 1, 2) AS q \
       FULL JOIN (SELECT * FROM tower_activity.agent_day WHERE quarter = $1) AS d USING (agent, scope_id) \
       WHERE (q.active, q.turns, q.roots) IS DISTINCT FROM (d.active::numeric, d.turns::numeric, d.roots::numeric)))";

pub(super) fn check(reader: &mut PostgresReader, progress: &mut dyn FnMut(f64)) -> Result<Check> {
    let mut check = Check {
        has_ledger: true,
        central: Some(reader.snapshot(async |snapshot| state(snapshot).await)?),
        ..Check::default()
    };
    accepted(reader, &mut check)?;
    rows(reader, &mut check, &mut |done| progress(done / 2.0))?;
    let is_missing = check.total.commits.missing > 0;
    // It reads all rows: of a store that misses no batch there are none.
    if let Some(central) =
        (check.central.as_mut()).filter(|central| is_missing || central.accepted_batches > 0)
    {
        central.not_compared = reader.snapshot(async |snapshot| {
            let count: i64 = snapshot.query(NOT_COMPARED, &[]).await?[0].get(0);
            Ok(count.cast_unsigned())
        })?;
    }
    let quarters = reader.snapshot(async |snapshot| {
        let rows = snapshot.query(QUARTERS, &[]).await?;
        Ok(sample(rows.iter().map(|row| row.get(0)).collect()))
    })?;
    let mut day = None;
    for (at, quarter) in quarters.iter().enumerate() {
        let mut equal = reader.snapshot(async |snapshot| equals(snapshot, *quarter).await)?;
        let its_day = buckets::first_of_day(*quarter);
        if day.replace(its_day) != Some(its_day) {
            equal &= reader.snapshot(async |snapshot| day_equals(snapshot, its_day).await)?;
        }
        if !equal {
            check
                .differing_quarters
                .extend(Quarter::from_number(*quarter).start());
        }
        check.quarters += 1;
        progress(0.5 + (at + 1) as f64 / quarters.len() as f64 / 2.0);
    }
    Ok(check)
}

/// Compares the rows of each log.
fn rows(
    reader: &mut PostgresReader,
    check: &mut Check,
    progress: &mut dyn FnMut(f64),
) -> Result<()> {
    let newest: i64 =
        reader.snapshot(async |snapshot| Ok(snapshot.query(NEWEST, &[]).await?[0].get(0)))?;
    let mut logs = reader.snapshot(async |snapshot| batches(snapshot).await)?;
    let mut after = 0;
    loop {
        let (batches, last) = reader.snapshot(async |snapshot| {
            let step: [Parameter<'_>; 2] = [(&after, Type::INT8), (&STEP, Type::INT8)];
            let last = snapshot.query(LAST, &step).await?[0].get::<_, Option<i64>>(0);
            Ok((snapshot.query(BATCHES, &step).await?, last))
        })?;
        for row in &batches {
            let count = |expected, found| {
                CheckCount::new(
                    row.get::<_, Option<i64>>(expected)
                        .unwrap_or_default()
                        .cast_unsigned(),
                    row.get::<_, i64>(found).cast_unsigned(),
                )
            };
            logs.entry(row.get("log")).or_default().add(&CheckCounts {
                activities: count("activities", "found_activities"),
                events: count("events", "found_events"),
                ..CheckCounts::default()
            });
        }
        let Some(last) = last else { break };
        after = last;
        progress(after as f64 / newest.max(1) as f64);
    }
    logs.values().for_each(|log| check.total.add(log));
    logs.retain(|_, counts| !counts.agree());
    let numbers: Vec<i32> = logs.keys().copied().collect();
    let hosts = reader.snapshot(async |snapshot| {
        let rows = snapshot
            .query(HOSTS, &[(&numbers, Type::INT4_ARRAY)])
            .await?;
        Ok(rows
            .iter()
            .map(|row| (row.get(0), row.get(1)))
            .collect::<HashMap<i32, String>>())
    })?;
    check.differing = (logs.iter())
        .map(|(number, counts)| InstanceCheck {
            host: hosts.get(number).cloned(),
            counts: *counts,
            ..InstanceCheck::default()
        })
        .collect();
    Ok(())
}

/// Compares the batches of each log.
async fn batches(snapshot: &Snapshot<'_>) -> Result<BTreeMap<i32, CheckCounts>, Failed> {
    let rows = snapshot.query(LOGS, &[]).await?;
    let number = |row: &Row, column| row.get::<_, i64>(column).max(0).cast_unsigned();
    let counts = rows.iter().map(|row| {
        let commits = CheckCount::new(number(row, "batches"), number(row, "found_batches"));
        let counts = CheckCounts {
            commits,
            ..CheckCounts::default()
        };
        (row.get("log"), counts)
    });
    Ok(counts.collect())
}

/// Reads the changes that were accepted, newest first.
fn accepted(reader: &mut PostgresReader, check: &mut Check) -> Result<()> {
    let rows = reader.snapshot(async |snapshot| snapshot.query(ACCEPTED, &[]).await)?;
    for row in &rows {
        let at = instant(row.get(0));
        let number = |column| row.get::<_, i64>(column).cast_unsigned();
        let activities = AcceptedChange::new(at, RowKind::Activity, number(1), number(2));
        let events = AcceptedChange::new(at, RowKind::Event, number(3), number(4));
        let both = [activities, events].into_iter();
        check
            .accepted
            .extend(both.filter(|one| one.missing + one.surplus > 0));
        if let Some(central) = &mut check.central {
            central.accepted_batches += number(5);
            central.surplus_batches += number(6);
        }
    }
    Ok(())
}

async fn state(snapshot: &Snapshot<'_>) -> Result<CentralCheck, Failed> {
    let rows = snapshot.query(STATE, &[]).await?;
    let marks: HashMap<&str, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let mark = |name| marks.get(name).copied().unwrap_or_default();
    let since = |name, unit: i64| {
        let value = mark(name);
        (value > 0).then(|| instant(value.saturating_mul(unit)))
    };
    let uncounted = &snapshot.query(UNCOUNTED, &[]).await?[0];
    Ok(CentralCheck {
        uncounted: uncounted.get::<_, i64>(0).cast_unsigned(),
        uncounted_since: uncounted.get::<_, Option<i64>>(1).map(instant),
        days_ahead: mark("ahead") - uncounted.get::<_, i64>(2) - 1,
        activities_from: since("activity_horizon", 86_400_000_000),
        events_from: since("event_horizon", 86_400_000_000),
        sums_from: since("sums_from", 900_000_000),
        retained_at: since("retained_at", 1),
        accepted_batches: 0,
        surplus_batches: 0,
        not_compared: 0,
    })
}

/// The newest, and some of the others.
fn sample(mut quarters: Vec<i64>) -> Vec<i64> {
    let newest = quarters.split_off(quarters.len().saturating_sub(SAMPLED));
    let distance = quarters.len().div_ceil(SAMPLED).max(1);
    let others = quarters.into_iter().step_by(distance);
    others.chain(newest).collect()
}

/// Whether the stored sums of a quarter hour are those of its activities.
async fn equals(snapshot: &Snapshot<'_>, quarter: i64) -> Result<bool, Failed> {
    let sql = [fold::COLUMNS, COUNTED].concat();
    let bounds = Bounds::new(&(quarter..quarter + 1));
    let mut counted = Counted::new(&snapshot.query(&sql, &bounds.parameters()).await?);
    counted.buckets.add_agents(counted.agents.sums);
    let overall = counted
        .buckets
        .overall()
        .into_values()
        .map(|sums| ((SumScope::Overall, 0), sums));
    let sums = counted
        .buckets
        .sums
        .into_iter()
        .map(|((scope, id, _), sums)| ((scope, id), sums));
    let mut expected: HashMap<(i16, i64), _> = sums
        .chain(overall)
        .map(|((scope, id), sums)| ((scope.code() as i16, id), numbers(&sums)))
        .collect();
    let sql = ["SELECT ", buckets::COLUMNS, SUMS].concat();
    let stored = snapshot.query(&sql, &[(&quarter, Type::INT8)]).await?;
    let is_same = |row: &Row| {
        let found = numbers(&buckets::read(row));
        expected
            .remove(&(row.get(8), row.get(9)))
            .is_some_and(|sums| sums == found)
    };
    Ok(stored.iter().all(is_same) && expected.is_empty())
}

/// Compares the sums of a day with those of its quarter hours.
async fn day_equals(snapshot: &Snapshot<'_>, day: i64) -> Result<bool, Failed> {
    let differs = snapshot.query(DAY_DIFFERS, &[(&day, Type::INT8)]).await?;
    Ok(!differs[0].get::<_, bool>(0))
}

/// The numbers as they are stored.
fn numbers(sums: &Sums) -> [Option<i64>; 7] {
    [
        Some(signed(sums.count)),
        Some(signed(sums.failed)),
        Some(signed(sums.cancelled)),
        Some(signed(sums.timed)),
        Some(signed(sums.sum_ns)),
        sums.min_ns.map(signed),
        sums.max_ns.map(signed),
    ]
}
