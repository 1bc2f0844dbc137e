//! Takes in what another log has exported.

use std::{mem, sync::Arc};

use chrono::Utc;
use serde_json::Value;

use crate::{
    error::{Error, Result},
    record::{
        ActivityId, ActivityRecord, EventRecord, InstanceId, Preview, Scope, SpanId, Status, Text,
        TraceId, snake_case,
    },
    redact::{Redactor, RedactorPanicked},
    store::{
        Accounting, Batch, Details, Durability, Ended, Instance, NewEvent, Reader, Started, Store,
        Trace, Writer,
    },
};

/// So many records are committed at once.
const BATCH: usize = 1_000;

/// An import on its way: the lines of an export as JSON Lines, of activities or events, into a store.
///
/// What is there already, by its id or an event's key, is passed over: the same lines may be imported again, and one that
/// was cut off goes on from the start. Everything is redacted as if it were recorded here, and stands in the order of
/// commits after what is there. It may run while others record.
///
/// # Examples
///
/// ```
/// use tower_activity::{
///     ActivityLog,
///     query::{Export, Format},
///     record::Filter,
///     redact::Redactor,
///     store::{Import, sqlite::SqliteStore},
/// };
///
/// let log = ActivityLog::open(":memory:")?;
/// log.event("deployment").summary("v3 live").record();
/// log.flush().wait()?;
/// let mut lines = Vec::new();
/// Export::events(Filter::default(), Format::JsonLines).page(&mut log.reader()?, &mut lines)?;
///
/// let other = SqliteStore::at(":memory:")?;
/// let mut import = Import::begin(&other, Redactor::new())?;
/// for line in String::from_utf8_lossy(&lines).lines() {
///     import.line(line)?;
/// }
/// assert_eq!(import.finish()?.events, 1);
/// # Ok::<_, tower_activity::Error>(())
/// ```
///
/// # Loss
///
/// Recordings are not in such exports. Activities that still ran when they were exported are passed over, and counted.
#[must_use = "what was not committed is lost unless it is finished"]
pub struct Import {
    writer: Box<dyn Writer>,
    reader: Box<dyn Reader>,
    redactor: Redactor,
    batch: Batch,
    accounting: Accounting,
    imported: Imported,
}

/// What came of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// Activities that were not there before.
    pub activities: u64,
    /// Events that were not there before.
    pub events: u64,
    /// Records that were there already.
    pub known: u64,
    /// Activities that had not ended.
    pub running: u64,
}

impl Import {
    /// Begins an import into a store, which is made where there is none.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub fn begin(store: &dyn Store, redactor: Redactor) -> Result<Self> {
        let now = Utc::now();
        let instance = Instance {
            id: InstanceId::from_parts(now.timestamp_micros(), fastrand::u64(..)),
            host: String::from("(import)"),
            pid: std::process::id(),
            started_at: now,
            durability: Durability::Process,
        };
        Ok(Import {
            writer: store.writer(&instance)?,
            reader: store.reader()?,
            redactor,
            batch: Batch::default(),
            accounting: Accounting::default(),
            imported: Imported::default(),
        })
    }

    /// Takes in one line; an empty one is passed over.
    ///
    /// # Errors
    ///
    /// When it is no record (`is_invalid`), and when the store could not be written. What came before it stays.
    pub fn line(&mut self, line: &str) -> Result<()> {
        if line.trim().is_empty() {
            return Ok(());
        }
        let unlike = |cause: serde_json::Error| {
            let what = "is no line of an export: each is one activity or event as JSON";
            Error::invalid(what).with_source(cause)
        };
        let value: Value = serde_json::from_str(line).map_err(unlike)?;
        match value.get("type") {
            Some(_) => {
                let record = serde_json::from_value(value).map_err(unlike)?;
                let event = self.event(record).map_err(panicked)?;
                self.batch.events.push(event);
            }
            None => {
                let record = serde_json::from_value(value).map_err(unlike)?;
                self.activity(record)?;
            }
        }
        match self.batch.ended.len() + self.batch.open.len() + self.batch.events.len() {
            BATCH.. => self.commit(),
            _ => Ok(()),
        }
    }

    /// Commits what is left, and says what came of all of it.
    ///
    /// # Errors
    ///
    /// When the store could not be written.
    pub fn finish(mut self) -> Result<Imported> {
        self.commit()?;
        // What is still open there is written as abandoned: so it was.
        self.writer.close(&self.accounting)?;
        Ok(self.imported)
    }

    fn activity(&mut self, record: ActivityRecord) -> Result<()> {
        if record.id.started_at() != record.started_at {
            return Err(Error::invalid(format!(
                "cannot import the activity {}: by its id it started at {}, not at {}",
                record.id,
                record.id.started_at(),
                record.started_at
            )));
        }
        let (status, duration_ns, id) = (record.status, record.duration_ns, record.id);
        match (status, duration_ns) {
            (Status::Running, _) => self.imported.running += 1,
            (Status::Abandoned, _) | (_, None) => match self.reader.activity(id)? {
                Some(_) => self.imported.known += 1,
                None => {
                    let started = self.started(record).map_err(panicked)?;
                    self.batch.open.push(started);
                }
            },
            (status, Some(duration_ns)) => {
                let started = self.started(record).map_err(panicked)?;
                self.batch.ended.push(Ended {
                    started,
                    status,
                    duration_ns,
                    listed: false,
                    charge: 0,
                });
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        let mut batch = mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        batch.accounting = self.accounting.clone();
        let appended = self.writer.append(&batch)?;
        let (open, events) = (batch.open.len() as u64, batch.events.len() as u64);
        self.imported.activities += appended.inserted + open;
        self.imported.events += appended.events;
        self.imported.known += appended.ignored + (events - appended.events);
        let counts = &mut self.accounting;
        counts.started += appended.inserted + open;
        counts.open += open;
        counts.ended += appended.inserted;
        counts.committed += appended.inserted;
        counts.events.recorded += appended.events;
        counts.events.committed += appended.events;
        Ok(())
    }

    fn started(&self, record: ActivityRecord) -> Result<Started, RedactorPanicked> {
        let mut details = Details {
            truncated: record.truncated,
            input: self.preview(record.input.as_ref())?,
            output: self.preview(record.output.as_ref())?,
            error_type: self.maybe(record.error_type.as_ref())?,
            message: self.maybe(record.message.as_ref())?,
            trace: trace(
                record.id,
                record.root,
                &record.trace_id,
                record.span_id,
                record.remote_parent,
            ),
            ..Details::default()
        };
        for (key, value) in record.attributes {
            let value = self.redactor.value(&key, value)?;
            details.attributes.push((Text::from(key), value));
        }
        Ok(Started {
            id: record.id,
            parent: record.parent,
            root: Some(record.root).filter(|root| *root != record.id),
            kind: record.kind,
            name: self.text(&record.name)?,
            scope: self.scope(record.scope)?,
            details: Some(Box::new(details)),
        })
    }

    fn event(&self, record: EventRecord) -> Result<NewEvent, RedactorPanicked> {
        let data = record.data.map(|data| self.redactor.value("data", data));
        Ok(NewEvent {
            id: record.id,
            at_us: record.at.timestamp_micros(),
            event_type: snake_case(&self.text(&record.event_type)?),
            status: record.status,
            summary: self.maybe(record.summary.as_ref())?,
            count: record.count,
            reference: self.maybe(record.reference.as_ref())?,
            data: data.transpose()?.map(|data| data.to_string()),
            activity: record.activity,
            scope: self.scope(record.scope)?,
            dedup_key: self.maybe(record.dedup_key.as_ref())?,
            truncated: record.truncated,
            charge: 0,
            answer: None,
        })
    }

    fn text(&self, text: &Text) -> Result<Text, RedactorPanicked> {
        Ok(Text::from(self.redactor.text(text)?.into_owned()))
    }

    fn maybe(&self, text: Option<&Text>) -> Result<Option<Text>, RedactorPanicked> {
        text.map(|text| self.text(text)).transpose()
    }

    fn preview(&self, preview: Option<&Preview>) -> Result<Option<Preview>, RedactorPanicked> {
        let Some(preview) = preview else {
            return Ok(None);
        };
        let text = self.redactor.text(&preview.text)?.into_owned();
        Ok(Some(Preview::new(text, preview.bytes, preview.truncated)))
    }

    fn scope(&self, mut scope: Scope) -> Result<Option<Arc<Scope>>, RedactorPanicked> {
        for text in scope.texts_mut() {
            *text = self.maybe(text.as_ref())?;
        }
        Ok(Some(Arc::new(scope)))
    }
}

impl std::fmt::Debug for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Import")
            .field("imported", &self.imported)
            .finish_non_exhaustive()
    }
}

/// What does not follow from the ids.
fn trace(
    id: ActivityId,
    root: ActivityId,
    trace: &TraceId,
    span: SpanId,
    remote_parent: Option<SpanId>,
) -> Option<Box<Trace>> {
    let own_span = (span != SpanId::of(id)).then_some(span);
    if *trace == TraceId::of_root(root) && own_span.is_none() && remote_parent.is_none() {
        return None;
    }
    let mut own = Trace::own(*trace);
    own.span = own_span;
    own.remote_parent = remote_parent;
    Some(Box::new(own))
}

fn panicked(_: RedactorPanicked) -> Error {
    Error::new(
        crate::error::ErrorKind::Panicked,
        "cannot import the record: a rule of the redactor panicked",
    )
}
