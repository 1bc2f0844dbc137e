//! Lists of records, newest first.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashSet},
};

use super::{
    ClickHouseReader,
    compile::Where,
    row::{self, Stored},
};
use crate::{
    error::Result,
    record::{ActivityId, ActivityRecord, EventRecord, Filter, Status},
    store::{
        Cursor, LARGEST_PAGE, List, Record, RecordKind,
        batch_span::PER_BATCH,
        clickhouse::{client::Statement, row_binary::RowReader, rows::number},
    },
};

/// The most rows that are read at a time to compare them one by one.
pub(super) const STEP: usize = 2 * LARGEST_PAGE;
/// Rows that are completed at a time: their ids are part of an address.
pub(super) const IDS: usize = 500;
/// Batches whose places a reader remembers: 3 MB.
const MOST_PLACED: usize = 50_000;
/// The places of batches, and activities with recordings.
const COMPLETE: &str = "SELECT (SELECT groupArray((number, ordinal, first_activity, first_event)) FROM place WHERE number IN {batches:Array(UInt64)}), \
     (SELECT groupArray(activity) FROM link WHERE activity IN {ids:Array(UInt128)})";

/// Ids from the first on, and below the second.
pub(super) type Bounds = (Option<ActivityId>, Option<ActivityId>);

/// A record that is listed from this store.
pub(super) trait Listed: Record {
    /// The statement that reads such records, up to its conditions.
    fn select() -> String;

    fn read(row: &mut RowReader<'_>) -> Result<Stored<Self>>;

    /// Sets what is not in its row: its number in the order of all logs (`None` while its batch has none), whether it is dated ahead of
    /// the present, and whether it has a recording.
    fn complete(&mut self, place: Option<i64>, is_ahead: bool, has_recording: bool);

    /// Returns those that have not ended.
    fn open(reader: &ClickHouseReader) -> Result<Vec<Self>>;
}

impl Listed for ActivityRecord {
    fn select() -> String {
        format!("SELECT {} FROM activity", row::ACTIVITY)
    }

    fn read(row: &mut RowReader<'_>) -> Result<Stored<Self>> {
        row::activity(row)
    }

    fn complete(&mut self, place: Option<i64>, is_ahead: bool, has_recording: bool) {
        (self.seq, self.ahead, self.has_recording) = (place, is_ahead, has_recording);
    }

    fn open(reader: &ClickHouseReader) -> Result<Vec<Self>> {
        reader.open_activities()
    }
}

impl Listed for EventRecord {
    fn select() -> String {
        format!("SELECT {} FROM event", row::EVENT)
    }

    fn read(row: &mut RowReader<'_>) -> Result<Stored<Self>> {
        row::event(row)
    }

    fn complete(&mut self, place: Option<i64>, is_ahead: bool, _: bool) {
        (self.seq, self.ahead) = (place.unwrap_or_default(), is_ahead);
    }

    fn open(_: &ClickHouseReader) -> Result<Vec<Self>> {
        Ok(Vec::new())
    }
}

impl ClickHouseReader {
    /// Reads the first records that fulfil conditions.
    pub(super) fn select<R: Listed>(
        &self,
        clause: &Where,
        order: &str,
        limit: usize,
    ) -> Result<Vec<R>> {
        Ok(self.select_rows(clause, order, limit)?.0)
    }

    /// The same, and whether there were as many rows: some may be of the same record.
    fn select_rows<R: Listed>(
        &self,
        clause: &Where,
        order: &str,
        most: usize,
    ) -> Result<(Vec<R>, bool)> {
        let mut all = clause.clone();
        let limit = all.bind(&(most as u64), "UInt64");
        all.statement
            .push_sql(&format!(" ORDER BY {order} LIMIT {limit}"));
        let answer = self.query(all.statement)?;
        let mut rows = RowReader::new(&answer);
        let (mut kept, mut count) = (Vec::<Stored<R>>::new(), 0);
        while !rows.is_at_end() {
            let stored = R::read(&mut rows)?;
            count += 1;
            match kept.last_mut() {
                Some(last) if last.record.id() == stored.record.id() => {
                    if stored.rank > last.rank {
                        *last = stored;
                    }
                }
                _ => kept.push(stored),
            }
        }
        let places: Vec<_> = kept.iter().map(|one| (one.batch, one.seq)).collect();
        let mut records: Vec<R> = kept.into_iter().map(|one| one.record).collect();
        self.complete(&mut records, &places)?;
        Ok((records, count == most))
    }

    /// Sets what is not in the rows of records, by their batches and places.
    fn complete<R: Listed>(&self, records: &mut [R], places: &[(u64, i64)]) -> Result<()> {
        let ahead_from = self.ahead_from();
        for (records, places) in records.chunks_mut(IDS).zip(places.chunks(IDS)) {
            let ids = records.iter().map(|one| number(&R::id_bytes(one.id())));
            let ids: Vec<u128> = match R::KIND {
                RecordKind::Activities => ids.collect(),
                RecordKind::Events => Vec::new(),
            };
            let linked = self.look_up(places, &ids)?;
            let placed = self.placed.borrow();
            for (one, (batch, seq)) in records.iter_mut().zip(places) {
                let has_recording = linked.contains(&number(&R::id_bytes(one.id())));
                let place = placed.get(batch).map(|batch| batch.before::<R>() + seq);
                one.complete(place, one.at() >= ahead_from, has_recording);
            }
        }
        Ok(())
    }

    /// Reads the places of batches that are not known yet, and returns those of the activities that have recordings.
    fn look_up(&self, places: &[(u64, i64)], ids: &[u128]) -> Result<HashSet<u128>> {
        let mut placed = self.placed.borrow_mut();
        let batches = places.iter().map(|(batch, _)| *batch);
        let mut batches: Vec<u64> = batches.filter(|one| !placed.contains_key(one)).collect();
        batches.sort_unstable();
        batches.dedup();
        if batches.is_empty() && ids.is_empty() {
            return Ok(HashSet::new());
        }
        let statement = Statement::new(COMPLETE)
            .with("batches", &batches[..])
            .with("ids", ids);
        let answer = self.query(statement)?;
        let mut row = RowReader::new(&answer);
        let found: Vec<(u64, u64, i64, i64)> = row.next()?;
        if placed.len() + found.len() > MOST_PLACED {
            let kept: HashSet<u64> = places.iter().map(|(batch, _)| *batch).collect();
            placed.retain(|number, _| kept.contains(number));
        }
        placed.extend(found.into_iter().map(|(number, ordinal, activity, event)| {
            let start = ordinal.cast_signed() * PER_BATCH;
            let batch = Placed {
                activities: start - activity,
                events: start - event,
            };
            (number, batch)
        }));
        Ok(row.next::<Vec<_>>()?.into_iter().collect())
    }
}

/// What is added to the places of a batch, in the order of its log, to get those in the order of all logs. It never changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    activities: i64,
    events: i64,
}

impl Placed {
    fn before<R: Record>(self) -> i64 {
        match R::KIND {
            RecordKind::Activities => self.activities,
            RecordKind::Events => self.events,
        }
    }
}

/// Lists the newest records that match a filter, those ahead of the present last.
pub(super) fn list<R: Listed>(
    reader: &ClickHouseReader,
    filter: &Filter,
    cursor: Option<Cursor<R>>,
    limit: usize,
) -> Result<List<R>> {
    let ahead_from = reader.ahead_from();
    let present = ActivityId::lower_bound(ahead_from);
    // Records that were ahead when the list began may not be any more: they stay in their part.
    let is_ahead = cursor.is_some_and(|cursor| cursor.is_ahead() || cursor.key() >= present);
    let mut records = Vec::new();
    if !is_ahead {
        let before = cursor.map_or(present, |cursor| cursor.key().min(present));
        records = newest(reader, filter, (None, Some(before)), limit + 1)?;
    }
    if records.len() <= limit && filter.until.is_none_or(|until| until > ahead_from) {
        let before = cursor.filter(|_| is_ahead).map(Cursor::key);
        let wanted = limit + 1 - records.len();
        records.extend(newest(reader, filter, (Some(present), before), wanted)?);
    }
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().filter(|_| more).map(Cursor::after_record);
    Ok(List::new(records, next))
}

/// Reads the newest records within bounds.
fn newest<R: Listed>(
    reader: &ClickHouseReader,
    filter: &Filter,
    bounds: Bounds,
    wanted: usize,
) -> Result<Vec<R>> {
    // Before the rows: an activity that ends in between is then in both, and not in neither.
    let mut open = match may_be_open(filter) {
        true => R::open(reader)?,
        false => Vec::new(),
    };
    let mut all = walk(reader, filter, bounds, wanted)?;
    if !open.is_empty() {
        let is_within = |one: &R| {
            let id = key(one);
            bounds.0.is_none_or(|from| id >= from) && bounds.1.is_none_or(|before| id < before)
        };
        open.retain(|one| is_within(one) && one.matches(filter));
        all.extend(open);
    }
    // The sort is stable, so the ended one of an activity is kept.
    all.sort_by_key(|one| Reverse(one.id()));
    all.dedup_by_key(|one| one.id());
    all.truncate(wanted);
    Ok(all)
}

fn may_be_open(filter: &Filter) -> bool {
    let is_open = |status: &Status| matches!(status, Status::Running | Status::Abandoned);
    let any_of = &filter.status.any_of;
    any_of.is_empty() || any_of.iter().any(is_open)
}

/// Reads in the list's order until there are enough.
fn walk<R: Listed>(
    reader: &ClickHouseReader,
    filter: &Filter,
    (from, mut before): Bounds,
    wanted: usize,
) -> Result<Vec<R>> {
    let clause = Where::new(&R::select(), R::KIND, filter);
    let (mut found, mut step) = (Vec::new(), wanted);
    loop {
        let mut page = clause.clone();
        page.within((from, before));
        let (records, is_full) = reader.select_rows::<R>(&page, "id DESC", step)?;
        before = records.last().map(key).or(before);
        found.extend(records.into_iter().filter(|one| one.matches(filter)));
        if found.len() >= wanted || !is_full {
            return Ok(found);
        }
        step = (step * 4).min(STEP);
    }
}

/// Returns the id of a record as that of an activity, which has the same order.
fn key<R: Record>(one: &R) -> ActivityId {
    ActivityId::from_bytes(R::id_bytes(one.id()))
}

/// Reads the records with these ids.
pub(super) fn get_all<R: Listed>(reader: &ClickHouseReader, ids: &[R::Id]) -> Result<Vec<R>> {
    let mut missing: BTreeSet<R::Id> = ids.iter().copied().collect();
    let mut found = Vec::new();
    take(stored(reader, &missing)?, &mut missing, &mut found);
    if !missing.is_empty() {
        let open = R::open(reader)?;
        take(open, &mut missing, &mut found);
    }
    if !missing.is_empty() && R::KIND == RecordKind::Activities {
        // They may have ended before the running ones were read.
        take(stored(reader, &missing)?, &mut missing, &mut found);
    }
    Ok(found)
}

/// Moves records that were missing.
fn take<R: Record>(records: Vec<R>, missing: &mut BTreeSet<R::Id>, found: &mut Vec<R>) {
    let records = records.into_iter();
    found.extend(records.filter(|one| missing.remove(&one.id())));
}

/// Reads the records with these ids that have rows.
fn stored<R: Listed>(reader: &ClickHouseReader, ids: &BTreeSet<R::Id>) -> Result<Vec<R>> {
    let ids: Vec<u128> = ids.iter().map(|id| number(&R::id_bytes(*id))).collect();
    let mut found = Vec::new();
    for ids in ids.chunks(IDS) {
        let mut clause = Where::everything(&R::select(), R::KIND).once();
        clause.and_value("id IN ", ids, "Array(UInt128)");
        found.extend(reader.select::<R>(&clause, "id", ids.len())?);
    }
    Ok(found)
}
