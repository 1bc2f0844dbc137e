//! The health of the store.

use uuid::Uuid;

use super::{ClickHouseReader, row};
use crate::{
    error::{Error, Result},
    record::{ActivityId, Status},
    store::{
        Health, Instance, InstanceHealth, LogCounts, LogHealth, LogsHealth, Retention,
        clickhouse::{client::Statement, row_binary::RowReader, rows::number},
    },
};

const COUNTS: &str = "SELECT (SELECT value FROM mark WHERE name = 'schema'), (SELECT count() FROM activity), (SELECT count() FROM event), \
     (SELECT count() FROM activity WHERE status = 5), (SELECT count() FROM activity WHERE id >= {ahead:UInt128}) \
       + (SELECT count() FROM event WHERE id >= {ahead:UInt128})";
/// The sizes of all tables.
const SIZES: &str = "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table";
macro_rules! is_heard {
    () => {
        "heard_at > now64(6) - INTERVAL 2 MINUTE"
    };
}
/// Whether a log is retired: nothing is left to be forwarded, and it was not heard of for a day.
macro_rules! is_retired {
    () => {
        "waiting = 0 AND heard_at < now64(6) - INTERVAL 1 DAY"
    };
}
const LOG_COUNTS: &str = concat!(
    "SELECT count(), countIf(",
    is_heard!(),
    "), countIf(",
    is_retired!(),
    "), sum(waiting) FROM log"
);
const LOGS: &str = concat!(
    "SELECT id, host, toUnixTimestamp64Micro(heard_at), ",
    is_heard!(),
    ", waiting FROM log WHERE NOT (",
    is_retired!(),
    ") ORDER BY heard_at DESC, id LIMIT {limit:UInt64}"
);
const INSTANCES: &str = concat!(
    "SELECT id, log, host, pid, started_at, stopped_at, saved_at, accounting, alive AND log IN (SELECT id FROM log WHERE ",
    is_heard!(),
    ") AS is_alive FROM instance WHERE log IN (SELECT id FROM log WHERE NOT (",
    is_retired!(),
    ")) ORDER BY is_alive DESC, started_at DESC, id DESC LIMIT {limit:UInt64}"
);
/// Logs, and instances, that are listed.
const MOST_LISTED: u64 = LogsHealth::MAX_LISTED as u64;

pub(super) fn health(reader: &ClickHouseReader) -> Result<Health> {
    let ahead = ActivityId::lower_bound(reader.ahead_from());
    let counts = Statement::new(COUNTS).with("ahead", &number(ahead.as_bytes()));
    let answer = reader.query(counts.reading())?;
    let mut row = RowReader::new(&answer);
    // A query of one value may find none.
    let schema: Option<i64> = row.next()?;
    let mut count = || Ok::<_, Error>(row.next::<Option<u64>>()?.unwrap_or_default());
    let mut health = Health {
        schema: schema.unwrap_or_default() as u32,
        activities: count()?,
        events: count()?,
        abandoned: count()?,
        ahead: count()?,
        retention: Retention::FOREVER,
        ..Health::default()
    };
    for one in reader.open_activities()? {
        match one.status {
            Status::Running => health.running += 1,
            _ => health.abandoned += 1,
        }
    }
    let answer = reader.query(Statement::new(SIZES))?;
    let mut rows = RowReader::new(&answer);
    while !rows.is_at_end() {
        let (table, bytes): (String, u64) = (rows.next()?, rows.next()?);
        health.bytes += bytes;
        let sizes = &mut health.sizes;
        *match table.as_str() {
            "recording" | "chunk" | "link" => &mut sizes.recordings,
            "event" | "dedup" => &mut sizes.events,
            _ => &mut sizes.activities,
        } += bytes;
    }
    health.logs = Some(logs(reader)?);
    health.instances = instances(reader)?;
    Ok(health)
}

fn logs(reader: &ClickHouseReader) -> Result<LogsHealth> {
    let answer = reader.query(Statement::new(LOG_COUNTS).reading())?;
    let mut row = RowReader::new(&answer);
    let mut logs = LogsHealth {
        counts: LogCounts {
            known: row.next()?,
            alive: row.next()?,
            retired: row.next()?,
        },
        waiting: row.next()?,
        ..LogsHealth::default()
    };
    let statement = Statement::new(LOGS).with("limit", &MOST_LISTED);
    let answer = reader.query(statement.reading())?;
    let mut rows = RowReader::new(&answer);
    while !rows.is_at_end() {
        logs.list.push(LogHealth {
            id: Uuid::from_u128(rows.next()?),
            host: rows.next()?,
            heard_at: row::instant(rows.next()?),
            alive: rows.next()?,
            waiting: rows.next()?,
            // The engine refuses no value, and nothing is too old for it.
            refused: 0,
            outdated: 0,
        });
    }
    Ok(logs)
}

fn instances(reader: &ClickHouseReader) -> Result<Vec<InstanceHealth>> {
    let statement = Statement::new(INSTANCES).with("limit", &MOST_LISTED);
    let answer = reader.query(statement.reading())?;
    let mut rows = RowReader::new(&answer);
    let mut instances = Vec::new();
    while !rows.is_at_end() {
        let id = row::instance(&mut rows)?;
        let log = Uuid::from_u128(rows.next()?);
        let (host, pid): (String, u32) = (rows.next()?, rows.next()?);
        let instance = Instance::new(id, host, pid, row::instant(rows.next()?));
        let mut one = InstanceHealth::new(&instance);
        one.log = Some(log);
        one.stopped_at = rows.next::<Option<i64>>()?.map(row::instant);
        let saved_at: i64 = rows.next()?;
        one.saved_at = (saved_at != 0).then(|| row::instant(saved_at));
        let accounting: &[u8] = rows.next()?;
        one.accounting = serde_json::from_slice(accounting).unwrap_or_default();
        one.alive = rows.next()?;
        instances.push(one);
    }
    instances.sort_by_key(|one| std::cmp::Reverse(one.started_at));
    Ok(instances)
}
