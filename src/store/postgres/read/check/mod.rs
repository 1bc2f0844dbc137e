//! Compares the rows with what batches have inserted, and the sums with the activities.

mod sums;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio_postgres::{Row, types::Type};

use super::{PostgresReader, Snapshot, row::instant};
use crate::{
    error::Result,
    store::{
        AcceptedChange, CentralCheck, Check, CheckCount, CheckCounts, InstanceCheck, Quarter,
        RowKind,
        postgres::{
            connection::{Failed, Parameter},
            fold::buckets,
            recount::{ACCEPTED_STRAYS, ACTIVITIES, BATCHES, LAST, LOGS, STEP, STRAY_EVENTS},
        },
    },
};

/// Quarter hours that are compared: the newest, as many of the others, in equal distances, and of those that count another number of
/// activities than there are.
const SAMPLED: usize = 96;

const NEWEST: &str = "SELECT coalesce(max(id), 0) FROM tower_activity.batch";
const HOSTS: &str = "SELECT number, host FROM tower_activity.log WHERE number = ANY($1::int[])";
const ACCEPTED: &str = "SELECT at, sum(greatest(activities, 0))::bigint, sum(greatest(-activities, 0))::bigint, \
       sum(greatest(events, 0))::bigint, sum(greatest(-events, 0))::bigint, sum(greatest(batches, 0))::bigint, \
       sum(greatest(-batches, 0))::bigint \
     FROM tower_activity.accepted GROUP BY at ORDER BY at DESC";
const STATE: &str = "SELECT name, value FROM tower_activity.mark";
const UNCOUNTED: &str = "SELECT count(*), (extract(epoch FROM min(accepted_at)) * 1000000)::bigint, \
       floor(extract(epoch FROM now()) / 86400)::bigint \
     FROM tower_activity.batch WHERE ordinal IS NULL";
/// The first quarter hour whose activities and sums are all kept, and the first whose sums are kept.
const FIRST_KEPT: &str = "SELECT greatest(max(value) FILTER (WHERE name = 'activity_horizon') * 96, \
       max(value) FILTER (WHERE name = 'sums_from') + 1), max(value) FILTER (WHERE name = 'sums_from') FROM tower_activity.mark";
/// The quarter hours with sums, and how many activities they count.
const SUMMED: &str = "SELECT quarter, sum(count)::bigint FROM ( \
       SELECT quarter, count FROM tower_activity.bucket WHERE scope = 0 AND scope_id = 0 \
       UNION SELECT quarter, 0 FROM tower_activity.bucket UNION SELECT quarter, 0 FROM tower_activity.agent_quarter \
       UNION SELECT quarter, 0 FROM tower_activity.turn_bucket UNION SELECT quarter, 0 FROM tower_activity.failure) AS s \
     WHERE quarter >= $1 GROUP BY quarter";

pub(super) fn check(reader: &mut PostgresReader, progress: &mut dyn FnMut(f64)) -> Result<Check> {
    let mut check = Check {
        has_ledger: true,
        central: Some(reader.snapshot(async |snapshot| state(snapshot).await)?),
        ..Check::default()
    };
    accepted(reader, &mut check)?;
    rows(reader, &mut check, &mut |done| progress(done / 2.0))?;
    let quarters = activities(reader, &mut check)?;
    let mut day = None;
    for (at, quarter) in quarters.iter().enumerate() {
        let mut equal =
            reader.snapshot(async |snapshot| sums::are_equal(snapshot, *quarter).await)?;
        let its_day = buckets::first_of_day(*quarter);
        if day.replace(its_day) != Some(its_day) {
            equal &= reader.snapshot(async |snapshot| sums::of_day(snapshot, its_day).await)?;
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

/// Counts the activities of each quarter hour, and the records that are in no batch. Returns the quarter hours whose sums are to be
/// compared.
fn activities(reader: &mut PostgresReader, check: &mut Check) -> Result<Vec<i64>> {
    reader.snapshot(async |snapshot| {
        let first: i64 = snapshot.query(FIRST_KEPT, &[]).await?[0].get(0);
        let (mut counts, mut strays) = (BTreeMap::<i64, (i64, i64)>::new(), 0);
        for row in snapshot.query(ACTIVITIES, &[]).await? {
            strays += row.get::<_, i64>(2);
            counts.insert(row.get(0), (row.get(1), 0));
        }
        for row in snapshot.query(SUMMED, &[(&first, Type::INT8)]).await? {
            counts.entry(row.get(0)).or_default().1 = row.get(1);
        }
        let stray_events: i64 = snapshot.query(STRAY_EVENTS, &[]).await?[0].get(0);
        let accepted = &snapshot.query(ACCEPTED_STRAYS, &[]).await?[0];
        if let Some(central) = &mut check.central {
            central.not_compared = (strays + stray_events).cast_unsigned();
            let new = (strays - accepted.get::<_, i64>(0)).max(0)
                + (stray_events - accepted.get::<_, i64>(1)).max(0);
            central.strays = new.cast_unsigned();
        }
        let counts = counts.range(first..);
        Ok(sample(
            counts
                .map(|(quarter, (counted, summed))| (*quarter, counted != summed))
                .collect(),
        ))
    })
}

/// Returns the newest quarter hours, some of the others, and some of those that differ.
fn sample(mut quarters: Vec<(i64, bool)>) -> Vec<i64> {
    let differ: Vec<i64> = quarters
        .iter()
        .filter(|one| one.1)
        .map(|one| one.0)
        .take(SAMPLED)
        .collect();
    let newest = quarters.split_off(quarters.len().saturating_sub(SAMPLED));
    let distance = quarters.len().div_ceil(SAMPLED).max(1);
    let others = quarters.into_iter().step_by(distance);
    let all = others.chain(newest).map(|one| one.0).chain(differ);
    all.collect::<BTreeSet<i64>>().into_iter().collect()
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
        ..CentralCheck::default()
    })
}
