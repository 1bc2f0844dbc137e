//! Exports: all records that a filter means, page by page, in formats that other programs read.
//!
//! Parquet is not among them. Its crate brings some forty others, arrow's, and an API of theirs that changes four times a
//! year, for a format that those who read it make of ours in a line: `duckdb -c "COPY (FROM 'activities.jsonl') TO 'activities.parquet'"`.

mod cloudevents;
mod csv;

use std::{fmt, str::FromStr};

use serde::Serialize;

pub use cloudevents::CloudEvent;

use crate::{
    error::{Error, Result},
    query::ActivityReader,
    record::{ActivityRecord, EventRecord, Filter},
    store::{LARGEST_PAGE, Position, Record},
};

/// In which form records are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Format {
    /// JSON Lines: one JSON object a line, with the names of the records' fields.
    #[default]
    JsonLines,
    /// CSV (RFC 4180) with a line of titles. What a spreadsheet would take for a formula begins with a `'`.
    Csv,
    /// CloudEvents 1.0 in the JSON format, one a line; the record is the data.
    CloudEvents,
}

/// An export on its way: ended activities or events, in the order of commits.
///
/// It has what was committed when it began. What comes later is exported from [`position`](Self::position) on, so that exports
/// that follow each other have every record once, and one that was cut off goes on where it was.
///
/// # Examples
///
/// ```
/// use tower_activity::{
///     ActivityLog, Describe, Outcome,
///     query::{Export, Format},
///     record::Filter,
/// };
///
/// let log = ActivityLog::open(":memory:")?;
/// log.start(Describe::tool("search")).end(Outcome::success());
/// log.flush().wait()?;
///
/// let mut reader = log.reader()?;
/// let mut export = Export::activities(Filter::default(), Format::Csv);
/// let mut bytes = Vec::new();
/// while export.page(&mut reader, &mut bytes)? {
///     // Hand the bytes on, and clear them.
/// }
/// assert_eq!(String::from_utf8_lossy(&bytes).lines().count(), 2);
/// # Ok::<_, tower_activity::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Export<R> {
    filter: Filter,
    format: Format,
    /// Where it began.
    begin: Position<R>,
    place: Position<R>,
    /// Where it ends; not known before it began.
    end: Option<Position<R>>,
    records: u64,
}

impl Export<ActivityRecord> {
    /// Exports the ended activities that a filter means.
    pub fn activities(filter: Filter, format: Format) -> Self {
        Export::new(filter, format)
    }
}

impl Export<EventRecord> {
    /// Exports the events that a filter means.
    pub fn events(filter: Filter, format: Format) -> Self {
        Export::new(filter, format)
    }
}

impl<R: ExportRecord> Export<R> {
    /// Exports the records that a filter means.
    pub fn new(filter: Filter, format: Format) -> Self {
        Export {
            filter,
            format,
            begin: Position::START,
            place: Position::START,
            end: None,
            records: 0,
        }
    }

    /// Begins after this place in the order of commits, where an earlier export ended: without titles.
    pub fn after(mut self, place: Position<R>) -> Self {
        (self.begin, self.place) = (place, place);
        self
    }

    /// Everything up to this place in the order of commits has been exported.
    pub fn position(&self) -> Position<R> {
        self.place
    }

    /// How many records have been exported.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The share of what is to be exported that has been looked at, from 0 to 1.
    pub fn progress(&self) -> f64 {
        let Some(end) = self.end else {
            return 0.0;
        };
        match self.begin.behind(end) {
            0 => 1.0,
            all => self.begin.behind(self.place) as f64 / all as f64,
        }
    }

    /// Adds some more records to `out`, at most [`LARGEST_PAGE`]. False where there are no more.
    ///
    /// # Errors
    ///
    /// When the store could not be read; then nothing was added. When the filter asks for what such records do not
    /// have.
    pub fn page(&mut self, reader: &mut ActivityReader, out: &mut Vec<u8>) -> Result<bool> {
        let mut end = match self.end {
            Some(end) => end,
            None => reader.newest()?,
        };
        let begins = self.end.is_none() && self.place == Position::START;
        let mut page = Vec::new();
        let mut after = reader.after(self.place, &self.filter, LARGEST_PAGE)?;
        if after.restarted {
            return Err(Error::invalid(format!(
                "cannot export from {} on: the log has no such place, its newest is {}; export all of it, without a place",
                self.place, after.next
            )));
        }
        if after.next.log() != end.log() {
            // Another file has taken the place of the log, and its records go on there.
            end = reader.newest()?;
        }
        after
            .records
            .retain(|one| one.seq().is_some_and(|seq| seq <= end.seq()));
        write(self.format, begins, &after.records, &mut page)?;
        out.append(&mut page);
        self.end = Some(end);
        self.records += after.records.len() as u64;
        let before = self.place;
        self.place = match after.next.log() == end.log() {
            true => Position::new(end.log(), after.next.seq().min(end.seq())),
            false => after.next,
        };
        // Where a place is not there yet, the next export goes on from it.
        Ok(self.place != before && self.place.seq() < end.seq())
    }
}

/// A record that each format knows how to write. It cannot be implemented outside of this crate.
pub trait ExportRecord: Record {
    /// The titles of the columns.
    #[doc(hidden)]
    const TITLES: &'static [&'static str];

    /// The cells of its row.
    #[doc(hidden)]
    fn cells(&self, row: &mut csv::Row<'_>);

    /// It in an envelope.
    #[doc(hidden)]
    fn envelope(&self) -> CloudEvent<'_>;
}

fn write<T: ExportRecord>(
    format: Format,
    begins: bool,
    records: &[T],
    out: &mut Vec<u8>,
) -> Result<()> {
    if begins && format == Format::Csv {
        csv::titles::<T>(out);
    }
    for record in records {
        match format {
            Format::JsonLines => line(record, out)?,
            Format::Csv => csv::row(record, out),
            Format::CloudEvents => line(&record.envelope(), out)?,
        }
    }
    Ok(())
}

fn line(value: &impl Serialize, out: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(&mut *out, value)
        .map_err(|cause| Error::store("could not write a record as JSON").with_source(cause))?;
    out.push(b'\n');
    Ok(())
}

impl ExportRecord for ActivityRecord {
    const TITLES: &'static [&'static str] = &[
        "id",
        "parent",
        "root",
        "trace_id",
        "span_id",
        "remote_parent",
        "kind",
        "name",
        "status",
        "error_type",
        "message",
        "started_at",
        "ended_at",
        "duration_ns",
        "project",
        "agent",
        "actor",
        "brand",
        "environment",
        "session",
        "request",
        "instance",
        "attributes",
        "truncated",
        "input",
        "input_bytes",
        "input_truncated",
        "output",
        "output_bytes",
        "output_truncated",
        "seq",
    ];

    fn cells(&self, row: &mut csv::Row<'_>) {
        row.value(self.id).maybe(self.parent).value(self.root);
        row.value(self.trace_id)
            .value(self.span_id)
            .maybe(self.remote_parent);
        row.value(self.kind).text(&self.name).value(self.status);
        row.maybe_text(&self.error_type).maybe_text(&self.message);
        row.time(Some(self.started_at))
            .time(self.ended_at)
            .maybe(self.duration_ns);
        row.scope(&self.scope).value(self.instance);
        match self.attributes.is_empty() {
            true => row.maybe(None::<u8>),
            false => row.value(serde_json::Value::Object(self.attributes.clone())),
        };
        row.value(self.truncated);
        for preview in [&self.input, &self.output] {
            let preview = preview.as_ref();
            row.text(preview.map_or("", |preview| &preview.text));
            row.maybe(preview.map(|preview| preview.bytes));
            row.maybe(preview.map(|preview| preview.truncated));
        }
        row.maybe(self.seq);
    }

    fn envelope(&self) -> CloudEvent<'_> {
        CloudEvent::from_activity(self)
    }
}

impl ExportRecord for EventRecord {
    const TITLES: &'static [&'static str] = &[
        "id",
        "at",
        "type",
        "status",
        "summary",
        "count",
        "reference",
        "data",
        "activity",
        "project",
        "agent",
        "actor",
        "brand",
        "environment",
        "session",
        "request",
        "dedup_key",
        "truncated",
        "instance",
        "seq",
    ];

    fn cells(&self, row: &mut csv::Row<'_>) {
        row.value(self.id)
            .time(Some(self.at))
            .text(&self.event_type)
            .value(self.status);
        row.maybe_text(&self.summary)
            .value(self.count)
            .maybe_text(&self.reference);
        row.maybe(self.data.as_ref())
            .maybe(self.activity)
            .scope(&self.scope);
        row.maybe_text(&self.dedup_key)
            .value(self.truncated)
            .value(self.instance)
            .value(self.seq);
    }

    fn envelope(&self) -> CloudEvent<'_> {
        CloudEvent::from_event(self)
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "jsonl" => Ok(Format::JsonLines),
            "csv" => Ok(Format::Csv),
            "cloudevents" => Ok(Format::CloudEvents),
            _ => Err(Error::invalid(format!(
                "{text:?} is not a format of exports: it is `jsonl`, `csv` or `cloudevents`"
            ))),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Format::JsonLines => "jsonl",
            Format::Csv => "csv",
            Format::CloudEvents => "cloudevents",
        })
    }
}
