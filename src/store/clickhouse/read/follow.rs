//! Follows all logs in the order of their batches.

use uuid::Uuid;

use super::{
    ClickHouseReader,
    compile::Where,
    list::{Listed, STEP},
};
use crate::{
    error::Result,
    record::Filter,
    store::{
        CommitPage, LARGEST_PAGE, Position, RecordKind,
        batch_span::{BatchSpan, PER_BATCH, PlacedBatch, first_after, last_of},
        clickhouse::{client::Statement, row_binary::RowReader},
    },
};

const LAST: &str = "SELECT max(ordinal) FROM place";
/// Batches that are looked at in one go.
const ACTIVITY_BATCHES: &str = "SELECT number, ordinal, first_activity, last_activity, assumeNotNull(min_activity), assumeNotNull(max_activity) \
     FROM place WHERE ordinal >= {first:Int64} AND ordinal <= {last:Int64} AND min_activity IS NOT NULL ORDER BY ordinal LIMIT 100";
const EVENT_BATCHES: &str = "SELECT number, ordinal, first_event, last_event, assumeNotNull(min_event), assumeNotNull(max_event) \
     FROM place WHERE ordinal >= {first:Int64} AND ordinal <= {last:Int64} AND min_event IS NOT NULL ORDER BY ordinal LIMIT 100";
/// Counts the places in batches from the first one on. Of the batch with the second number the first places are not counted.
const ACTIVITIES_BEHIND: &str = "SELECT toUInt64(sum(greatest(0, last_activity - first_activity - if(ordinal = {begun:Int64}, {read:Int64}, 0)))) \
     FROM place WHERE ordinal >= {first:Int64}";
const EVENTS_BEHIND: &str = "SELECT toUInt64(sum(greatest(0, last_event - first_event - if(ordinal = {begun:Int64}, {read:Int64}, 0)))) \
     FROM place WHERE ordinal >= {first:Int64}";

/// Reads the position of the newest record that has a place.
pub(super) fn newest<R: Listed>(reader: &ClickHouseReader) -> Result<Position<R>> {
    let answer = reader.query(Statement::new(LAST))?;
    let ordinal: u64 = RowReader::new(&answer).next()?;
    Ok(Position::new(
        reader.marks.store,
        last_of(ordinal.cast_signed()),
    ))
}

/// Counts the places after a position: those in the order of its log, of which a batch may have fewer than there are positions in it.
pub(super) fn behind<R: Listed>(reader: &ClickHouseReader, position: Position<R>) -> Result<u64> {
    if !position.is_in_log_of(newest(reader)?) {
        return Ok(0);
    }
    let sql = match R::KIND {
        RecordKind::Activities => ACTIVITIES_BEHIND,
        RecordKind::Events => EVENTS_BEHIND,
    };
    let statement = Statement::new(sql)
        .with("first", &first_after(position.seq()))
        .with("begun", &(position.seq() / PER_BATCH))
        .with("read", &(position.seq() % PER_BATCH));
    let answer = reader.query(statement)?;
    RowReader::new(&answer).next()
}

/// Reads the records after a position that match a filter.
pub(super) fn after<R: Listed>(
    reader: &ClickHouseReader,
    position: Position<R>,
    filter: &Filter,
    limit: usize,
) -> Result<CommitPage<R>> {
    let newest = newest::<R>(reader)?;
    if !position.is_in_log_of(newest) || position.seq() > newest.seq() {
        return Ok(CommitPage::restarted(newest));
    }
    if position.seq() == newest.seq() {
        return Ok(CommitPage::new(Vec::new(), newest));
    }
    let clause = Where::new(&R::select(), R::KIND, filter).once();
    // As many as may be wanted, and more where few of them match.
    let mut most = limit as i64;
    let (mut from, mut records) = (position.seq(), Vec::new());
    while let Some(span) = next(reader, R::KIND, from, newest.seq(), most)? {
        let mut all = clause.clone();
        let order = add_to(&span, &mut all);
        let found: Vec<R> = reader.select(&all, &order, STEP)?;
        for record in found {
            from = record.seq().unwrap_or(from);
            if record.matches(filter) {
                records.push(record);
            }
            if records.len() == limit {
                return Ok(CommitPage::new(records, Position::new(newest.log(), from)));
            }
        }
        from = span.end;
        most = (most * 4).min(LARGEST_PAGE as i64);
    }
    Ok(CommitPage::new(records, newest))
}

/// Finds the next batches after a position that have records, with at most so many places; `None` after the last.
fn next(
    reader: &ClickHouseReader,
    kind: RecordKind,
    from: i64,
    newest: i64,
    most: i64,
) -> Result<Option<BatchSpan>> {
    let sql = match kind {
        RecordKind::Activities => ACTIVITY_BATCHES,
        RecordKind::Events => EVENT_BATCHES,
    };
    let statement = Statement::new(sql)
        .with("first", &first_after(from))
        .with("last", &(newest / PER_BATCH));
    let answer = reader.query(statement)?;
    let mut rows = RowReader::new(&answer);
    let mut batches = Vec::new();
    while !rows.is_at_end() {
        let (number, ordinal): (u64, u64) = (rows.next()?, rows.next()?);
        let places = (rows.next()?, rows.next()?);
        let (min, max) = (rows.next()?, rows.next()?);
        batches.push(PlacedBatch {
            id: number.cast_signed(),
            ordinal: ordinal.cast_signed(),
            places,
            ids: (Uuid::from_u128(min), Uuid::from_u128(max)),
        });
    }
    Ok(BatchSpan::first(batches, from, most))
}

/// Adds the conditions for the records of batches, and returns the order of these.
fn add_to(span: &BatchSpan, clause: &mut Where) -> String {
    let numbers: Vec<u64> = span.ids.iter().map(|id| id.cast_unsigned()).collect();
    let batches = clause.bind(&numbers[..], "Array(UInt64)");
    let min = clause.bind(&span.ids_between.0.as_u128(), "UInt128");
    let max = clause.bind(&span.ids_between.1.as_u128(), "UInt128");
    let first = clause.bind(&span.after.0.cast_unsigned(), "UInt64");
    let after = clause.bind(&span.after.1, "Int64");
    let last = clause.bind(&numbers.last().copied().unwrap_or_default(), "UInt64");
    let up_to = clause.bind(&span.up_to, "Int64");
    clause.and(&format!(
        "batch IN {batches} AND id >= {min} AND id <= {max} AND (batch <> {first} OR seq > {after}) AND (batch <> {last} OR seq <= {up_to})"
    ));
    format!("indexOf({batches}, batch), seq")
}
