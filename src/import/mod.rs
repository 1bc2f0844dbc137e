//! Imports what another log has exported.

mod fields;
mod records;

use std::{
    collections::HashSet,
    fmt,
    io::{BufRead, Read},
    mem,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use chrono::Utc;
use serde_json::Value;

use self::fields::Fields;
use crate::{
    error::{Error, ErrorKind, Result},
    record::{
        ActivityId, ActivityRecord, EventId, EventRecord, InstanceId, SpanId, Status, Text, TraceId,
    },
    redact::Redactor,
    store::{
        Accounting, Batch, Details, Durability, Ended, Instance, Intake, NewEvent, Reader, Record,
        Started, Store, Trace, Upkeep, Writer,
    },
};

/// So many records are committed at once,
const BATCH: usize = 1_000;
/// and so many bytes of lines.
const BATCH_BYTES: usize = 8 << 20;
/// The longest line in bytes. Only payloads that were kept in full make lines of more than a megabyte.
const LONGEST_LINE: usize = 32 << 20;
/// How long others may hold the store.
const PATIENCE: Duration = Duration::from_secs(30);
/// What stands before the first line of some files.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// The attribute for the id that a record had before it was imported.
const OLD_ID: &str = "imported.id";

/// An import on its way: the lines of an export as JSON Lines, of activities or events, into a store.
///
/// What is there already, by its id or an event's key, is passed over: the same lines may be imported again, and one that
/// was cut off goes on from the start. Everything is redacted and limited as if it were recorded here, and stands in the
/// order of commits after what is there. It may run while others record.
///
/// An id says when its record started. Where a line says another time, the record gets another id, always the same one;
/// the old one is its attribute `imported.id` (of an event a field of its data, where these are an object or none). Records
/// that name the old id as their parent, root or activity name the new one in the end, also those of other imports.
///
/// # Examples
///
/// ```
/// use tower_activity::{
///     ActivityLog,
///     import::Import,
///     query::{Export, Format},
///     record::Filter,
///     redact::Redactor,
///     store::sqlite::SqliteStore,
/// };
///
/// let log = ActivityLog::open(":memory:")?;
/// log.event("deployment").summary("v3 live").record();
/// log.flush().wait()?;
/// let mut lines = Vec::new();
/// Export::events(Filter::default(), Format::JsonLines).page(&mut log.reader()?, &mut lines)?;
///
/// let other = SqliteStore::new(":memory:")?;
/// let mut import = Import::new(&other, Redactor::new())?;
/// import.read(&*lines, |_| ())?;
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
    /// None where the store takes care of itself.
    upkeep: Option<Box<dyn Upkeep>>,
    redactor: Redactor,
    redactor_panics: AtomicU64,
    lines: u64,
    batch: Batch,
    /// The activities of the batch.
    ids: HashSet<ActivityId>,
    /// The bytes of the batch's lines.
    bytes: usize,
    /// Activities of the batch whose id did not fit their time: the old and the new id.
    renamed: Vec<(ActivityId, ActivityId)>,
    /// Its events whose id did not fit their time.
    renamed_events: HashSet<EventId>,
    /// The newest activity and event before this import.
    begin: (i64, i64),
    /// True when an activity was listed as open, to be written as abandoned in the end.
    lists_open: bool,
    /// True when a line had an id that did not fit its time, whether it is known or not.
    names_old: bool,
    accounting: Accounting,
    imported: ImportSummary,
}

/// What came of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportSummary {
    /// Activities that were not there before.
    pub activities: u64,
    /// Events that were not there before.
    pub events: u64,
    /// Records that were there already.
    pub known: u64,
    /// Activities that had not ended.
    pub running: u64,
    /// Activities and events that were not there before and got another id, because theirs did not fit their time.
    pub renamed: u64,
}

impl Import {
    /// Begins an import into a store, which is made where there is none.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub fn new(store: &dyn Store, redactor: Redactor) -> Result<Self> {
        let now = Utc::now();
        let instance = Instance {
            id: InstanceId::from_parts(now.timestamp_micros(), fastrand::u64(..)),
            host: String::from("(import)"),
            pid: std::process::id(),
            started_at: now,
            durability: Durability::Process,
        };
        let writer = store.writer(&instance)?;
        let upkeep = match store.upkeep() {
            Err(error) if error.is_invalid() => None,
            upkeep => Some(upkeep?),
        };
        let mut reader = store.reader()?;
        Ok(Import {
            begin: (
                ActivityRecord::source(&mut *reader).newest()?.seq(),
                EventRecord::source(&mut *reader).newest()?.seq(),
            ),
            writer,
            reader,
            upkeep,
            redactor,
            redactor_panics: AtomicU64::new(0),
            lines: 0,
            batch: Batch::default(),
            ids: HashSet::new(),
            bytes: 0,
            renamed: Vec::new(),
            renamed_events: HashSet::new(),
            lists_open: false,
            names_old: false,
            accounting: Accounting::default(),
            imported: ImportSummary::default(),
        })
    }

    /// Takes in every line to the end. `told` hears after each how many bytes have been read.
    ///
    /// # Errors
    ///
    /// As for [`line`](Self::line), and when nothing more can be read.
    pub fn read(&mut self, mut lines: impl BufRead, mut told: impl FnMut(u64)) -> Result<()> {
        let (mut line, mut bytes) = (Vec::new(), 0);
        loop {
            line.clear();
            let mut part = Read::take(&mut lines, LONGEST_LINE as u64 + 1);
            let read = part.read_until(b'\n', &mut line).map_err(|cause| {
                let what = format!("cannot read line {}", self.lines + 1);
                Error::new(ErrorKind::Store, what).with_source(cause)
            })?;
            if read == 0 {
                return Ok(());
            }
            match std::str::from_utf8(&line) {
                Ok(line) => self.line(line)?,
                Err(_) if line.len() > LONGEST_LINE => return Err(self.next_is_too_long()),
                Err(cause) => {
                    let at = cause.valid_up_to() + 1;
                    self.lines += 1;
                    return Err(self.wrong(&format!("byte {at} is not UTF-8: convert the file")));
                }
            }
            bytes += read as u64;
            told(bytes);
        }
    }

    /// Takes in one line; an empty one is passed over.
    ///
    /// # Errors
    ///
    /// When it is no record (`is_invalid`): the error says which line it is, counted from 1, what is wrong with it, and
    /// what would be right. When the store could not be written. What came before it stays, and other lines may follow.
    pub fn line(&mut self, line: &str) -> Result<()> {
        if line.trim_end().len() > LONGEST_LINE {
            return Err(self.next_is_too_long());
        }
        self.lines += 1;
        let line = match self.lines {
            1 => line.trim_start_matches(BYTE_ORDER_MARK),
            _ => line,
        };
        if line.trim().is_empty() {
            return Ok(());
        }
        let fields = Fields::of(line, &self.redactor).map_err(|wrong| self.wrong(&wrong))?;
        if fields.has("type") {
            let record = records::event(fields).map_err(|wrong| self.wrong(&wrong))?;
            self.event(record)?;
        } else {
            let record = records::activity(fields).map_err(|wrong| self.wrong(&wrong))?;
            self.activity(record)?;
        }
        self.bytes += line.len();
        let records = self.batch.ended.len() + self.batch.open.len() + self.batch.events.len();
        if records >= BATCH || self.bytes >= BATCH_BYTES {
            self.commit()?;
        }
        Ok(())
    }

    /// Commits what is left, and says what came of all of it.
    ///
    /// # Errors
    ///
    /// When the store could not be written.
    pub fn finish(mut self) -> Result<ImportSummary> {
        self.commit()?;
        if let Some(upkeep) = &mut self.upkeep {
            // What an import that was cut off has left, too.
            let after = if self.names_old { (0, 0) } else { self.begin };
            upkeep.relink(after)?;
        }
        // What is still open there is written as abandoned: so it was.
        self.writer.close(&self.accounting)?;
        Ok(self.imported)
    }

    fn activity(&mut self, record: ActivityRecord) -> Result<()> {
        if record.status == Status::Running {
            self.imported.running += 1;
            return Ok(());
        }
        let old = record.id;
        let id = old.starting_at(record.started_at);
        let (status, duration_ns) = (record.status, record.duration_ns);
        self.names_old |= id != old;
        // Whether an ended one is known is seen when it is inserted, unless it may be listed as open.
        let look = id != old || duration_ns.is_none() || self.lists_open;
        if look && (self.is_known(old)? || (id != old && self.is_known(id)?)) {
            self.imported.known += 1;
            return Ok(());
        }
        self.lists_open |= duration_ns.is_none();
        let started = started(self.intake(), record, id);
        match duration_ns {
            None => self.batch.open.push(started),
            Some(duration_ns) => self.batch.ended.push(Ended {
                started,
                status,
                duration_ns,
                listed: false,
            }),
        }
        self.ids.insert(id);
        if id != old {
            self.renamed.push((old, id));
        }
        Ok(())
    }

    fn event(&mut self, mut record: EventRecord) -> Result<()> {
        let id = record.id.happening_at(record.at);
        if id != record.id {
            if self.is_known_event(record.id)? || self.is_known_event(id)? {
                self.imported.known += 1;
                return Ok(());
            }
            let data = record
                .data
                .get_or_insert_with(|| Value::Object(Default::default()));
            if let Value::Object(fields) = data {
                fields.insert(OLD_ID.to_owned(), record.id.to_string().into());
            }
            self.renamed_events.insert(id);
        }
        let event = new_event(self.intake(), record, id);
        if event.event_type.is_empty() {
            return Err(self.wrong("`type` has no letters or digits: name the sort of event"));
        }
        self.batch.events.push(event);
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        let mut batch = mem::take(&mut self.batch);
        self.ids.clear();
        self.bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        if !self.renamed.is_empty() {
            // First, so that what names the old ids finds them in any case.
            let upkeep = self.upkeep.as_mut().ok_or_else(|| {
                Error::invalid(
                    "cannot give activities other ids in a store that takes care of itself",
                )
            })?;
            upkeep.rename(&self.renamed)?;
        }
        let counts = &mut self.accounting;
        counts.redactor_panics = *self.redactor_panics.get_mut();
        batch.accounting = counts.clone();
        let patience = Instant::now() + PATIENCE;
        let appended = loop {
            match self.writer.append(&batch) {
                // Given again, what is there already is passed over.
                Err(error) if error.is_busy() && Instant::now() < patience => {}
                result => break result?,
            }
        };
        // What keeps it from being done now keeps nothing from being imported.
        let _ = self.writer.checkpoint();
        let (open, events) = (batch.open.len() as u64, batch.events.len() as u64);
        self.imported.activities += appended.inserted + open;
        self.imported.events += appended.events;
        self.imported.known += appended.ignored + (events - appended.events);
        for duplicate in appended.duplicates {
            self.renamed_events.remove(&duplicate.id);
        }
        self.imported.renamed += (self.renamed.len() + self.renamed_events.len()) as u64;
        self.renamed.clear();
        self.renamed_events.clear();
        counts.activities.recorded += appended.inserted + open;
        counts.activities.open += open;
        counts.activities.committed += appended.inserted;
        counts.events.recorded += appended.events;
        counts.events.committed += appended.events;
        Ok(())
    }

    fn intake(&self) -> Intake<'_> {
        Intake::new(&self.redactor, &self.redactor_panics)
    }

    fn is_known(&mut self, id: ActivityId) -> Result<bool> {
        Ok(self.ids.contains(&id) || !self.reader.ids(id..=id, 1)?.is_empty())
    }

    /// True when an event is in the store. One of the batch is found there when that is committed.
    fn is_known_event(&mut self, id: EventId) -> Result<bool> {
        Ok(EventRecord::source(&mut *self.reader).get(id)?.is_some())
    }

    /// Says what is wrong with the last line.
    fn wrong(&self, wrong: &str) -> Error {
        Error::invalid(format!("line {}: {wrong}", self.lines))
    }

    fn next_is_too_long(&mut self) -> Error {
        self.lines += 1;
        self.wrong(&format!(
            "it is longer than {} MiB: shorten its `input` or `output`",
            LONGEST_LINE >> 20
        ))
    }
}

fn started(intake: Intake<'_>, record: ActivityRecord, id: ActivityId) -> Started {
    let old = record.id;
    let root = if record.root == old { id } else { record.root };
    let mut details = Details {
        truncated: record.truncated,
        input: record.input.and_then(|preview| intake.preview(preview)),
        output: record.output.and_then(|preview| intake.preview(preview)),
        error_type: record.error_type.map(|text| intake.text(text)),
        message: record.message.map(|text| intake.message(text)),
        trace: trace(
            id,
            root,
            record.trace_id,
            record.span_id,
            record.remote_parent,
        ),
        ..Details::default()
    };
    let mut attributes = record.attributes;
    let own = (id != old).then(|| {
        attributes.remove(OLD_ID);
        // The first of all, so that no limit refuses it.
        (Text::own(OLD_ID), old.to_string().into())
    });
    let attributes = attributes
        .into_iter()
        .map(|(key, value)| (Text::from(key), value));
    intake.attributes(own.into_iter().chain(attributes).collect(), &mut details);
    let mut scope = Arc::new(record.scope);
    intake.scope(&mut scope);
    Started {
        id,
        parent: record.parent,
        root: Some(root).filter(|root| *root != id),
        kind: record.kind,
        name: intake.text(record.name),
        scope: Some(scope),
        details: Some(Box::new(details)),
    }
}

fn new_event(intake: Intake<'_>, record: EventRecord, id: EventId) -> NewEvent {
    let mut scope = Arc::new(record.scope);
    intake.scope(&mut scope);
    let mut event = NewEvent {
        id,
        at_us: record.at.timestamp_micros(),
        event_type: intake.event_type(record.event_type),
        status: record.status,
        summary: record.summary,
        count: record.count,
        reference: record.reference,
        data: None,
        activity: record.activity,
        scope: Some(scope),
        dedup_key: record.dedup_key,
        truncated: record.truncated,
    };
    intake.event(&mut event, record.data);
    event
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import")
            .field("imported", &self.imported)
            .finish_non_exhaustive()
    }
}

/// What does not follow from the ids.
fn trace(
    id: ActivityId,
    root: ActivityId,
    trace: TraceId,
    span: SpanId,
    remote_parent: Option<SpanId>,
) -> Option<Box<Trace>> {
    let own_span = (span != SpanId::of(id)).then_some(span);
    if trace == TraceId::of_root(root) && own_span.is_none() && remote_parent.is_none() {
        return None;
    }
    let mut own = Trace::own(trace);
    own.span = own_span;
    own.remote_parent = remote_parent;
    Some(Box::new(own))
}
