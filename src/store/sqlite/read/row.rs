//! Reads a row as an activity.

use chrono::{DateTime, Utc};
use rusqlite::Row;

use crate::{
    error::{Error, Result},
    record::{
        ActivityId, ActivityRecord, InstanceId, Kind, Preview, Scope, SpanId, Status, Text, TraceId,
    },
    store::{codes::Code, sqlite::columns::unsigned},
};

/// The columns for [`record`], from the alias `a` and the joins below.
pub(super) const COLUMNS: &str = "SELECT a.id, a.parent, a.root, kind.value, name.value, a.status, a.started_at, a.duration_ns, \
     instance.uuid, project.value, agent.value, actor.value, brand.value, environment.value, a.session, a.request, \
     a.error_type, a.message, a.attributes, a.truncated, a.seq, \
     a.trace_id, a.span_id, a.remote_parent, ";

/// The last columns, and the table of ended activities.
pub(super) const ENDED: &str = "p.input, p.input_bytes, p.input_truncated, p.output, p.output_bytes, p.output_truncated, \
     EXISTS (SELECT 1 FROM link WHERE activity = a.id) FROM activity AS a LEFT JOIN preview AS p ON p.activity = a.seq";

/// The same in commit order: in the order of row ids.
pub(super) const ENDED_BY_SEQ: &str = "p.input, p.input_bytes, p.input_truncated, p.output, p.output_bytes, p.output_truncated, \
     EXISTS (SELECT 1 FROM link WHERE activity = a.id) FROM activity AS a NOT INDEXED LEFT JOIN preview AS p ON p.activity = a.seq";

/// The same for open activities. The first parameter is a JSON list of the row ids of living instances.
pub(super) const OPEN: &str = "a.input, a.input_bytes, a.input_truncated, NULL, NULL, NULL, \
     EXISTS (SELECT 1 FROM link WHERE activity = a.id) FROM (SELECT id, parent, root, kind, name, \
                  CASE WHEN instance IN (SELECT value FROM json_each(?)) THEN 0 ELSE 5 END AS status, \
                  started_at, NULL AS duration_ns, instance, project, agent, actor, brand, environment, session, \
                  request, NULL AS error_type, NULL AS message, attributes, truncated, NULL AS seq, \
                  trace_id, span_id, remote_parent, \
                  input, input_bytes, input_truncated FROM open) AS a";

/// The joins of both tables. Outer joins, so that SQLite reads the tables in this order.
pub(super) const JOINS: &str = " LEFT JOIN text AS kind ON kind.id = a.kind LEFT JOIN text AS name ON name.id = a.name \
     LEFT JOIN instance ON instance.id = a.instance \
     LEFT JOIN text AS project ON project.id = a.project LEFT JOIN text AS agent ON agent.id = a.agent \
     LEFT JOIN text AS actor ON actor.id = a.actor LEFT JOIN text AS brand ON brand.id = a.brand \
     LEFT JOIN text AS environment ON environment.id = a.environment WHERE ";

/// Reads one row.
pub(super) fn record(row: &Row<'_>) -> Result<ActivityRecord> {
    let id = ActivityId::from_bytes(get(row, 0)?);
    columns(row, id).map_err(|cause| {
        Error::store(format!("could not read the row of activity {id}")).with_source(cause)
    })
}

fn columns(row: &Row<'_>, id: ActivityId) -> Result<ActivityRecord> {
    let started_at_us: i64 = get(row, 6)?;
    let duration_ns: Option<i64> = get(row, 7)?;
    let started_at = instant(started_at_us)?;
    let ended_at = duration_ns.map(|ns| instant(started_at_us.saturating_add(ns / 1000)));
    let text = |column| get::<Option<String>>(row, column).map(|text| text.map(Text::from));
    let root = get::<Option<[u8; 16]>>(row, 2)?.map_or(id, ActivityId::from_bytes);
    let trace_id = get::<Option<[u8; 16]>>(row, 21)?.and_then(TraceId::from_bytes);
    let span =
        |column| get::<Option<[u8; 8]>>(row, column).map(|id| id.and_then(SpanId::from_bytes));
    Ok(ActivityRecord {
        id,
        parent: get::<Option<[u8; 16]>>(row, 1)?.map(ActivityId::from_bytes),
        root,
        trace_id: trace_id.unwrap_or(TraceId::from_root(root)),
        span_id: span(22)?.unwrap_or(SpanId::from_activity(id)),
        remote_parent: span(23)?,
        // A later version may have added kinds.
        kind: get::<String>(row, 3)?.parse().unwrap_or(Kind::Custom),
        name: get::<String>(row, 4)?.into(),
        status: status(get(row, 5)?)?,
        error_type: text(16)?,
        message: text(17)?,
        started_at,
        ended_at: ended_at.transpose()?,
        duration_ns: duration_ns.map(unsigned),
        scope: Scope {
            project: text(9)?,
            agent: text(10)?,
            actor: text(11)?,
            brand: text(12)?,
            environment: text(13)?,
            session: text(14)?,
            request: text(15)?,
        },
        instance: InstanceId::from_bytes(get(row, 8)?),
        attributes: attributes(get(row, 18)?)?,
        truncated: get::<Option<bool>>(row, 19)?.unwrap_or_default(),
        input: preview(row, 24)?,
        output: preview(row, 27)?,
        has_recording: get(row, 30)?,
        // `Snapshot::records` sets it.
        ahead: false,
        seq: get(row, 20)?,
    })
}

pub(super) fn get<T: rusqlite::types::FromSql>(row: &Row<'_>, column: usize) -> Result<T> {
    row.get(column).map_err(|cause| {
        let name = row.as_ref().column_name(column).unwrap_or("?");
        Error::store(format!("could not read the column {name}")).with_source(cause)
    })
}

pub(super) fn status(code: i64) -> Result<Status> {
    Status::from_code(code).ok_or_else(|| Error::store(format!("{code} is not a status code")))
}

fn attributes(json: Option<String>) -> Result<serde_json::Map<String, serde_json::Value>> {
    let Some(json) = json else {
        return Ok(serde_json::Map::new());
    };
    serde_json::from_str(&json)
        .map_err(|cause| Error::store("the attributes are not a JSON object").with_source(cause))
}

fn preview(row: &Row<'_>, first: usize) -> Result<Option<Preview>> {
    let Some(text) = get::<Option<String>>(row, first)? else {
        return Ok(None);
    };
    let bytes = get::<Option<i64>>(row, first + 1)?;
    let bytes = bytes.map_or(text.len() as u64, unsigned);
    let truncated = get::<Option<bool>>(row, first + 2)?.unwrap_or_default();
    Ok(Some(Preview::new(text, bytes, truncated)))
}

pub(super) fn instant(us: i64) -> Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(us).ok_or_else(|| {
        Error::store(format!(
            "{us} microseconds since the Unix epoch are not a valid time"
        ))
    })
}
