//! Reads a row as a record.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    record::{
        ActivityId, ActivityRecord, EventId, EventRecord, InstanceId, Kind, Preview, Scope, SpanId,
        Status, Text, TraceId,
    },
    store::{clickhouse::row_binary::RowReader, codes::Code},
};

/// The columns for [`activity`].
pub(super) const ACTIVITY: &str = "id, parent, root, started_at, duration_ns, status, kind, name, error_type, message, project, agent, actor, brand, \
     environment, session, request, instance, trace_id, span_id, remote_parent, attributes, truncated, input, input_bytes, \
     input_truncated, output, output_bytes, output_truncated, batch, seq, rank";
/// The columns for [`event`].
pub(super) const EVENT: &str = "id, at, type, status, summary, count, reference, data, activity, project, agent, actor, brand, environment, session, \
     request, dedup_key, truncated, instance, batch, seq, rank";

/// A record, its batch, and its place in the commit order of its log.
#[derive(Debug)]
pub(super) struct Stored<R> {
    pub(super) record: R,
    pub(super) batch: u64,
    pub(super) seq: i64,
    /// Of several rows with one id, that with the largest is kept.
    pub(super) rank: u64,
}

impl<R> Stored<R> {
    /// Reads the rest of the row of a record.
    fn read(row: &mut RowReader<'_>, record: R) -> Result<Self> {
        Ok(Stored {
            record,
            batch: row.next()?,
            seq: row.next()?,
            rank: row.next()?,
        })
    }
}

pub(super) fn activity(row: &mut RowReader<'_>) -> Result<Stored<ActivityRecord>> {
    let of = |number: u128| ActivityId::from_bytes(number.to_be_bytes());
    let id = of(row.next()?);
    let parent: Option<u128> = row.next()?;
    let root = of(row.next()?);
    let started_at_us: i64 = row.next()?;
    let duration_ns: Option<u64> = row.next()?;
    let status = status(row.next()?)?;
    let kind: String = row.next()?;
    // A later version may have added kinds.
    let kind = kind.parse().unwrap_or(Kind::Custom);
    let name: String = row.next()?;
    let mut one = ActivityRecord::new(id, kind, name, InstanceId::from_bytes([0; 16]));
    (one.parent, one.root, one.status) = (parent.map(of), root, status);
    one.started_at = instant(started_at_us);
    one.duration_ns = duration_ns;
    one.ended_at = duration_ns.map(|ns| {
        let us = i64::try_from(ns / 1000).unwrap_or(i64::MAX);
        instant(started_at_us.saturating_add(us))
    });
    (one.error_type, one.message) = (text(row)?, text(row)?);
    one.scope = scope(row)?;
    one.instance = instance(row)?;
    let trace: Option<u128> = row.next()?;
    let trace = trace.and_then(|number| TraceId::from_bytes(number.to_be_bytes()));
    one.trace_id = trace.unwrap_or(TraceId::from_root(root));
    one.span_id = span(row)?.unwrap_or(SpanId::from_activity(id));
    one.remote_parent = span(row)?;
    let attributes: &[u8] = row.next()?;
    let attributes = match attributes {
        [] => Ok(serde_json::Map::new()),
        json => serde_json::from_slice(json),
    };
    one.truncated = row.next::<bool>()? || attributes.is_err();
    one.attributes = attributes.unwrap_or_default();
    (one.input, one.output) = (preview(row)?, preview(row)?);
    Stored::read(row, one)
}

pub(super) fn event(row: &mut RowReader<'_>) -> Result<Stored<EventRecord>> {
    let id = EventId::from_bytes(row.next::<u128>()?.to_be_bytes());
    let at = instant(row.next()?);
    let event_type: String = row.next()?;
    let mut one = EventRecord::new(id, event_type, InstanceId::from_bytes([0; 16]));
    one.at = at;
    one.status = status(row.next()?)?;
    one.summary = text(row)?;
    one.count = row.next()?;
    one.reference = text(row)?;
    let data: Option<String> = row.next()?;
    one.data = data.map(|json| serde_json::from_str(&json).unwrap_or(Value::String(json)));
    let activity: Option<u128> = row.next()?;
    one.activity = activity.map(|number| ActivityId::from_bytes(number.to_be_bytes()));
    one.scope = scope(row)?;
    one.dedup_key = text(row)?;
    one.truncated = row.next()?;
    one.instance = instance(row)?;
    Stored::read(row, one)
}

/// Returns the instant that is nearest to a number of microseconds since the Unix epoch.
pub(super) fn instant(us: i64) -> DateTime<Utc> {
    let ends = [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC];
    let nearest = ends[usize::from(us > 0)];
    DateTime::from_timestamp_micros(us).unwrap_or(nearest)
}

pub(super) fn instance(row: &mut RowReader<'_>) -> Result<InstanceId> {
    let number: u128 = row.next()?;
    Ok(InstanceId::from_bytes(number.to_be_bytes()))
}

pub(super) fn status(code: u8) -> Result<Status> {
    Status::from_code(code.into())
        .ok_or_else(|| Error::store(format!("{code} is not a status code")))
}

fn text(row: &mut RowReader<'_>) -> Result<Option<Text>> {
    Ok(row.next::<Option<String>>()?.map(Text::from))
}

fn span(row: &mut RowReader<'_>) -> Result<Option<SpanId>> {
    let number: Option<u64> = row.next()?;
    Ok(number.and_then(|number| SpanId::from_bytes(number.to_be_bytes())))
}

fn preview(row: &mut RowReader<'_>) -> Result<Option<Preview>> {
    let text: Option<String> = row.next()?;
    let (bytes, truncated) = (row.next()?, row.next()?);
    Ok(text.map(|text| Preview::new(text, bytes, truncated)))
}

fn scope(row: &mut RowReader<'_>) -> Result<Scope> {
    Ok(Scope {
        project: text(row)?,
        agent: text(row)?,
        actor: text(row)?,
        brand: text(row)?,
        environment: text(row)?,
        session: text(row)?,
        request: text(row)?,
    })
}
