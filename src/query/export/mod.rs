//! Exports of all records that match a filter, page by page, in common formats.
//!
//! Parquet is not supported: its crate has some forty dependencies and an API that breaks four times a year, and DuckDB
//! converts JSON Lines in one line: `duckdb -c "COPY (FROM 'activities.jsonl') TO 'activities.parquet'"`.

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

/// The format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Format {
    /// JSON Lines: one JSON object per line, with the fields of the record.
    #[default]
    JsonLines,
    /// CSV (RFC 4180) with a header line. Texts that a spreadsheet would evaluate as a formula get a leading `'`.
    Csv,
    /// CloudEvents 1.0 in the JSON format, one per line, with the record as data.
    CloudEvents,
}

/// A running export of ended activities or events, in commit order.
///
/// It contains the records committed before it began. Pass its [`position`](Self::position) to [`after`](Self::after) of the
/// next export: consecutive exports contain every record once, and an interrupted export can be continued.
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
///     // Write the bytes somewhere, and clear them.
/// }
/// assert_eq!(String::from_utf8_lossy(&bytes).lines().count(), 2);
/// # Ok::<_, tower_activity::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Export<R> {
    filter: Filter,
    format: Format,
    /// The start position.
    begin: Position<R>,
    position: Position<R>,
    /// The end position; unknown before the first page.
    end: Option<Position<R>>,
    records: u64,
}

impl Export<ActivityRecord> {
    /// Exports the ended activities that match a filter.
    pub fn activities(filter: Filter, format: Format) -> Self {
        Export::new(filter, format)
    }
}

impl Export<EventRecord> {
    /// Exports the events that match a filter.
    pub fn events(filter: Filter, format: Format) -> Self {
        Export::new(filter, format)
    }
}

impl<R: ExportRecord> Export<R> {
    /// Exports the records that match a filter.
    pub fn new(filter: Filter, format: Format) -> Self {
        Export {
            filter,
            format,
            begin: Position::START,
            position: Position::START,
            end: None,
            records: 0,
        }
    }

    /// Continues after a position, where an earlier export ended. CSV has no header line then.
    pub fn after(mut self, position: Position<R>) -> Self {
        (self.begin, self.position) = (position, position);
        self
    }

    /// Returns the position up to which everything has been exported.
    pub fn position(&self) -> Position<R> {
        self.position
    }

    /// Returns the number of exported records.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Returns the progress from 0 to 1.
    pub fn progress(&self) -> f64 {
        let Some(end) = self.end else {
            return 0.0;
        };
        match self.begin.behind(end) {
            0 => 1.0,
            all => self.begin.behind(self.position) as f64 / all as f64,
        }
    }

    /// Appends the next records to `out`, at most [`LARGEST_PAGE`]. Returns false if there are no more.
    ///
    /// # Errors
    ///
    /// If the store could not be read; then nothing is appended. Also if the filter has a field that such records lack.
    pub fn page(&mut self, reader: &mut ActivityReader, out: &mut Vec<u8>) -> Result<bool> {
        let mut end = match self.end {
            Some(end) => end,
            None => reader.newest()?,
        };
        let begins = self.end.is_none() && self.position == Position::START;
        let mut page = Vec::new();
        let mut after = reader.after(self.position, &self.filter, LARGEST_PAGE)?;
        if after.restarted {
            return Err(Error::invalid(format!(
                "cannot export after {}: no such position in the log, the newest is {} · export everything, without a position",
                self.position, after.next
            )));
        }
        if after.next.log() != end.log() {
            // The file of the log was replaced, and its records continue in the new one.
            end = reader.newest()?;
        }
        after
            .records
            .retain(|one| one.seq().is_some_and(|seq| seq <= end.seq()));
        write(self.format, begins, &after.records, &mut page)?;
        out.append(&mut page);
        self.end = Some(end);
        self.records += after.records.len() as u64;
        let before = self.position;
        self.position = match after.next.log() == end.log() {
            true => Position::new(end.log(), after.next.seq().min(end.seq())),
            false => after.next,
        };
        // A position that is not in the store yet stays: the next export continues from it.
        Ok(self.position != before && self.position.seq() < end.seq())
    }
}

/// A record that can be exported in every format. It cannot be implemented outside of this crate.
pub trait ExportRecord: Record {
    /// The column titles.
    #[doc(hidden)]
    const TITLES: &'static [&'static str];

    /// Writes the cells of its row.
    #[doc(hidden)]
    fn cells(&self, row: &mut csv::Row<'_>);

    /// Returns it as a CloudEvent.
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
                "{text:?} is not an export format · use `jsonl`, `csv` or `cloudevents`"
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
