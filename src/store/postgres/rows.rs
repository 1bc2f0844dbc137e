//! Inserts the rows of a batch.

use std::collections::HashMap;

use serde_json::{Value, json};
use tokio_postgres::{Transaction, types::Type};
use uuid::Uuid;

use super::{
    connection::{Failed, Parameter, query},
    intake::Texts,
};
use crate::{
    record::{
        ActivityRecord, EventRecord, Fingerprint, InstanceId, Preview, RecordingRecord, SpanId,
        TraceId, append_words, json_texts,
    },
    store::{ForwardBatch, LogState, codes::Code},
};

const ADD_ACTIVITIES: &str = "INSERT INTO tower_activity.activity \
     SELECT * FROM json_populate_recordset(NULL::tower_activity.activity, $1::text::json) ON CONFLICT DO NOTHING";
const UNLIST: &str = "DELETE FROM tower_activity.open WHERE id = ANY($1::uuid[])";
const ADD_DEDUP: &str = "INSERT INTO tower_activity.dedup (key, type, project, actor, event) \
     SELECT dedup_key, type, coalesce(project, 0), coalesce(actor, 0), id \
     FROM json_populate_recordset(NULL::tower_activity.event, $1::text::json) WHERE dedup_key IS NOT NULL ON CONFLICT DO NOTHING";
const ADD_EVENTS: &str = "INSERT INTO tower_activity.event \
     SELECT e.* FROM json_populate_recordset(NULL::tower_activity.event, $1::text::json) AS e \
     WHERE e.dedup_key IS NULL OR EXISTS (SELECT 1 FROM tower_activity.dedup AS d WHERE d.key = e.dedup_key \
       AND d.type = e.type AND d.project = coalesce(e.project, 0) AND d.actor = coalesce(e.actor, 0) AND d.event = e.id) \
     ON CONFLICT DO NOTHING";
const ADD_RECORDINGS: &str = "INSERT INTO tower_activity.recording \
     SELECT * FROM json_populate_recordset(NULL::tower_activity.recording, $1::text::json) \
     ON CONFLICT (id) DO UPDATE SET status = excluded.status, lost = excluded.lost, ended_at = excluded.ended_at \
     WHERE tower_activity.recording.status = 0";
const ADD_LINKS: &str = "INSERT INTO tower_activity.link \
     SELECT * FROM json_populate_recordset(NULL::tower_activity.link, $1::text::json) \
     ON CONFLICT (activity, recording) DO UPDATE SET until_at = coalesce(excluded.until_at, tower_activity.link.until_at)";
const ADD_CHUNK: &str = "INSERT INTO tower_activity.chunk (recording, number, track, events, from_at, until_at, codec, bytes, body) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
const CLOSE: &str = "DELETE FROM tower_activity.open WHERE log = $1 AND id <> ALL($2::uuid[])";
const ADD_OPEN: &str = "INSERT INTO tower_activity.open \
     SELECT * FROM json_populate_recordset(NULL::tower_activity.open, $1::text::json) AS o \
     WHERE NOT EXISTS (SELECT 1 FROM tower_activity.activity AS a WHERE a.id = o.id) \
     ON CONFLICT (id) DO UPDATE SET project = excluded.project, agent = excluded.agent, actor = excluded.actor, \
       brand = excluded.brand, environment = excluded.environment, session = excluded.session, request = excluded.request, \
       attributes = excluded.attributes, input = excluded.input, input_bytes = excluded.input_bytes, \
       input_truncated = excluded.input_truncated, truncated = excluded.truncated";

type Instances = HashMap<InstanceId, i32>;

/// Inserts the rows of a batch, each of them once.
pub(super) async fn insert(
    transaction: &Transaction<'_>,
    (log, number): (i32, i64),
    batch: &ForwardBatch,
    texts: &Texts,
    instances: &Instances,
) -> Result<(), Failed> {
    if !batch.activities.is_empty() {
        let rows = batch.activities.iter();
        let rows = rows.map(|one| activity(one, number, texts, instances));
        insert_json(transaction, ADD_ACTIVITIES, rows).await?;
        let ids = batch.activities.iter();
        let ids: Vec<Uuid> = ids.map(|one| uuid(one.id.as_bytes())).collect();
        query(transaction, UNLIST, &[(&ids, Type::UUID_ARRAY)]).await?;
    }
    if !batch.events.is_empty() {
        let rows = batch.events.iter();
        let rows = Value::from_iter(rows.map(|one| event(one, number, texts, instances)));
        let rows = rows.to_string();
        let parameter: [Parameter<'_>; 1] = [(&rows, Type::TEXT)];
        query(transaction, ADD_DEDUP, &parameter).await?;
        query(transaction, ADD_EVENTS, &parameter).await?;
    }
    recordings(transaction, log, &batch.recordings, texts, instances).await?;
    for (recording, chunk) in &batch.chunks {
        let codec = chunk.codec.code() as i16;
        let parameters: [Parameter<'_>; 9] = [
            (&uuid(recording.as_bytes()), Type::UUID),
            (&(chunk.number as i64), Type::INT8),
            (&&*chunk.track, Type::TEXT),
            (&(chunk.events as i64), Type::INT8),
            (&chunk.from.timestamp_micros(), Type::INT8),
            (&chunk.until.timestamp_micros(), Type::INT8),
            (&codec, Type::INT2),
            (&(chunk.body.len() as i64), Type::INT8),
            (&chunk.body, Type::BYTEA),
        ];
        query(transaction, ADD_CHUNK, &parameters).await?;
    }
    Ok(())
}

/// Replaces what is known of the log's running activities, and updates its recordings.
pub(super) async fn replace_state(
    transaction: &Transaction<'_>,
    log: i32,
    state: &LogState,
    texts: &Texts,
    instances: &Instances,
) -> Result<(), Failed> {
    if let Some(open) = &state.open {
        let ids: Vec<Uuid> = open.iter().map(|one| uuid(one.id.as_bytes())).collect();
        let parameters: [Parameter<'_>; 2] = [(&log, Type::INT4), (&ids, Type::UUID_ARRAY)];
        query(transaction, CLOSE, &parameters).await?;
        let rows = open.iter().map(|one| {
            let mut row = activity(one, 0, texts, instances);
            row["log"] = log.into();
            row
        });
        insert_json(transaction, ADD_OPEN, rows).await?;
    }
    recordings(transaction, log, &state.recordings, texts, instances).await
}

async fn recordings(
    transaction: &Transaction<'_>,
    log: i32,
    recordings: &[RecordingRecord],
    texts: &Texts,
    instances: &Instances,
) -> Result<(), Failed> {
    if recordings.is_empty() {
        return Ok(());
    }
    let rows = recordings.iter().map(|one| {
        json!({
            "id": one.id, "log": log, "instance": instances.get(&one.instance),
            "format": texts.id(&one.format), "status": one.status.code(), "lost": one.lost,
            "ended_at": one.ended_at.map(|at| at.timestamp_micros()),
        })
    });
    insert_json(transaction, ADD_RECORDINGS, rows).await?;
    let links = recordings.iter().flat_map(|one| {
        one.links.iter().map(|link| {
            json!({
                "activity": link.activity, "recording": one.id,
                "from_at": link.from.timestamp_micros(), "until_at": link.until.map(|until| until.timestamp_micros()),
            })
        })
    });
    insert_json(transaction, ADD_LINKS, links).await
}

async fn insert_json(
    transaction: &Transaction<'_>,
    sql: &str,
    rows: impl Iterator<Item = Value>,
) -> Result<(), Failed> {
    let rows = Value::from_iter(rows).to_string();
    query(transaction, sql, &[(&rows, Type::TEXT)]).await?;
    Ok(())
}

fn activity(one: &ActivityRecord, batch: i64, texts: &Texts, instances: &Instances) -> Value {
    let preview = |preview: &Option<Preview>| {
        let preview = preview.as_ref();
        preview.map(|preview| (preview.text.clone(), preview.bytes, preview.truncated))
    };
    let (input, output) = (preview(&one.input), preview(&one.output));
    let bytes = |bytes: &[u8]| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("\\x{digits}")
    };
    let own_trace = one.trace_id == TraceId::from_root(one.root);
    let own_span = one.span_id == SpanId::from_activity(one.id);
    let mut terms = String::new();
    let words = [
        Some(&one.name),
        one.message.as_ref(),
        one.error_type.as_ref(),
    ];
    words
        .into_iter()
        .flatten()
        .for_each(|text| append_words(&mut terms, text));
    let attributes = (!one.attributes.is_empty()).then(|| Value::Object(one.attributes.clone()));
    if let Some(attributes) = &attributes {
        let mut found = Vec::new();
        json_texts(attributes, &mut found);
        found.iter().for_each(|text| append_words(&mut terms, text));
    }
    json!({
        "id": one.id, "started_at": one.started_at.timestamp_micros(), "duration_ns": one.duration_ns,
        "batch": batch, "seq": one.seq.unwrap_or_default(), "kind": texts.id(one.kind.as_str()), "name": texts.id(&one.name),
        "project": texts.optional(one.scope.project.as_ref()), "agent": texts.optional(one.scope.agent.as_ref()),
        "actor": texts.optional(one.scope.actor.as_ref()), "brand": texts.optional(one.scope.brand.as_ref()),
        "environment": texts.optional(one.scope.environment.as_ref()),
        "session": one.scope.session, "request": one.scope.request,
        "fingerprint": Fingerprint::of(one).map(Fingerprint::number),
        "instance": instances.get(&one.instance), "status": one.status.code(), "truncated": one.truncated,
        "input": input.as_ref().map(|one| &one.0), "input_bytes": input.as_ref().map(|one| one.1),
        "input_truncated": input.as_ref().map(|one| one.2),
        "output": output.as_ref().map(|one| &one.0), "output_bytes": output.as_ref().map(|one| one.1),
        "output_truncated": output.as_ref().map(|one| one.2),
        "parent": one.parent,
        "root": (one.root != one.id).then_some(one.root),
        "trace_id": (!own_trace).then(|| bytes(one.trace_id.as_bytes())),
        "span_id": (!own_span).then(|| bytes(one.span_id.as_bytes())),
        "remote_parent": one.remote_parent.map(|span| bytes(span.as_bytes())),
        "error_type": one.error_type, "message": one.message, "attributes": attributes.map(|all| all.to_string()),
        "terms": terms.trim_end(),
    })
}

fn event(one: &EventRecord, batch: i64, texts: &Texts, instances: &Instances) -> Value {
    let mut terms = String::new();
    let words = [
        Some(&one.event_type),
        one.summary.as_ref(),
        one.reference.as_ref(),
    ];
    words
        .into_iter()
        .flatten()
        .for_each(|text| append_words(&mut terms, text));
    if let Some(data) = &one.data {
        let mut found = Vec::new();
        json_texts(data, &mut found);
        found.iter().for_each(|text| append_words(&mut terms, text));
    }
    json!({
        "id": one.id, "at": one.at.timestamp_micros(), "batch": batch, "seq": one.seq,
        "type": texts.id(&one.event_type), "count": one.count,
        "project": texts.optional(one.scope.project.as_ref()), "agent": texts.optional(one.scope.agent.as_ref()),
        "actor": texts.optional(one.scope.actor.as_ref()), "brand": texts.optional(one.scope.brand.as_ref()),
        "environment": texts.optional(one.scope.environment.as_ref()),
        "session": one.scope.session, "request": one.scope.request,
        "instance": instances.get(&one.instance), "status": one.status.code(), "truncated": one.truncated,
        "activity": one.activity, "summary": one.summary, "reference": one.reference,
        "data": one.data.as_ref().map(ToString::to_string), "dedup_key": one.dedup_key, "terms": terms.trim_end(),
    })
}

fn uuid(bytes: &[u8; 16]) -> Uuid {
    Uuid::from_bytes(*bytes)
}
