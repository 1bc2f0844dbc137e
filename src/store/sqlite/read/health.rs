//! The health of the store, and its integrity check.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, ErrorCode, Row};

use super::{check, clock, failed, growth, row::instant};
use crate::{
    error::{Error, Result},
    record::InstanceId,
    store::{
        Health, InstanceHealth, LastCheck, Retention, TargetHealth, Vitals,
        sqlite::{
            columns::unsigned,
            maintenance::{search::index_lag, size, target},
            open::schema,
        },
    },
};

const SCHEMA: &str = "PRAGMA user_version";
const ACTIVITIES: &str = "SELECT count(*) FROM activity";
const EVENTS: &str = "SELECT count(*) FROM event";
const BYTES: &str = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
const INSTANCES: &str = "SELECT i.uuid, i.host, i.pid, i.started_at, i.stopped_at, i.accounting, \
     (SELECT count(*) FROM open WHERE instance = i.id), json_extract(i.accounting, '$.saved_at') FROM instance AS i";
const NEWEST_FIRST: &str = " ORDER BY i.id DESC";
const WITH_ID: &str = " WHERE i.uuid = ?1";
// No row until all four kinds have been checked.
const LAST_CHECK: &str = "SELECT min(finished_at), sum(missing), sum(surplus), iif(count(complete_at) = 4, min(complete_at), NULL) \
     FROM ledger_check HAVING count(finished_at) = 4";
const TARGETS: &str = "SELECT name, max(0, (SELECT coalesce(max(seq), 0) FROM activity) - activity) \
       + max(0, (SELECT coalesce(max(seq), 0) FROM event) - event) + max(0, (SELECT coalesce(max(seq), 0) FROM chunk) - chunk), \
     (SELECT min(at) FROM (SELECT * FROM (SELECT started_at + coalesce(duration_ns, 0) / 1000 AS at FROM activity AS a \
         WHERE a.seq > target.activity ORDER BY a.seq LIMIT 1) \
       UNION ALL SELECT * FROM (SELECT at FROM event AS e WHERE e.seq > target.event ORDER BY e.seq LIMIT 1) \
       UNION ALL SELECT * FROM (SELECT until_at FROM chunk AS c WHERE c.seq > target.chunk ORDER BY c.seq LIMIT 1))), \
     lost, error, error_at FROM target ORDER BY name";
/// A hundred errors are enough to know that a file is damaged.
const INTEGRITY: &str = "PRAGMA integrity_check(100)";

/// Counts the records, and reads the state of every instance.
pub(super) fn health(
    connection: &Connection,
    now: DateTime<Utc>,
    alive: &dyn Fn(InstanceId) -> bool,
) -> Result<Health> {
    let number = |sql: &str, what| {
        let answer = connection.query_row(sql, (), |row| row.get::<_, i64>(0));
        answer.map(unsigned).map_err(failed(what))
    };
    let mut health = Health {
        schema: u32::try_from(number(SCHEMA, "read the schema's version")?).unwrap_or(u32::MAX),
        activities: number(ACTIVITIES, "count the activities")?,
        events: number(EVENTS, "count the events")?,
        running: 0,
        abandoned: 0,
        bytes: number(BYTES, "measure the store")?,
        sizes: size::all(connection).map_err(failed("measure the records"))?,
        last_check: last_check(connection)?,
        unindexed: index_lag(connection).map_err(failed("read the index lag"))?,
        growth: Some(growth::growth(connection, now)?),
        retention: clock::retention(connection)?.or(Retention::DEFAULT),
        clock: clock::health(connection)?,
        ahead: clock::count_ahead(connection, clock::ahead_from(now))?,
        targets: targets(connection)?,
        logs: None,
        instances: Vec::new(),
    };
    let instances = instances(connection, alive)?;
    health.running = instances.running;
    health.abandoned = instances.abandoned;
    health.instances = instances.all;
    Ok(health)
}

/// Reads how far the file was forwarded.
fn targets(connection: &Connection) -> Result<Vec<TargetHealth>> {
    let attempt = || failed("read how far the file was forwarded");
    if !target::has_targets(connection).map_err(attempt())? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(TARGETS).map_err(attempt())?;
    let mut rows = statement.query(()).map_err(attempt())?;
    let mut targets = Vec::new();
    while let Some(row) = rows.next().map_err(attempt())? {
        let at = |column| {
            let us: Option<i64> = row.get(column).map_err(attempt())?;
            us.map(instant).transpose()
        };
        targets.push(TargetHealth {
            name: row.get(0).map_err(attempt())?,
            behind: unsigned(row.get(1).map_err(attempt())?),
            behind_since: at(2)?,
            lost_not_forwarded: unsigned(row.get(3).map_err(attempt())?),
            error: row.get(4).map_err(attempt())?,
            error_since: at(5)?,
        });
    }
    Ok(targets)
}

/// Reads the part whose cost does not grow with the activities and events.
pub(super) fn vitals(
    connection: &Connection,
    alive: &dyn Fn(InstanceId) -> bool,
) -> Result<Vitals> {
    let bytes = connection.query_row(BYTES, (), |row| row.get::<_, i64>(0));
    let instances = instances(connection, alive)?;
    Ok(Vitals {
        running: instances.running,
        bytes: unsigned(bytes.map_err(failed("measure the store"))?),
        unindexed: index_lag(connection).map_err(failed("read the index lag"))?,
        accounting: instances.all.iter().map(|one| &one.accounting).sum(),
        logs: None,
    })
}

/// Reads all instances.
pub(super) fn all_instances(
    connection: &Connection,
    alive: &dyn Fn(InstanceId) -> bool,
) -> Result<Vec<InstanceHealth>> {
    Ok(instances(connection, alive)?.all)
}

/// All instances of a store, and their open activities.
#[derive(Default)]
struct Instances {
    /// Newest first.
    all: Vec<InstanceHealth>,
    running: u64,
    abandoned: u64,
}

/// Reads the instances with these ids.
pub(super) fn instances_with(
    connection: &Connection,
    ids: &[InstanceId],
    alive: &dyn Fn(InstanceId) -> bool,
) -> Result<Vec<InstanceHealth>> {
    let attempt = || failed("read an instance");
    let mut statement = connection
        .prepare_cached(&[INSTANCES, WITH_ID].concat())
        .map_err(attempt())?;
    let mut found = Vec::new();
    for id in ids {
        let mut rows = statement.query([id.as_bytes()]).map_err(attempt())?;
        while let Some(row) = rows.next().map_err(attempt())? {
            found.push(instance(row, alive)?);
        }
    }
    Ok(found)
}

fn instances(connection: &Connection, alive: &dyn Fn(InstanceId) -> bool) -> Result<Instances> {
    let attempt = || failed("read the instances");
    let mut instances = Instances::default();
    let mut statement = connection
        .prepare_cached(&[INSTANCES, NEWEST_FIRST].concat())
        .map_err(attempt())?;
    let mut rows = statement.query(()).map_err(attempt())?;
    while let Some(row) = rows.next().map_err(attempt())? {
        let open = unsigned(row.get(6).map_err(attempt())?);
        let instance = instance(row, alive)?;
        match instance.alive {
            true => instances.running += open,
            false => instances.abandoned += open,
        }
        instances.abandoned += instance.accounting.activities.abandoned;
        instances.all.push(instance);
    }
    Ok(instances)
}

/// Runs SQLite's integrity check, and compares the schema with the expected one.
pub(super) fn integrity_errors(connection: &Connection) -> Result<Vec<String>> {
    match integrity_check(connection) {
        Ok(lines) => {
            let mut lines: Vec<_> = lines.into_iter().filter(|line| line != "ok").collect();
            lines.extend(schema::problems(connection).map_err(failed("check the schema"))?);
            Ok(lines)
        }
        // Some damage makes the check itself fail: report that as its result.
        Err(cause) if is_damage(&cause) => Ok(vec![cause.to_string()]),
        Err(cause) => Err(failed("check the integrity of the store")(cause)),
    }
}

fn integrity_check(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(INTEGRITY)?;
    statement.query_map((), |row| row.get(0))?.collect()
}

fn is_damage(cause: &rusqlite::Error) -> bool {
    let code = cause.sqlite_error_code();
    code.is_some_and(|code| matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Reads the result of the last daily check; `None` before the first.
fn last_check(connection: &Connection) -> Result<Option<LastCheck>> {
    if !check::has_ledger(connection)? {
        return Ok(None);
    }
    let attempt = || failed("read the last check");
    let mut statement = connection.prepare_cached(LAST_CHECK).map_err(attempt())?;
    let mut rows = statement.query(()).map_err(attempt())?;
    let Some(row) = rows.next().map_err(attempt())? else {
        return Ok(None);
    };
    let complete_at: Option<i64> = row.get(3).map_err(attempt())?;
    Ok(Some(LastCheck {
        finished_at: instant(row.get(0).map_err(attempt())?)?,
        missing: unsigned(row.get(1).map_err(attempt())?),
        surplus: unsigned(row.get(2).map_err(attempt())?),
        complete_at: complete_at.map(instant).transpose()?,
    }))
}

fn instance(row: &Row<'_>, alive: &dyn Fn(InstanceId) -> bool) -> Result<InstanceHealth> {
    let attempt = || failed("read an instance");
    let id = InstanceId::from_bytes(row.get(0).map_err(attempt())?);
    let stopped_at: Option<i64> = row.get(4).map_err(attempt())?;
    let saved_at: Option<i64> = row.get(7).map_err(attempt())?;
    let accounting: String = row.get(5).map_err(attempt())?;
    let accounting = serde_json::from_str(&accounting).map_err(|cause| {
        Error::store(format!("could not read the accounting of instance {id}")).with_source(cause)
    })?;
    Ok(InstanceHealth {
        id,
        log: None,
        host: row.get(1).map_err(attempt())?,
        pid: row.get(2).map_err(attempt())?,
        started_at: instant(row.get(3).map_err(attempt())?)?,
        stopped_at: stopped_at.map(instant).transpose()?,
        alive: stopped_at.is_none() && alive(id),
        saved_at: saved_at.map(instant).transpose()?,
        accounting,
    })
}
