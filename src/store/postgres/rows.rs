//! Inserts the rows of a batch.

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::{Transaction, types::Type};
use uuid::Uuid;

use super::{
    columns::{Columns, json, key, signed, text, uuid},
    connection::{Failed, Parameter, query},
    dictionary::Dictionary,
    terms,
};
use crate::{
    record::{
        ActivityRecord, ChunkRecord, EventRecord, Fingerprint, InstanceId, RecordingId,
        RecordingRecord, Scope, SpanId, Text, TraceId,
    },
    store::codes::Code,
};

const UNLIST: &str = "DELETE FROM tower_activity.open WHERE id = ANY($1::uuid[])";
const CLOSE: &str = "DELETE FROM tower_activity.open WHERE log = $1 AND id <> ALL($2::uuid[])";

/// The database's numbers of instances.
pub(super) type Instances = HashMap<InstanceId, i32>;

/// What rows refer to: their batch or log, the dictionary, and the instances.
#[derive(Clone, Copy)]
pub(super) struct References<'a> {
    pub(super) log: i32,
    pub(super) batch: i64,
    pub(super) texts: &'a Dictionary,
    pub(super) instances: &'a Instances,
}

impl References<'_> {
    fn instance(&self, id: InstanceId) -> i32 {
        self.instances.get(&id).copied().unwrap_or_default()
    }
}

/// Inserts ended activities, each of them once.
pub(super) async fn add_activities(
    transaction: &Transaction<'_>,
    rows: &[&ActivityRecord],
    to: References<'_>,
) -> Result<(), Failed> {
    let each = || rows.iter().copied();
    let columns = activity(rows, to)
        .add("duration_ns", each().map(|one| one.duration_ns.map(signed)))
        .add("batch", each().map(|_| to.batch))
        .add("seq", each().map(|one| one.seq.unwrap_or_default()))
        .add(
            "fingerprint",
            each().map(|one| Fingerprint::of(one).map(Fingerprint::number)),
        )
        .add("status", each().map(|one| one.status.code() as i16))
        .add(
            "error_type",
            each().map(|one| optional(one.error_type.as_ref())),
        )
        .add("message", each().map(|one| optional(one.message.as_ref())))
        .add(
            "output",
            each().map(|one| one.output.as_ref().map(|output| text(&output.text))),
        )
        .add(
            "output_bytes",
            each().map(|one| one.output.as_ref().map(|output| signed(output.bytes))),
        )
        .add(
            "output_truncated",
            each().map(|one| one.output.as_ref().map(|output| output.truncated)),
        )
        .add("terms", each().map(terms::of_activity));
    insert(
        transaction,
        "new_activity",
        columns,
        "ON CONFLICT DO NOTHING",
    )
    .await?;
    let ids: Vec<Uuid> = each().map(|one| uuid(one.id.as_bytes())).collect();
    query(transaction, UNLIST, &[(&ids, Type::UUID_ARRAY)]).await?;
    Ok(())
}

/// Returns what an event has in common with those that it is compared with.
pub(super) fn key_of(one: &EventRecord) -> [Option<&str>; 4] {
    let scope = &one.scope;
    let texts = [
        one.dedup_key.as_ref(),
        Some(&one.event_type),
        scope.project.as_ref(),
        scope.actor.as_ref(),
    ];
    match one.dedup_key {
        Some(_) => texts.map(|text| text.map(|text| &**text)),
        None => [None; 4],
    }
}

/// Inserts events, each of them once, and of those with one deduplication key the first.
pub(super) async fn add_events(
    transaction: &Transaction<'_>,
    rows: &[&EventRecord],
    to: References<'_>,
) -> Result<(), Failed> {
    let each = || rows.iter().copied();
    let columns = scope(rows.iter().map(|one| &one.scope), to, Columns::default())
        .add("id", each().map(|one| uuid(one.id.as_bytes())))
        .add("at", each().map(|one| one.at.timestamp_micros()))
        .add("batch", each().map(|_| to.batch))
        .add("seq", each().map(|one| one.seq))
        .add("type", each().map(|one| to.texts.id(&one.event_type)))
        .add("count", each().map(|one| signed(one.count)))
        .add("instance", each().map(|one| to.instance(one.instance)))
        .add("status", each().map(|one| one.status.code() as i16))
        .add("truncated", each().map(|one| one.truncated))
        .add(
            "activity",
            each().map(|one| one.activity.map(|id| uuid(id.as_bytes()))),
        )
        .add("summary", each().map(|one| optional(one.summary.as_ref())))
        .add(
            "reference",
            each().map(|one| optional(one.reference.as_ref())),
        )
        .add("data", each().map(|one| one.data.as_ref().map(json)))
        .add(
            "dedup_key",
            each().map(|one| one.dedup_key.as_ref().map(|of| key(of))),
        )
        .add("terms", each().map(terms::of_event));
    let (names, new) = (columns.names(), columns.rows("new"));
    if each().any(|one| one.dedup_key.is_some()) {
        let sql = format!(
            "INSERT INTO tower_activity.dedup (key, type, project, actor, event) \
             SELECT dedup_key, type, coalesce(project, 0), coalesce(actor, 0), id FROM {new} WHERE dedup_key IS NOT NULL \
             ON CONFLICT DO NOTHING"
        );
        query(transaction, &sql, &columns.parameters()).await?;
    }
    let sql = format!(
        "INSERT INTO tower_activity.new_event ({names}) SELECT {names} FROM {new} \
         WHERE dedup_key IS NULL OR EXISTS (SELECT 1 FROM tower_activity.dedup AS d WHERE d.key = new.dedup_key \
           AND d.type = new.type AND d.project = coalesce(new.project, 0) AND d.actor = coalesce(new.actor, 0) \
           AND d.event = new.id) ON CONFLICT DO NOTHING"
    );
    query(transaction, &sql, &columns.parameters()).await?;
    Ok(())
}

/// Inserts chunks of recordings, each of them once.
pub(super) async fn add_chunks(
    transaction: &Transaction<'_>,
    rows: &[&(RecordingId, ChunkRecord)],
) -> Result<(), Failed> {
    let each = || rows.iter().copied();
    let columns = Columns::default()
        .add("recording", each().map(|(id, _)| uuid(id.as_bytes())))
        .add("number", each().map(|(_, one)| signed(one.number)))
        .add("track", each().map(|(_, one)| key(&one.track)))
        .add("events", each().map(|(_, one)| signed(one.events)))
        .add(
            "from_at",
            each().map(|(_, one)| one.from.timestamp_micros()),
        )
        .add(
            "until_at",
            each().map(|(_, one)| one.until.timestamp_micros()),
        )
        .add("codec", each().map(|(_, one)| one.codec.code() as i16))
        .add(
            "bytes",
            each().map(|(_, one)| signed(one.body.len() as u64)),
        )
        .add("body", each().map(|(_, one)| one.body.as_slice()));
    insert(transaction, "chunk", columns, "ON CONFLICT DO NOTHING").await
}

/// Inserts or updates recordings and their links.
pub(super) async fn put_recordings(
    transaction: &Transaction<'_>,
    rows: &[&RecordingRecord],
    to: References<'_>,
) -> Result<(), Failed> {
    // A statement cannot update a row twice.
    let last: BTreeMap<_, _> = rows.iter().map(|one| (one.id, *one)).collect();
    let each = || last.values().copied();
    let columns = Columns::default()
        .add("id", each().map(|one| uuid(one.id.as_bytes())))
        .add("log", each().map(|_| to.log))
        .add("instance", each().map(|one| to.instance(one.instance)))
        .add("format", each().map(|one| to.texts.id(&one.format)))
        .add("status", each().map(|one| one.status.code() as i16))
        .add("lost", each().map(|one| signed(one.lost)))
        .add(
            "ended_at",
            each().map(|one| one.ended_at.map(|at| at.timestamp_micros())),
        );
    let update = "ON CONFLICT (id) DO UPDATE SET status = excluded.status, lost = excluded.lost, ended_at = excluded.ended_at \
         WHERE tower_activity.recording.status = 0";
    insert(transaction, "recording", columns, update).await?;
    let links = each().flat_map(|one| one.links.iter().map(|link| ((link.activity, one.id), link)));
    let links: BTreeMap<_, _> = links.collect();
    let columns = Columns::default()
        .add("activity", links.keys().map(|(id, _)| uuid(id.as_bytes())))
        .add("recording", links.keys().map(|(_, id)| uuid(id.as_bytes())))
        .add(
            "from_at",
            links.values().map(|link| link.from.timestamp_micros()),
        )
        .add(
            "until_at",
            links
                .values()
                .map(|link| link.until.map(|until| until.timestamp_micros())),
        );
    let update = "ON CONFLICT (activity, recording) DO UPDATE \
         SET until_at = coalesce(excluded.until_at, tower_activity.link.until_at)";
    insert(transaction, "link", columns, update).await
}

/// Deletes the running activities of a log, except these.
pub(super) async fn keep_open(
    transaction: &Transaction<'_>,
    log: i32,
    rows: &[&ActivityRecord],
) -> Result<(), Failed> {
    let ids: Vec<Uuid> = rows.iter().map(|one| uuid(one.id.as_bytes())).collect();
    let parameters: [Parameter<'_>; 2] = [(&log, Type::INT4), (&ids, Type::UUID_ARRAY)];
    query(transaction, CLOSE, &parameters).await?;
    Ok(())
}

/// Inserts or updates running activities, except those that have ended.
pub(super) async fn put_open(
    transaction: &Transaction<'_>,
    rows: &[&ActivityRecord],
    to: References<'_>,
) -> Result<(), Failed> {
    let columns = activity(rows, to).add("log", rows.iter().map(|_| to.log));
    let (names, new) = (columns.names(), columns.rows("new"));
    let sql = format!(
        "INSERT INTO tower_activity.open ({names}) SELECT DISTINCT ON (id) {names} FROM {new} \
         WHERE NOT EXISTS (SELECT 1 FROM tower_activity.activity AS a WHERE a.id = new.id) \
         ON CONFLICT (id) DO UPDATE SET log = excluded.log, project = excluded.project, agent = excluded.agent, actor = excluded.actor, \
           brand = excluded.brand, environment = excluded.environment, session = excluded.session, request = excluded.request, \
           attributes = excluded.attributes, input = excluded.input, input_bytes = excluded.input_bytes, \
           input_truncated = excluded.input_truncated, truncated = excluded.truncated"
    );
    query(transaction, &sql, &columns.parameters()).await?;
    Ok(())
}

async fn insert(
    transaction: &Transaction<'_>,
    table: &str,
    columns: Columns<'_>,
    on_conflict: &str,
) -> Result<(), Failed> {
    let (names, new) = (columns.names(), columns.rows("new"));
    let sql = format!(
        "INSERT INTO tower_activity.{table} ({names}) SELECT {names} FROM {new} {on_conflict}"
    );
    query(transaction, &sql, &columns.parameters()).await?;
    Ok(())
}

/// Returns the columns of running and ended activities.
fn activity<'a>(rows: &'a [&'a ActivityRecord], to: References<'_>) -> Columns<'a> {
    let each = || rows.iter().copied();
    scope(rows.iter().map(|one| &one.scope), to, Columns::default())
        .add("id", each().map(|one| uuid(one.id.as_bytes())))
        .add(
            "started_at",
            each().map(|one| one.started_at.timestamp_micros()),
        )
        .add("kind", each().map(|one| to.texts.id(one.kind.as_str())))
        .add("name", each().map(|one| to.texts.id(&one.name)))
        .add("instance", each().map(|one| to.instance(one.instance)))
        .add("truncated", each().map(|one| one.truncated))
        .add(
            "input",
            each().map(|one| one.input.as_ref().map(|input| text(&input.text))),
        )
        .add(
            "input_bytes",
            each().map(|one| one.input.as_ref().map(|input| signed(input.bytes))),
        )
        .add(
            "input_truncated",
            each().map(|one| one.input.as_ref().map(|input| input.truncated)),
        )
        .add(
            "parent",
            each().map(|one| one.parent.map(|id| uuid(id.as_bytes()))),
        )
        .add(
            "root",
            each().map(|one| (one.root != one.id).then(|| uuid(one.root.as_bytes()))),
        )
        .add(
            "trace_id",
            each().map(|one| {
                let is_own = one.trace_id == TraceId::from_root(one.root);
                (!is_own).then(|| one.trace_id.as_bytes().as_slice())
            }),
        )
        .add(
            "span_id",
            each().map(|one| {
                let is_own = one.span_id == SpanId::from_activity(one.id);
                (!is_own).then(|| one.span_id.as_bytes().as_slice())
            }),
        )
        .add(
            "remote_parent",
            each().map(|one| {
                one.remote_parent
                    .as_ref()
                    .map(|span| span.as_bytes().as_slice())
            }),
        )
        .add(
            "attributes",
            each().map(|one| {
                let attributes = &one.attributes;
                (!attributes.is_empty()).then(|| json(&attributes.clone().into()))
            }),
        )
}

fn scope<'a>(
    rows: impl Iterator<Item = &'a Scope> + Clone,
    to: References<'_>,
    columns: Columns<'a>,
) -> Columns<'a> {
    let id = |of: Option<&Text>| to.texts.optional(of);
    columns
        .add("project", rows.clone().map(|one| id(one.project.as_ref())))
        .add("agent", rows.clone().map(|one| id(one.agent.as_ref())))
        .add("actor", rows.clone().map(|one| id(one.actor.as_ref())))
        .add("brand", rows.clone().map(|one| id(one.brand.as_ref())))
        .add(
            "environment",
            rows.clone().map(|one| id(one.environment.as_ref())),
        )
        .add(
            "session",
            rows.clone().map(|one| optional(one.session.as_ref())),
        )
        .add("request", rows.map(|one| optional(one.request.as_ref())))
}

fn optional(of: Option<&Text>) -> Option<std::borrow::Cow<'_, str>> {
    of.map(|of| text(of))
}
