//! Reads an activity or an event from a line: validated, but not yet redacted.

use chrono::{DateTime, Utc};

use super::fields::{Fields, LineError, is_time};
use crate::record::{
    ActivityId, ActivityRecord, EventRecord, InstanceId, Preview, Scope, SpanId, Status, TraceId,
};

/// How far `ended_at` may be from `started_at` plus `duration_ns`: programs round times.
const ROUNDING_US: u64 = 1_000_000;

/// Reads an activity. Only an ended one has a duration.
pub(super) fn activity(mut line: Fields<'_>) -> Result<ActivityRecord, LineError> {
    let id = line.required("id")?;
    let started_at_us = line.time("started_at")?.ok_or("`started_at` is missing")?;
    let status = line.required("status")?;
    let duration_ns = duration(&mut line, started_at_us, status)?;
    let parent: Option<ActivityId> = line.optional("parent")?;
    let root = match (line.optional::<ActivityId>("root")?, parent) {
        (_, Some(parent)) if parent == id => {
            return Err(line.invalid(
                "parent",
                parent.to_string().into(),
                "an activity cannot be its own parent: remove it",
            ));
        }
        (None, Some(_)) => {
            return Err(String::from(
                "`root` is missing: an activity with a `parent` needs the id of the root of its tree",
            ));
        }
        (Some(root), Some(_)) if root == id => {
            let why = "an activity with a `parent` cannot be its own root: give the id of the root of its tree";
            return Err(line.invalid("root", root.to_string().into(), why));
        }
        (Some(root), None) if root != id => {
            let why = "there is no `parent`: add one, or set `root` to the activity's own id";
            return Err(line.invalid("root", root.to_string().into(), why));
        }
        (root, _) => root.unwrap_or(id),
    };
    let record = ActivityRecord {
        id,
        parent,
        root,
        trace_id: line
            .optional("trace_id")?
            .unwrap_or(TraceId::from_root(root)),
        span_id: line
            .optional("span_id")?
            .unwrap_or(SpanId::from_activity(id)),
        remote_parent: line.optional("remote_parent")?,
        kind: line.required("kind")?,
        name: line.required("name")?,
        status,
        error_type: line.optional("error_type")?,
        message: line.optional("message")?,
        started_at: time(started_at_us),
        ended_at: None,
        duration_ns,
        scope: scope(&mut line)?,
        instance: instance(&mut line)?,
        attributes: line.optional("attributes")?.unwrap_or_default(),
        truncated: line.optional("truncated")?.unwrap_or_default(),
        input: preview(&mut line, "input")?,
        output: preview(&mut line, "output")?,
        // Recordings are not exported.
        has_recording: line.optional::<bool>("has_recording").map(|_| false)?,
        seq: line.optional::<i64>("seq").map(|_| None)?,
        // Computed on reading.
        ahead: line.optional::<bool>("ahead").map(|_| false)?,
    };
    line.end("an activity")?;
    Ok(record)
}

/// Reads an event.
pub(super) fn event(mut line: Fields<'_>) -> Result<EventRecord, LineError> {
    let record = EventRecord {
        id: line.required("id")?,
        at: time(line.time("at")?.ok_or("`at` is missing")?),
        event_type: line.required("type")?,
        status: line.optional("status")?.unwrap_or(Status::Success),
        summary: line.optional("summary")?,
        count: line.number("count")?.unwrap_or(1),
        reference: line.optional("reference")?,
        data: line.optional("data")?,
        activity: line.optional("activity")?,
        scope: scope(&mut line)?,
        dedup_key: line.optional("dedup_key")?,
        truncated: line.optional("truncated")?.unwrap_or_default(),
        instance: instance(&mut line)?,
        seq: line.optional("seq")?.unwrap_or_default(),
        ahead: line.optional::<bool>("ahead").map(|_| false)?,
    };
    line.end("an event")?;
    Ok(record)
}

/// The duration of an activity in nanoseconds; `None` if it has not ended.
fn duration(
    line: &mut Fields<'_>,
    started_at_us: i64,
    status: Status,
) -> Result<Option<u64>, LineError> {
    let (duration_ns, ended_at_us) = (line.number("duration_ns")?, line.time("ended_at")?);
    let ended_at = |line: &Fields<'_>, us: i64, why: &str| {
        Err(line.invalid("ended_at", time(us).to_rfc3339().into(), why))
    };
    match (status, duration_ns, ended_at_us) {
        (Status::Running | Status::Abandoned, None, None) => Ok(None),
        (Status::Running | Status::Abandoned, ..) => Err(format!(
            "`status` is \"{status}\", but it has a `duration_ns` or an `ended_at`: remove them, or set the status with which it ended"
        )),
        (_, Some(ns), ended_at_us) => {
            let end_us = started_at_us.saturating_add_unsigned(ns / 1_000);
            match ended_at_us {
                _ if !is_time(end_us) => {
                    Err(line.invalid("duration_ns", ns.into(), "it ends after the year 9999"))
                }
                Some(us) if us.abs_diff(end_us) > ROUNDING_US => {
                    let why = format!("it contradicts `started_at` and a `duration_ns` of {ns}");
                    ended_at(line, us, &why)
                }
                _ => Ok(Some(ns)),
            }
        }
        (_, None, Some(us)) if us < started_at_us => {
            ended_at(line, us, "it is before `started_at`")
        }
        (_, None, Some(us)) => match us.abs_diff(started_at_us).checked_mul(1_000) {
            Some(ns) if i64::try_from(ns).is_ok() => Ok(Some(ns)),
            _ => ended_at(line, us, "the duration is 292 years or more"),
        },
        (_, None, None) => Err(format!(
            "`duration_ns` is missing: an activity with the status \"{status}\" has ended"
        )),
    }
}

fn scope(line: &mut Fields<'_>) -> Result<Scope, LineError> {
    Ok(Scope {
        project: line.optional("project")?,
        agent: line.optional("agent")?,
        actor: line.optional("actor")?,
        brand: line.optional("brand")?,
        environment: line.optional("environment")?,
        session: line.optional("session")?,
        request: line.optional("request")?,
    })
}

fn preview(line: &mut Fields<'_>, name: &str) -> Result<Option<Preview>, LineError> {
    let preview: Option<Preview> = line.optional(name)?;
    match preview {
        Some(Preview { bytes, .. }) if i64::try_from(bytes).is_err() => Err(format!(
            "`{name}.bytes` is {bytes}: the maximum is 9223372036854775807"
        )),
        preview => Ok(preview),
    }
}

/// The instance that recorded it. Not stored: the import is an instance of its own.
fn instance(line: &mut Fields<'_>) -> Result<InstanceId, LineError> {
    let instance: Option<InstanceId> = line.optional("instance")?;
    Ok(instance.unwrap_or(InstanceId::from_parts(0, 0)))
}

fn time(us: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(us).unwrap_or_default()
}
