//! Imports records from exports of other logs, in JSON Lines.

mod fields;
mod records;

use std::{
    collections::HashSet,
    fmt,
    io::{BufRead, Read},
    mem,
    sync::{Arc, atomic::AtomicU64},
    thread,
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
        Accounting, Batch, Details, Durability, EndedActivity, Instance, Maintenance, NewEvent,
        Position, RawAttributes, Reader, Record, Sanitizer, StartedActivity, Store, Trace, Writer,
    },
};

/// Records per commit.
const BATCH: usize = 1_000;
/// Bytes of lines per commit.
const BATCH_BYTES: usize = 8 << 20;
/// The longest line in bytes. Only payloads that were captured in full make lines longer than a megabyte.
const MAX_LINE_BYTES: usize = 32 << 20;
/// How long to retry a commit while others lock the store.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// Some programs write it before the first line.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// The attribute with a record's id before the import.
const OLD_ID: &str = "imported.id";

/// An import of activities and events, exported as JSON Lines, into a store.
///
/// Records that the store has already, by id or by an event's deduplication key, are skipped: so an import may be repeated,
/// and an interrupted one is completed by running it again. Records are redacted and limited as if they were recorded here,
/// and follow the existing ones in commit order. Other processes may record at the same time.
///
/// An id contains the time when its record started. If a line has a different time, the record gets a new id, which is the
/// same in every import. The old one becomes its attribute `imported.id`; for an event a field of its data, if that is an
/// object or missing. References to the old id as parent, root or activity are updated at the end of the import, also those
/// of other imports.
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
/// Recordings are not exported. Activities that were running when they were exported are skipped and counted.
#[must_use = "the last batch is lost unless the import is finished"]
pub struct Import {
    writer: Box<dyn Writer>,
    reader: Box<dyn Reader>,
    /// `None` for a store without maintenance.
    maintenance: Option<Box<dyn Maintenance>>,
    redactor: Redactor,
    redactor_panics: AtomicU64,
    lines: u64,
    batch: Batch,
    /// The ids of the batch's activities.
    ids: HashSet<ActivityId>,
    /// The bytes of the batch's lines.
    bytes: usize,
    /// Old and new ids of the batch's activities whose id did not fit their time.
    renamed: Vec<(ActivityId, ActivityId)>,
    /// New ids of the batch's events whose id did not fit their time.
    renamed_events: HashSet<EventId>,
    /// The newest activity and event before this import: seqs.
    begin: (Position<ActivityRecord>, Position<EventRecord>),
    /// True once an activity was written as open: closing the writer turns it into an abandoned one.
    has_open: bool,
    /// True once a line had an id that did not fit its time, even if its record was skipped.
    has_renamed: bool,
    accounting: Accounting,
    summary: ImportSummary,
}

/// The result of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportSummary {
    /// Activities that were added.
    pub activities: u64,
    /// Events that were added.
    pub events: u64,
    /// Records that were skipped because the store has them already.
    pub known: u64,
    /// Activities that were skipped because they had not ended.
    pub running: u64,
    /// Added activities and events that got a new id, because theirs did not fit their time.
    pub renamed: u64,
}

impl Import {
    /// Begins an import into a store, which is created if it does not exist.
    ///
    /// # Errors
    ///
    /// If the store cannot be written.
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
        let maintenance = match store.maintenance() {
            Err(error) if error.is_invalid() => None,
            maintenance => Some(maintenance?),
        };
        let mut reader = store.reader()?;
        Ok(Import {
            begin: (
                ActivityRecord::source(&mut *reader).newest()?,
                EventRecord::source(&mut *reader).newest()?,
            ),
            writer,
            reader,
            maintenance,
            redactor,
            redactor_panics: AtomicU64::new(0),
            lines: 0,
            batch: Batch::default(),
            ids: HashSet::new(),
            bytes: 0,
            renamed: Vec::new(),
            renamed_events: HashSet::new(),
            has_open: false,
            has_renamed: false,
            accounting: Accounting::default(),
            summary: ImportSummary::default(),
        })
    }

    /// Imports all lines. Calls `progress` after each with the number of bytes read so far.
    ///
    /// # Errors
    ///
    /// As for [`line`](Self::line), and if reading fails.
    pub fn read(&mut self, mut lines: impl BufRead, mut progress: impl FnMut(u64)) -> Result<()> {
        let (mut line, mut bytes) = (Vec::new(), 0);
        loop {
            line.clear();
            let mut part = Read::take(&mut lines, MAX_LINE_BYTES as u64 + 1);
            let read = part.read_until(b'\n', &mut line).map_err(|cause| {
                let what = format!("cannot read line {}", self.lines + 1);
                Error::new(ErrorKind::Store, what).with_source(cause)
            })?;
            if read == 0 {
                return Ok(());
            }
            match std::str::from_utf8(&line) {
                Ok(line) => self.line(line)?,
                Err(_) if line.len() > MAX_LINE_BYTES => return Err(self.too_long()),
                Err(cause) => {
                    let at = cause.valid_up_to() + 1;
                    self.lines += 1;
                    return Err(self.invalid_line(&format!(
                        "byte {at} is not UTF-8: convert the file to UTF-8"
                    )));
                }
            }
            bytes += read as u64;
            progress(bytes);
        }
    }

    /// Imports one line. Empty lines are skipped.
    ///
    /// # Errors
    ///
    /// If the line is not a valid record (`is_invalid`): the error has its number, counted from 1, what is wrong with it and
    /// how to fix it. If the store could not be written. Earlier lines are kept, and more lines may follow.
    pub fn line(&mut self, line: &str) -> Result<()> {
        if line.trim_end().len() > MAX_LINE_BYTES {
            return Err(self.too_long());
        }
        self.lines += 1;
        let line = match self.lines {
            1 => line.trim_start_matches(BYTE_ORDER_MARK),
            _ => line,
        };
        if line.trim().is_empty() {
            return Ok(());
        }
        let fields =
            Fields::parse(line, &self.redactor).map_err(|message| self.invalid_line(&message))?;
        if fields.has("type") {
            let record = records::event(fields).map_err(|message| self.invalid_line(&message))?;
            self.event(record)?;
        } else {
            let record =
                records::activity(fields).map_err(|message| self.invalid_line(&message))?;
            self.activity(record)?;
        }
        self.bytes += line.len();
        let records = self.batch.ended.len() + self.batch.open.len() + self.batch.events.len();
        if records >= BATCH || self.bytes >= BATCH_BYTES {
            self.commit()?;
        }
        Ok(())
    }

    /// Commits the last batch, updates references to old ids, and returns the result.
    ///
    /// # Errors
    ///
    /// If the store could not be written.
    pub fn finish(mut self) -> Result<ImportSummary> {
        self.commit()?;
        if let Some(maintenance) = &mut self.maintenance {
            // From the start, if an interrupted import may have left references to old ids.
            let (activities, events) = match self.has_renamed {
                true => Default::default(),
                false => self.begin,
            };
            maintenance.relink(activities, events)?;
        }
        // This writes the open activities as abandoned, which they were.
        while_busy(|| self.writer.close(&self.accounting))?;
        Ok(self.summary)
    }

    fn activity(&mut self, record: ActivityRecord) -> Result<()> {
        if record.status == Status::Running {
            self.summary.running += 1;
            return Ok(());
        }
        let old = record.id;
        let id = old.with_start(record.started_at);
        let (status, duration_ns) = (record.status, record.duration_ns);
        self.has_renamed |= id != old;
        // Inserting skips an ended activity that is known, unless that one is open.
        let look_up = id != old || duration_ns.is_none() || self.has_open;
        if look_up && (self.is_known(old)? || (id != old && self.is_known(id)?)) {
            self.summary.known += 1;
            return Ok(());
        }
        self.has_open |= duration_ns.is_none();
        let started = started(self.intake(), record, id);
        match duration_ns {
            None => self.batch.open.push(started),
            Some(duration_ns) => self.batch.ended.push(EndedActivity {
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
        let id = record.id.with_time(record.at);
        if id != record.id {
            if self.is_known_event(record.id)? || self.is_known_event(id)? {
                self.summary.known += 1;
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
            return Err(
                self.invalid_line("`type` has no letters or digits: name the kind of event")
            );
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
            // Before the records: if the import is interrupted, references to the old ids can still be updated.
            let maintenance = self.maintenance.as_mut().ok_or_else(|| {
                Error::invalid("cannot change the ids of activities in a store without maintenance")
            })?;
            maintenance.rename(&self.renamed)?;
        }
        let counts = &mut self.accounting;
        counts.redactor_panics = *self.redactor_panics.get_mut();
        batch.accounting = counts.clone();
        // A retry is safe: inserts are idempotent.
        let appended = while_busy(|| self.writer.append(&batch))?;
        // Nothing is lost if it fails: the next checkpoint catches up.
        let _ = self.writer.checkpoint();
        let (open, events) = (batch.open.len() as u64, batch.events.len() as u64);
        self.summary.activities += appended.inserted + open;
        self.summary.events += appended.events;
        self.summary.known += appended.ignored + (events - appended.events);
        for duplicate in appended.duplicates {
            self.renamed_events.remove(&duplicate.id);
        }
        self.summary.renamed += (self.renamed.len() + self.renamed_events.len()) as u64;
        self.renamed.clear();
        self.renamed_events.clear();
        counts.activities.recorded += appended.inserted + open;
        counts.activities.open += open;
        counts.activities.committed += appended.inserted;
        counts.events.recorded += appended.events;
        counts.events.committed += appended.events;
        Ok(())
    }

    fn intake(&self) -> Sanitizer<'_> {
        Sanitizer::new(&self.redactor, &self.redactor_panics)
    }

    fn is_known(&mut self, id: ActivityId) -> Result<bool> {
        Ok(self.ids.contains(&id) || !self.reader.ids(id..=id, 1)?.is_empty())
    }

    /// True if the store has the event. Duplicates within a batch are found on commit.
    fn is_known_event(&mut self, id: EventId) -> Result<bool> {
        Ok(EventRecord::source(&mut *self.reader).get(id)?.is_some())
    }

    /// The error for the last line.
    fn invalid_line(&self, message: &str) -> Error {
        Error::invalid(format!("line {}: {message}", self.lines))
    }

    fn too_long(&mut self) -> Error {
        self.lines += 1;
        self.invalid_line(&format!(
            "longer than {} MiB: shorten `input` or `output`",
            MAX_LINE_BYTES >> 20
        ))
    }
}

/// Retries while another process has locked the store, up to [`BUSY_TIMEOUT`].
fn while_busy<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match work() {
            Err(error) if error.is_busy() && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

fn started(intake: Sanitizer<'_>, record: ActivityRecord, id: ActivityId) -> StartedActivity {
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
        // First, so that no limit drops it.
        (Text::own(OLD_ID), old.to_string().into())
    });
    let attributes = attributes
        .into_iter()
        .map(|(key, value)| (Text::from(key), value));
    intake.attributes(own.into_iter().chain(attributes).collect(), &mut details);
    let mut scope = Arc::new(record.scope);
    intake.scope(&mut scope);
    StartedActivity {
        id,
        parent: record.parent,
        root: Some(root).filter(|root| *root != id),
        kind: record.kind,
        name: intake.text(record.name),
        scope: Some(scope),
        details: Some(Box::new(details)),
        raw: RawAttributes::default(),
    }
}

fn new_event(intake: Sanitizer<'_>, record: EventRecord, id: EventId) -> NewEvent {
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
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}

/// The trace of an activity; `None` if it follows from the ids.
fn trace(
    id: ActivityId,
    root: ActivityId,
    trace: TraceId,
    span: SpanId,
    remote_parent: Option<SpanId>,
) -> Option<Box<Trace>> {
    let own_span = (span != SpanId::from_activity(id)).then_some(span);
    if trace == TraceId::from_root(root) && own_span.is_none() && remote_parent.is_none() {
        return None;
    }
    let mut own = Trace::own(trace);
    own.span = own_span;
    own.remote_parent = remote_parent;
    Some(Box::new(own))
}
