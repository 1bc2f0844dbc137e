//! The write side of ended activities: what every row costs is paid here, and as little of it as can be.

use rusqlite::{
    Statement, ToSql, params,
    types::{ToSqlOutput, Value, ValueRef},
};

use crate::{
    record::Preview,
    store::{
        Details, Ended,
        sqlite::{
            bucket::{Buckets, Fold},
            dictionary::Texts,
            write::status_number,
        },
    },
};

const INSERT: &str = "
INSERT INTO activity (id, parent, root, kind, name, status, started_at, duration_ns, instance, project, agent, actor,
                      brand, environment, session, request, error_type, message, attributes, truncated)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
ON CONFLICT (id) DO NOTHING";
const INSERT_PREVIEW: &str = "
INSERT INTO preview (activity, input, input_bytes, input_truncated, output, output_bytes, output_truncated)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const UNLIST: &str = "DELETE FROM open WHERE id = ?1";

/// Inserts ended activities. Returns how many were not there yet.
pub(super) fn insert(
    texts: &mut Texts<'_>,
    buckets: &mut Buckets,
    instance: i64,
    batch: &[Ended],
) -> rusqlite::Result<u64> {
    let connection = texts.connection;
    // Finding a statement by its text costs a tenth of executing it: once a batch, not once a row.
    let mut insert = connection.prepare_cached(INSERT)?;
    let mut insert_preview = connection.prepare_cached(INSERT_PREVIEW)?;
    let mut unlist = connection.prepare_cached(UNLIST)?;
    let mut count = 0;
    for ended in batch {
        let started = &ended.started;
        let name = texts.number(&started.name)?;
        let scope = texts.scope(started.scope.as_deref())?;
        let details = started.details.as_deref();
        let inserted = execute_sparse(
            &mut insert,
            params![
                started.id.as_bytes(),
                started.parent.as_ref().map(|id| id.as_bytes()),
                started.root.as_ref().map(|id| id.as_bytes()),
                texts.kind(started.kind)?,
                name,
                status_number(ended.status),
                started.id.started_at_us(),
                i64::try_from(ended.duration_ns).unwrap_or(i64::MAX),
                instance,
                scope.project,
                scope.agent,
                scope.actor,
                scope.brand,
                scope.environment,
                scope.session,
                scope.request,
                details.and_then(|details| details.error_type.as_deref()),
                details.and_then(|details| details.message.as_deref()),
                details.and_then(attributes),
                details.and_then(|details| details.truncated.then_some(1)),
            ],
        )? == 1;
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
            let input = PreviewColumns::of(details.input.as_ref());
            let output = PreviewColumns::of(details.output.as_ref());
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
        buckets.add(Fold {
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

/// Executes a statement, binding only what there is: most columns of most rows are NULL, and to bind NULL costs
/// as much as to bind a number.
fn execute_sparse(statement: &mut Statement<'_>, params: &[&dyn ToSql]) -> rusqlite::Result<usize> {
    statement.clear_bindings();
    for (number, param) in (1..).zip(params) {
        match param.to_sql()? {
            ToSqlOutput::Borrowed(ValueRef::Null) | ToSqlOutput::Owned(Value::Null) => {}
            value => statement.raw_bind_parameter::<usize, _>(number, value)?,
        }
    }
    statement.raw_execute()
}

/// A preview as it is stored; all NULL where there is none.
#[derive(Debug, Default)]
pub(super) struct PreviewColumns<'a> {
    pub(super) text: Option<&'a str>,
    pub(super) bytes: Option<i64>,
    pub(super) truncated: Option<i64>,
}

impl<'a> PreviewColumns<'a> {
    pub(super) fn of(preview: Option<&'a Preview>) -> Self {
        preview.map_or_else(PreviewColumns::default, |preview| PreviewColumns {
            text: Some(&preview.text),
            bytes: Some(i64::try_from(preview.bytes).unwrap_or(i64::MAX)),
            truncated: preview.truncated.then_some(1),
        })
    }
}

/// Attributes as they are stored: a JSON object, nothing where there are none.
pub(super) fn attributes(details: &Details) -> Option<String> {
    (!details.attributes.is_empty())
        .then(|| serde_json::to_string(&details.attributes).ok())
        .flatten()
}
