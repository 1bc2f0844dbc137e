//! The rows of a batch.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{row_binary::RowWriter, words};
use crate::{
    record::{
        ActivityId, ActivityRecord, ChunkRecord, EventRecord, Fingerprint, RecordingId,
        RecordingLink, RecordingRecord, Scope, SpanId, Text, TraceId,
    },
    store::{InstanceHealth, codes::Code},
};

pub(super) const ADD_ACTIVITIES: &str = "INSERT INTO activity (id, parent, root, started_at, duration_ns, status, kind, name, error_type, message, \
     fingerprint, project, agent, actor, brand, environment, session, request, instance, trace_id, span_id, remote_parent, \
     attributes, truncated, input, input_bytes, input_truncated, output, output_bytes, output_truncated, batch, seq, words) FORMAT RowBinary";
pub(super) const ADD_EVENTS: &str = "INSERT INTO event (id, at, type, status, summary, count, reference, data, activity, project, agent, actor, \
     brand, environment, session, request, dedup_key, truncated, instance, batch, seq, words) FORMAT RowBinary";
pub(super) const ADD_INSTANCES: &str = "INSERT INTO instance (id, log, host, pid, started_at, stopped_at, alive, saved_at, accounting) FORMAT RowBinary";
pub(super) const ADD_RECORDINGS: &str =
    "INSERT INTO recording (id, log, instance, format, status, lost, ended_at) FORMAT RowBinary";
pub(super) const ADD_LINKS: &str =
    "INSERT INTO link (activity, recording, from_at, until_at) FORMAT RowBinary";
pub(super) const ADD_CHUNKS: &str = "INSERT INTO chunk (recording, number, track, events, from_at, until_at, codec, body) FORMAT RowBinary";

/// Returns the number of an id: numbers sort as ids do.
pub(super) fn number(id: &[u8; 16]) -> u128 {
    u128::from_be_bytes(*id)
}

/// The rows of [`ADD_ACTIVITIES`].
pub(super) fn activities(records: &[ActivityRecord], batch: u64) -> RowWriter {
    let mut rows = RowWriter::default();
    for one in records {
        let of = |id: ActivityId| number(id.as_bytes());
        let span = |span: &SpanId| u64::from_be_bytes(*span.as_bytes());
        let trace = (one.trace_id != TraceId::from_root(one.root))
            .then(|| u128::from_be_bytes(*one.trace_id.as_bytes()));
        let own_span = (one.span_id != SpanId::from_activity(one.id)).then(|| span(&one.span_id));
        rows.add(of(one.id))
            .add(one.parent.map(of))
            .add(of(one.root))
            .add(one.started_at.timestamp_micros())
            .add(one.duration_ns)
            .add(one.status.code() as u8)
            .add(one.kind.as_str())
            .add(one.name.as_str())
            .add(one.error_type.as_deref())
            .add(one.message.as_deref())
            .add(Fingerprint::of(one).map(|one| one.number().cast_unsigned()));
        add_scope(&mut rows, &one.scope);
        rows.add(number(one.instance.as_bytes()))
            .add(trace)
            .add(own_span)
            .add(one.remote_parent.as_ref().map(span));
        let attributes = match one.attributes.is_empty() {
            true => String::new(),
            false => json(&one.attributes),
        };
        rows.add(&*attributes);
        rows.add(one.truncated);
        for preview in [&one.input, &one.output] {
            let preview = preview.as_ref();
            rows.add(preview.map(|one| one.text.as_str()))
                .add(preview.map_or(0, |one| one.bytes))
                .add(preview.is_some_and(|one| one.truncated));
        }
        rows.add(batch)
            .add(one.seq.unwrap_or_default())
            .add(&*words::of_activity(one, &attributes));
    }
    rows
}

/// The rows of [`ADD_EVENTS`].
pub(super) fn events<'a>(records: impl Iterator<Item = &'a EventRecord>, batch: u64) -> RowWriter {
    let mut rows = RowWriter::default();
    for one in records {
        let data = one.data.as_ref().map(json);
        rows.add(number(one.id.as_bytes()))
            .add(one.at.timestamp_micros())
            .add(one.event_type.as_str())
            .add(one.status.code() as u8)
            .add(one.summary.as_deref())
            .add(one.count)
            .add(one.reference.as_deref())
            .add(data.as_deref())
            .add(one.activity.map(|id| number(id.as_bytes())));
        add_scope(&mut rows, &one.scope);
        rows.add(one.dedup_key.as_deref())
            .add(one.truncated)
            .add(number(one.instance.as_bytes()))
            .add(batch)
            .add(one.seq)
            .add(&*words::of_event(one, data.as_deref().unwrap_or_default()));
    }
    rows
}

fn add_scope(rows: &mut RowWriter, scope: &Scope) {
    let texts = [
        &scope.project,
        &scope.agent,
        &scope.actor,
        &scope.brand,
        &scope.environment,
        &scope.session,
        &scope.request,
    ];
    for text in texts {
        rows.add(text.as_deref());
    }
}

/// The rows of [`ADD_INSTANCES`].
pub(super) fn instances(records: &[InstanceHealth], log: u128) -> RowWriter {
    let mut rows = RowWriter::default();
    // Of one batch the last is kept.
    let last: BTreeMap<_, _> = records.iter().map(|one| (one.id, one)).collect();
    for one in last.values() {
        let accounting = json(&one.accounting);
        rows.add(number(one.id.as_bytes()))
            .add(log)
            .add(&*one.host)
            .add(one.pid)
            .add(one.started_at.timestamp_micros())
            .add(one.stopped_at.map(|at| at.timestamp_micros()))
            .add(one.alive)
            .add(one.saved_at.map_or(0, |at| at.timestamp_micros()))
            .add(&*accounting);
    }
    rows
}

/// The rows of [`ADD_RECORDINGS`].
pub(super) fn recordings(records: &[RecordingRecord], log: u128) -> RowWriter {
    let mut rows = RowWriter::default();
    for one in records {
        rows.add(number(one.id.as_bytes()))
            .add(log)
            .add(number(one.instance.as_bytes()))
            .add(one.format.as_str())
            .add(one.status.code() as u8)
            .add(one.lost)
            .add(one.ended_at.map(|at| at.timestamp_micros()));
    }
    rows
}

/// The rows of [`ADD_LINKS`].
pub(super) fn links(records: &[RecordingRecord]) -> RowWriter {
    let mut rows = RowWriter::default();
    let all = records.iter();
    for (id, link) in all.flat_map(|one| one.links.iter().map(|link| (one.id, link))) {
        let RecordingLink {
            activity,
            from,
            until,
        } = link;
        rows.add(number(activity.as_bytes()))
            .add(number(id.as_bytes()))
            .add(from.timestamp_micros())
            .add(until.map(|at| at.timestamp_micros()));
    }
    rows
}

/// The rows of [`ADD_CHUNKS`].
pub(super) fn chunks(records: &[(RecordingId, ChunkRecord)]) -> RowWriter {
    let mut rows = RowWriter::default();
    for (id, one) in records {
        rows.add(number(id.as_bytes()))
            .add(one.number)
            .add(one.track.as_str())
            .add(one.events)
            .add(one.from.timestamp_micros())
            .add(one.until.timestamp_micros())
            .add(one.codec.code() as u8)
            .add(&one.body[..]);
    }
    rows
}

/// Returns what an event has in common with those that it is compared with; `None` if it is compared with none.
pub(super) fn dedup_key(one: &EventRecord) -> Option<String> {
    let key = one.dedup_key.as_ref()?;
    let scope = &one.scope;
    let text = |text: &Option<Text>| text.as_deref().map_or(Value::Null, Value::from);
    let key = json!([
        &**key,
        &*one.event_type,
        text(&scope.project),
        text(&scope.actor)
    ]);
    Some(key.to_string())
}

/// Returns a value as JSON.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    // It has no maps whose keys are not texts.
    serde_json::to_string(value).unwrap_or_default()
}
