//! Reads a row as a record.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    record::{
        ActivityId, ActivityRecord, EventId, EventRecord, InstanceId, Kind, Preview, Scope, SpanId,
        Status, Text, TraceId,
    },
    store::{batch_span::PER_BATCH, codes::Code},
};

/// The digits of [`PER_BATCH`], for statements.
macro_rules! per_batch {
    () => {
        1048576
    };
}
const _: () = assert!(per_batch!() == PER_BATCH);

/// The scope and the instance of a row of the alias `a`.
macro_rules! scope_columns {
    () => {
        "(SELECT value FROM tower_activity.text WHERE id = a.project) AS project, \
     (SELECT value FROM tower_activity.text WHERE id = a.agent) AS agent, \
     (SELECT value FROM tower_activity.text WHERE id = a.actor) AS actor, \
     (SELECT value FROM tower_activity.text WHERE id = a.brand) AS brand, \
     (SELECT value FROM tower_activity.text WHERE id = a.environment) AS environment, \
     (SELECT uuid FROM tower_activity.instance WHERE number = a.instance) AS instance, \
     "
    };
}

/// Whether a log was heard of in the last two minutes, by the server's clock.
macro_rules! is_heard {
    ($log:literal) => {
        concat!($log, ".heard_at > now() - interval '2 minutes'")
    };
}
/// Whether the process of an instance is alive: unless its log is not heard of.
macro_rules! is_alive {
    ($instance:literal, $log:literal) => {
        concat!(
            $instance,
            ".alive AND ",
            $crate::store::postgres::read::row::is_heard!($log)
        )
    };
}
pub(super) use {is_alive, is_heard};

/// The columns for [`activity`], of the alias `a`. Texts are looked up for each row that is returned: joins would be planned with
/// the tables, and might be read before the rows are limited.
pub(super) const ACTIVITY: &str = concat!(
    "SELECT a.id, a.parent, a.root, a.status, a.started_at, a.duration_ns, a.session, a.request, \
     a.error_type, a.message, a.attributes, a.truncated, a.trace_id, a.span_id, a.remote_parent, \
     a.input, a.input_bytes, a.input_truncated, a.output, a.output_bytes, a.output_truncated, \
     (SELECT value FROM tower_activity.text WHERE id = a.kind) AS kind, \
     (SELECT value FROM tower_activity.text WHERE id = a.name) AS name, \
     ",
    scope_columns!(),
    "(SELECT b.ordinal * ",
    per_batch!(),
    " + a.seq - b.first_activity FROM tower_activity.batch AS b WHERE b.id = a.batch) AS place, \
     EXISTS (SELECT 1 FROM tower_activity.link AS l WHERE l.activity = a.id) AS has_recording "
);
pub(super) const ENDED: &str = "FROM tower_activity.activity AS a ";
/// Those of a process that is not alive are abandoned.
pub(super) const OPEN: &str = concat!(
    "FROM (SELECT o.*, CASE WHEN ",
    is_alive!("instance", "log"),
    " THEN 0 ELSE 5 END::smallint \
       AS status, NULL::bigint AS duration_ns, NULL::text AS error_type, NULL::text AS message, NULL::bigint AS seq, \
       NULL::text AS output, NULL::bigint AS output_bytes, NULL::boolean AS output_truncated, NULL::bigint AS fingerprint, \
       NULL::bigint AS batch \
       FROM tower_activity.open AS o JOIN tower_activity.log AS log ON log.number = o.log \
       JOIN tower_activity.instance AS instance ON instance.number = o.instance) AS a "
);

/// The columns for [`event`], of the alias `a`.
pub(super) const EVENT: &str = concat!(
    "SELECT a.id, a.at, a.status, a.summary, a.count, a.reference, a.data, a.activity, \
     a.session, a.request, a.dedup_key, a.truncated, \
     (SELECT value FROM tower_activity.text WHERE id = a.type) AS type, \
     ",
    scope_columns!(),
    "(SELECT b.ordinal * ",
    per_batch!(),
    " + a.seq - b.first_event FROM tower_activity.batch AS b WHERE b.id = a.batch) AS place "
);
pub(super) const EVENTS: &str = "FROM tower_activity.event AS a ";

pub(super) fn activity(row: &Row) -> Result<ActivityRecord> {
    let id = ActivityId::from_bytes(bytes(row.get("id")));
    let started_at_us: i64 = row.get("started_at");
    let duration_ns: Option<i64> = row.get("duration_ns");
    let ended_at = duration_ns.map(|ns| instant(started_at_us.saturating_add(ns / 1000)));
    let root = row.get::<_, Option<Uuid>>("root");
    let root = root.map_or(id, |root| ActivityId::from_bytes(bytes(root)));
    let trace_id = fixed(row, "trace_id").and_then(TraceId::from_bytes);
    let span = |column| fixed(row, column).and_then(SpanId::from_bytes);
    let attributes: Option<String> = row.get("attributes");
    let attributes = attributes.map(|json| serde_json::from_str(&json));
    let is_damaged = attributes.as_ref().is_some_and(Result::is_err);
    let preview = |text: &str, bytes: &str, truncated: &str| {
        let text: Option<String> = row.get(text);
        text.map(|text| {
            let bytes = row.get::<_, Option<i64>>(bytes);
            let bytes = bytes.map_or(text.len() as u64, i64::cast_unsigned);
            Preview::new(
                text,
                bytes,
                row.get::<_, Option<bool>>(truncated).unwrap_or_default(),
            )
        })
    };
    Ok(ActivityRecord {
        id,
        parent: row
            .get::<_, Option<Uuid>>("parent")
            .map(|id| ActivityId::from_bytes(bytes(id))),
        root,
        trace_id: trace_id.unwrap_or(TraceId::from_root(root)),
        span_id: span("span_id").unwrap_or(SpanId::from_activity(id)),
        remote_parent: span("remote_parent"),
        // A later version may have added kinds.
        kind: (row.get::<_, Option<&str>>("kind"))
            .and_then(|kind| kind.parse().ok())
            .unwrap_or(Kind::Custom),
        name: text(row, "name").unwrap_or_default(),
        status: status(row)?,
        error_type: text(row, "error_type"),
        message: text(row, "message"),
        started_at: instant(started_at_us),
        ended_at,
        duration_ns: duration_ns.map(i64::cast_unsigned),
        scope: scope(row),
        instance: instance(row),
        attributes: attributes.and_then(Result::ok).unwrap_or_default(),
        truncated: row.get::<_, bool>("truncated") || is_damaged,
        input: preview("input", "input_bytes", "input_truncated"),
        output: preview("output", "output_bytes", "output_truncated"),
        has_recording: row.get("has_recording"),
        ahead: false,
        seq: row.get("place"),
    })
}

pub(super) fn event(row: &Row) -> Result<EventRecord> {
    let data: Option<String> = row.get("data");
    let data = data.map(|json| serde_json::from_str(&json).unwrap_or(Value::String(json)));
    Ok(EventRecord {
        id: EventId::from_bytes(bytes(row.get("id"))),
        at: instant(row.get("at")),
        event_type: text(row, "type").unwrap_or_default(),
        status: status(row)?,
        summary: text(row, "summary"),
        count: row.get::<_, i64>("count").cast_unsigned(),
        reference: text(row, "reference"),
        data,
        activity: row
            .get::<_, Option<Uuid>>("activity")
            .map(|id| ActivityId::from_bytes(bytes(id))),
        scope: scope(row),
        dedup_key: text(row, "dedup_key"),
        truncated: row.get("truncated"),
        instance: instance(row),
        ahead: false,
        seq: row.get::<_, Option<i64>>("place").unwrap_or_default(),
    })
}

pub(super) fn bytes(id: Uuid) -> [u8; 16] {
    id.into_bytes()
}

/// Returns the instant that is nearest to a number of microseconds since the Unix epoch.
pub(super) fn instant(us: i64) -> DateTime<Utc> {
    let ends = [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC];
    let nearest = ends[usize::from(us > 0)];
    DateTime::from_timestamp_micros(us).unwrap_or(nearest)
}

pub(super) fn status(row: &Row) -> Result<Status> {
    let code = i64::from(row.get::<_, i16>("status"));
    Status::from_code(code).ok_or_else(|| Error::store(format!("{code} is not a status code")))
}

fn text(row: &Row, column: &str) -> Option<Text> {
    row.get::<_, Option<String>>(column).map(Text::from)
}

fn fixed<const N: usize>(row: &Row, column: &str) -> Option<[u8; N]> {
    row.get::<_, Option<&[u8]>>(column)?.try_into().ok()
}

fn instance(row: &Row) -> InstanceId {
    let id: Option<Uuid> = row.get("instance");
    InstanceId::from_bytes(id.map(bytes).unwrap_or_default())
}

fn scope(row: &Row) -> Scope {
    Scope {
        project: text(row, "project"),
        agent: text(row, "agent"),
        actor: text(row, "actor"),
        brand: text(row, "brand"),
        environment: text(row, "environment"),
        session: text(row, "session"),
        request: text(row, "request"),
    }
}
