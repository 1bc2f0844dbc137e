//! Inserts ended activities. The hot path of the store: its cost per row is kept minimal.

use rusqlite::{CachedStatement, ToSql, params, types::Null};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::dictionary::TextIds;
use crate::{
    record::{ActivityId, Preview, SpanId, Text},
    store::{
        Details, EndedActivity,
        codes::Code,
        sqlite::columns::signed,
        sums::{BucketRow, Buckets},
    },
};

const INSERT: &str = "
INSERT INTO activity (id, parent, root, kind, name, status, started_at, duration_ns, project, agent, actor, brand,
                      environment, session, request, error_type, message, attributes, truncated, instance, trace_id, span_id,
                      remote_parent)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)
ON CONFLICT (id) DO NOTHING";
const INSERT_PREVIEW: &str = "
INSERT INTO preview (activity, input, input_bytes, input_truncated, output, output_bytes, output_truncated)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const UNLIST: &str = "DELETE FROM open WHERE id = ?1";

/// Inserts ended activities that are not in the table yet, and returns their number.
pub(super) fn insert(
    texts: &mut TextIds<'_>,
    buckets: &mut Buckets,
    instance: i64,
    batch: &[EndedActivity],
) -> rusqlite::Result<u64> {
    let connection = texts.connection;
    // Looking up a cached statement costs a tenth of executing it: once per batch, not per row.
    let mut insert = SparseStatement {
        statement: connection.prepare_cached(INSERT)?,
        bound: 0,
    };
    // The same for the whole batch.
    insert.set(20, instance)?;
    let mut insert_preview = connection.prepare_cached(INSERT_PREVIEW)?;
    let mut unlist = connection.prepare_cached(UNLIST)?;
    let mut count = 0;
    for ended in batch {
        let started = &ended.started;
        let name = texts.id(&started.name)?;
        let scope = texts.scope(started.scope.as_deref())?;
        let details = started.details.as_deref();
        insert.set(1, started.id.as_bytes())?;
        insert.set_optional(2, started.parent.as_ref().map(ActivityId::as_bytes))?;
        insert.set_optional(3, started.root.as_ref().map(ActivityId::as_bytes))?;
        insert.set(4, texts.kind(started.kind)?)?;
        insert.set(5, name)?;
        insert.set(6, ended.status.code())?;
        insert.set(7, started.id.started_at_us())?;
        insert.set(8, signed(ended.duration_ns))?;
        insert.set_optional(9, scope.project)?;
        insert.set_optional(10, scope.agent)?;
        insert.set_optional(11, scope.actor)?;
        insert.set_optional(12, scope.brand)?;
        insert.set_optional(13, scope.environment)?;
        insert.set_optional(14, scope.session)?;
        insert.set_optional(15, scope.request)?;
        insert.set_optional(
            16,
            details.and_then(|details| details.error_type.as_deref()),
        )?;
        insert.set_optional(17, details.and_then(|details| details.message.as_deref()))?;
        insert.set_optional(18, details.and_then(attributes))?;
        insert.set_optional(
            19,
            details.and_then(|details| details.truncated.then_some(1)),
        )?;
        let trace = TraceColumns::from_details(details);
        insert.set_optional(21, trace.id)?;
        insert.set_optional(22, trace.span)?;
        insert.set_optional(23, trace.remote_parent)?;
        let inserted = insert.statement.raw_execute()? == 1;
        if ended.listed {
            unlist.execute([started.id.as_bytes()])?;
        }
        if !inserted {
            continue;
        }
        count += 1;
        if let Some(details) = details
            && (details.input.is_some() || details.output.is_some())
        {
            let input = PreviewColumns::from_preview(details.input.as_ref());
            let output = PreviewColumns::from_preview(details.output.as_ref());
            insert_preview.execute(params![
                connection.last_insert_rowid(),
                input.text,
                input.bytes,
                input.truncated,
                output.text,
                output.bytes,
                output.truncated,
            ])?;
        }
        buckets.add(BucketRow {
            started_at_us: started.id.started_at_us(),
            status: ended.status,
            duration_ns: Some(ended.duration_ns),
            name,
            project: scope.project,
            brand: scope.brand,
        });
    }
    Ok(count)
}

/// A statement whose parameters are mostly NULL.
///
/// Binding NULL costs as much as binding a number, and bindings outlive an execution: NULL is only bound to replace another
/// value.
struct SparseStatement<'a> {
    statement: CachedStatement<'a>,
    /// One bit per parameter that is not NULL.
    bound: u32,
}

impl SparseStatement<'_> {
    fn set(&mut self, number: usize, value: impl ToSql) -> rusqlite::Result<()> {
        self.bound |= 1 << number;
        self.statement.raw_bind_parameter(number, value)
    }

    fn set_optional(&mut self, number: usize, value: Option<impl ToSql>) -> rusqlite::Result<()> {
        match value {
            Some(value) => self.set(number, value),
            None if self.bound & (1 << number) == 0 => Ok(()),
            None => {
                self.bound ^= 1 << number;
                self.statement.raw_bind_parameter(number, Null)
            }
        }
    }
}

/// The columns of a preview; all NULL if there is none.
#[derive(Debug, Default)]
pub(super) struct PreviewColumns<'a> {
    pub(super) text: Option<&'a str>,
    pub(super) bytes: Option<i64>,
    pub(super) truncated: Option<i64>,
}

impl<'a> PreviewColumns<'a> {
    pub(super) fn from_preview(preview: Option<&'a Preview>) -> Self {
        preview.map_or_else(PreviewColumns::default, |preview| PreviewColumns {
            text: Some(&preview.text),
            bytes: Some(signed(preview.bytes)),
            truncated: preview.truncated.then_some(1),
        })
    }
}

/// The columns of trace ids; all NULL if they follow from the activity's ids.
#[derive(Debug, Default)]
pub(super) struct TraceColumns<'a> {
    pub(super) id: Option<&'a [u8; 16]>,
    pub(super) span: Option<&'a [u8; 8]>,
    pub(super) remote_parent: Option<&'a [u8; 8]>,
}

impl<'a> TraceColumns<'a> {
    pub(super) fn from_details(details: Option<&'a Details>) -> Self {
        let trace = details.and_then(|details| details.trace.as_deref());
        trace.map_or_else(TraceColumns::default, |trace| TraceColumns {
            id: Some(trace.id.as_bytes()),
            span: trace.span.as_ref().map(SpanId::as_bytes),
            remote_parent: trace.remote_parent.as_ref().map(SpanId::as_bytes),
        })
    }
}

/// Serializes attributes as a JSON object; `None` if there are none.
pub(super) fn attributes(details: &Details) -> Option<String> {
    if details.attributes.is_empty() {
        return None;
    }
    serde_json::to_string(&Attributes(&details.attributes)).ok()
}

/// Serializes pairs as one JSON object.
struct Attributes<'a>(&'a [(Text, Value)]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key.as_str(), value)))
    }
}
