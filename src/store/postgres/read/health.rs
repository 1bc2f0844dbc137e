//! The health of the store.

use tokio_postgres::types::Type;

use super::{
    Snapshot,
    compile::uuid,
    row::{bytes, instant, is_alive, is_heard},
};
use crate::{
    error::Result,
    record::{ActivityId, InstanceId},
    store::{
        Accounting, Health, Instance, InstanceHealth, LogCounts, LogHealth, LogsHealth, Retention,
        Sizes, Vitals,
        postgres::{connection::Failed, maintenance::retention},
    },
};

/// Rows up to which they are counted. The number of more is that of the server's statistics.
const MOST_COUNTED: i64 = 500_000;
const COUNTS: &str = "SELECT (SELECT value FROM tower_activity.mark WHERE name = 'schema') AS schema, \
     (SELECT count(*) FROM tower_activity.activity WHERE status = 5) AS abandoned, \
     (SELECT count(*) FROM tower_activity.activity WHERE id >= $1) \
       + (SELECT count(*) FROM tower_activity.event WHERE id >= $1) AS ahead";
const OPEN: &str = concat!(
    "SELECT count(*) FILTER (WHERE ",
    is_alive!("i", "l"),
    ") AS running, count(*) FILTER (WHERE NOT (",
    is_alive!("i", "l"),
    ")) AS unheard, \
       pg_database_size(current_database()) AS bytes \
     FROM tower_activity.open AS o JOIN tower_activity.log AS l ON l.number = o.log \
       JOIN tower_activity.instance AS i ON i.number = o.instance"
);
/// The size of each table with its partitions, and its rows as of the last `ANALYZE`, or by their usual size.
const TABLES: &str = "SELECT coalesce(parent.relname, c.relname)::text AS name, \
       sum(pg_total_relation_size(c.oid))::bigint AS bytes, \
       sum(CASE WHEN c.reltuples >= 0 AND c.relpages > 0 \
         THEN c.reltuples / c.relpages * (pg_relation_size(c.oid) / current_setting('block_size')::bigint) \
         ELSE pg_relation_size(c.oid) / 300 END)::bigint AS tuples \
     FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
       LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid LEFT JOIN pg_class AS parent ON parent.oid = i.inhparent \
     WHERE n.nspname = 'tower_activity' AND c.relkind = 'r' GROUP BY 1";
/// Whether a log is retired: nothing is left to be forwarded, and it was not heard of for a day.
macro_rules! is_retired {
    () => {
        "l.waiting = 0 AND l.heard_at < now() - interval '1 day'"
    };
}
const LOG_COUNTS: &str = concat!(
    "SELECT count(*) AS known, count(*) FILTER (WHERE ",
    is_heard!("l"),
    ") AS alive, count(*) FILTER (WHERE ",
    is_retired!(),
    ") AS retired, least(coalesce(sum(l.waiting), 0), 1e18)::bigint AS waiting, least(coalesce(sum(l.refused), 0), 1e18)::bigint AS refused, \
       least(coalesce(sum(l.outdated), 0), 1e18)::bigint AS outdated FROM tower_activity.log AS l"
);
const LOGS: &str = concat!(
    "SELECT l.id, l.host, (extract(epoch FROM l.heard_at) * 1000000)::bigint AS heard_at, \
       ",
    is_heard!("l"),
    " AS alive, l.waiting, l.refused, l.outdated \
     FROM tower_activity.log AS l WHERE NOT (",
    is_retired!(),
    ") ORDER BY l.heard_at DESC, l.number LIMIT $1"
);
const INSTANCES: &str = concat!(
    "SELECT i.uuid, l.id AS log, i.host, i.pid, i.started_at, i.stopped_at, i.saved_at, i.accounting, \
       ",
    is_alive!("i", "l"),
    " AS alive \
     FROM tower_activity.instance AS i JOIN tower_activity.log AS l ON l.number = i.log WHERE i.losses OR NOT (",
    is_retired!(),
    ") ORDER BY alive DESC, i.started_at DESC, i.number DESC LIMIT $1"
);
const ACCOUNTING: &str = "SELECT accounting FROM tower_activity.instance";
/// Logs, and instances, that are listed.
const MOST_LISTED: i64 = LogsHealth::MAX_LISTED as i64;

/// Reads the health. Of a large store the numbers of activities and events are estimates.
pub(super) async fn health(snapshot: &Snapshot<'_>) -> Result<Health, Failed> {
    let ahead = uuid(ActivityId::lower_bound(snapshot.ahead_from));
    let row = &snapshot.query(COUNTS, &[(&ahead, Type::UUID)]).await?[0];
    let open = &snapshot.query(OPEN, &[]).await?[0];
    let count = |row: &tokio_postgres::Row, column| row.get::<_, i64>(column).cast_unsigned();
    let mut health = Health {
        schema: count(row, "schema") as u32,
        running: count(open, "running"),
        abandoned: count(row, "abandoned") + count(open, "unheard"),
        bytes: count(open, "bytes"),
        ahead: count(row, "ahead"),
        retention: retention::read(&snapshot.query(retention::LIMITS, &[]).await?)
            .or(Retention::FOREVER),
        ..Health::default()
    };
    for row in snapshot.query(TABLES, &[]).await? {
        let bytes = count(&row, "bytes");
        let sizes = &mut health.sizes;
        match row.get("name") {
            "activity" => {
                health.activities = counted(snapshot, "activity", row.get("tuples")).await?;
                sizes.activities += bytes;
            }
            "event" => {
                health.events = counted(snapshot, "event", row.get("tuples")).await?;
                sizes.events += bytes;
            }
            name => *size_of(sizes, name) += bytes,
        }
    }
    health.logs = Some(logs(snapshot).await?);
    for row in snapshot
        .query(INSTANCES, &[(&MOST_LISTED, Type::INT8)])
        .await?
    {
        let at = |column| row.get::<_, Option<i64>>(column).map(instant);
        let instance = Instance::new(
            InstanceId::from_bytes(bytes(row.get("uuid"))),
            row.get::<_, &str>("host"),
            row.get::<_, i64>("pid") as u32,
            instant(row.get("started_at")),
        );
        let mut one = InstanceHealth::new(&instance);
        one.log = Some(row.get("log"));
        one.stopped_at = at("stopped_at");
        one.saved_at = at("saved_at");
        one.alive = row.get("alive");
        one.accounting = serde_json::from_str(row.get("accounting")).unwrap_or_default();
        health.instances.push(one);
    }
    let newest_first = |one: &InstanceHealth| std::cmp::Reverse(one.started_at);
    health.instances.sort_by_key(newest_first);
    Ok(health)
}

async fn logs(snapshot: &Snapshot<'_>) -> Result<LogsHealth, Failed> {
    let row = &snapshot.query(LOG_COUNTS, &[]).await?[0];
    let count = |row: &tokio_postgres::Row, column| row.get::<_, i64>(column).cast_unsigned();
    let mut logs = LogsHealth {
        counts: counts(row),
        waiting: count(row, "waiting"),
        refused: count(row, "refused"),
        outdated: count(row, "outdated"),
        list: Vec::new(),
    };
    for row in snapshot.query(LOGS, &[(&MOST_LISTED, Type::INT8)]).await? {
        logs.list.push(LogHealth {
            id: row.get("id"),
            host: row.get("host"),
            heard_at: instant(row.get("heard_at")),
            alive: row.get("alive"),
            waiting: count(&row, "waiting"),
            refused: count(&row, "refused"),
            outdated: count(&row, "outdated"),
        });
    }
    Ok(logs)
}

fn counts(row: &tokio_postgres::Row) -> LogCounts {
    let count = |column| row.get::<_, i64>(column).cast_unsigned();
    LogCounts {
        known: count("known"),
        alive: count("alive"),
        retired: count("retired"),
    }
}

fn size_of<'a>(sizes: &'a mut Sizes, table: &str) -> &'a mut u64 {
    match table {
        "recording" | "chunk" | "link" => &mut sizes.recordings,
        "bucket" | "bucket_day" | "agent_quarter" | "agent_day" | "turning_agent"
        | "turn_bucket" | "failure" => &mut sizes.sums,
        "dedup" => &mut sizes.events,
        _ => &mut sizes.activities,
    }
}

/// Counts the rows of a table, unless there are many.
async fn counted(snapshot: &Snapshot<'_>, table: &str, estimate: i64) -> Result<u64, Failed> {
    if estimate > MOST_COUNTED {
        return Ok(estimate.cast_unsigned());
    }
    let sql = format!("SELECT count(*) FROM tower_activity.{table}");
    let count: i64 = snapshot.query(&sql, &[]).await?[0].get(0);
    Ok(count.cast_unsigned())
}

/// Reads the part whose cost does not grow with the activities and events.
pub(super) async fn vitals(snapshot: &Snapshot<'_>) -> Result<Vitals, Failed> {
    let open = &snapshot.query(OPEN, &[]).await?[0];
    let accounting = snapshot.query(ACCOUNTING, &[]).await?;
    let accounting: Vec<Accounting> = accounting
        .iter()
        .map(|row| serde_json::from_str(row.get(0)).unwrap_or_default())
        .collect();
    Ok(Vitals {
        running: open.get::<_, i64>("running").cast_unsigned(),
        bytes: open.get::<_, i64>("bytes").cast_unsigned(),
        unindexed: 0,
        accounting: accounting.iter().sum(),
        logs: Some(counts(&snapshot.query(LOG_COUNTS, &[]).await?[0])),
    })
}
