//! Reads recordings and their chunks.

use std::ops::RangeInclusive;

use super::{ClickHouseReader, row};
use crate::{
    error::{Error, Result},
    record::{
        ActivityId, ChunkRecord, Codec, RecordingId, RecordingLink, RecordingRecord,
        RecordingStatus,
    },
    store::{
        LARGEST_PAGE,
        clickhouse::{client::Statement, row_binary::RowReader, rows::number},
        codes::Code,
    },
};

const RECORDINGS: &str = "WITH heard AS (SELECT id FROM log WHERE heard_at > now64(6) - INTERVAL 2 MINUTE) \
     SELECT id, format, status, lost, ended_at, instance, instance IN (SELECT id FROM instance WHERE alive AND log IN heard) \
     FROM recording WHERE id IN {ids:Array(UInt128)} ORDER BY id";
/// The tracks of each, in order of their first chunks.
const TRACKS: &str = "SELECT recording, track, sum(events), sum(bytes) FROM chunk WHERE recording IN {ids:Array(UInt128)} \
     GROUP BY recording, track ORDER BY recording, min(number)";
const LINKS: &str = "SELECT recording, activity, from_at, until_at FROM link WHERE recording IN {ids:Array(UInt128)} \
     ORDER BY from_at, activity";
const OF_ACTIVITY: &str = "SELECT recording FROM link WHERE activity = {activity:UInt128} ORDER BY recording LIMIT {limit:UInt64}";
const IDS: &str = "SELECT id FROM recording WHERE id >= {first:UInt128} AND id <= {last:UInt128} ORDER BY id LIMIT {limit:UInt64}";
const NEWEST: &str =
    "SELECT id FROM recording WHERE id < {before:UInt128} ORDER BY id DESC LIMIT {limit:UInt64}";
const CHUNKS: &str = "SELECT number, track, events, from_at, until_at, codec, body FROM chunk \
     WHERE recording = {id:UInt128} AND number >= {from:UInt64} ORDER BY number LIMIT {limit:UInt64}";
/// Recordings that are read at a time: their ids are part of an address.
const AT_A_TIME: usize = super::list::IDS;

/// Reads the recordings with these ids, in order of start.
pub(super) fn with_ids(
    reader: &ClickHouseReader,
    ids: &[RecordingId],
) -> Result<Vec<RecordingRecord>> {
    let mut all = Vec::new();
    for ids in ids.chunks(AT_A_TIME) {
        all.extend(some(reader, ids)?);
    }
    all.sort_by_key(|one| one.id);
    Ok(all)
}

fn some(reader: &ClickHouseReader, ids: &[RecordingId]) -> Result<Vec<RecordingRecord>> {
    let ids: Vec<u128> = ids.iter().map(|id| number(id.as_bytes())).collect();
    let query = |sql: &str| reader.query(Statement::new(sql).with("ids", &ids[..]).reading());
    let mut recordings = Vec::new();
    let answer = query(RECORDINGS)?;
    let mut rows = RowReader::new(&answer);
    while !rows.is_at_end() {
        let id = recording_id(&mut rows)?;
        let format: String = rows.next()?;
        let code: u8 = rows.next()?;
        let (lost, ended_at): (u64, Option<i64>) = (rows.next()?, rows.next()?);
        let mut one = RecordingRecord::new(id, format, id.started_at(), row::instance(&mut rows)?);
        one.status = RecordingStatus::from_code(code.into())
            .ok_or_else(|| Error::store(format!("{code} is not the status of a recording")))?;
        (one.lost, one.ended_at) = (lost, ended_at.map(row::instant));
        let is_alive: bool = rows.next()?;
        if one.status == RecordingStatus::Recording && !is_alive {
            one.status = RecordingStatus::Abandoned;
        }
        recordings.push(one);
    }
    let answer = query(TRACKS)?;
    let mut rows = RowReader::new(&answer);
    while !rows.is_at_end() {
        let id = recording_id(&mut rows)?;
        let track: String = rows.next()?;
        let (events, bytes): (u64, u64) = (rows.next()?, rows.next()?);
        for one in recordings.iter_mut().filter(|one| one.id == id) {
            one.tracks.push(track.as_str().to_owned().into());
            one.events = one.events.saturating_add(events);
            one.bytes = one.bytes.saturating_add(bytes);
        }
    }
    let answer = query(LINKS)?;
    let mut rows = RowReader::new(&answer);
    while !rows.is_at_end() {
        let id = recording_id(&mut rows)?;
        let activity = ActivityId::from_bytes(rows.next::<u128>()?.to_be_bytes());
        let from = row::instant(rows.next()?);
        let until: Option<i64> = rows.next()?;
        let link = RecordingLink::new(activity, from, until.map(row::instant));
        let of = recordings.iter_mut().find(|one| one.id == id);
        of.into_iter().for_each(|one| one.links.push(link));
    }
    Ok(recordings)
}

pub(super) fn of_activity(
    reader: &ClickHouseReader,
    activity: ActivityId,
) -> Result<Vec<RecordingRecord>> {
    let statement = Statement::new(OF_ACTIVITY)
        .with("activity", &number(activity.as_bytes()))
        .with("limit", &(LARGEST_PAGE as u64));
    with_ids(reader, &read_ids(reader, statement)?)
}

/// Reads the newest recordings below an id, newest first.
pub(super) fn newest(
    reader: &ClickHouseReader,
    before: Option<RecordingId>,
    limit: usize,
) -> Result<Vec<RecordingRecord>> {
    let before = before.map_or(u128::MAX, |id| number(id.as_bytes()));
    let statement = Statement::new(NEWEST)
        .with("before", &before)
        .with("limit", &(limit as u64));
    let mut recordings = with_ids(reader, &read_ids(reader, statement)?)?;
    recordings.reverse();
    Ok(recordings)
}

pub(super) fn ids(
    reader: &ClickHouseReader,
    range: &RangeInclusive<RecordingId>,
    limit: usize,
) -> Result<Vec<RecordingId>> {
    let statement = Statement::new(IDS)
        .with("first", &number(range.start().as_bytes()))
        .with("last", &number(range.end().as_bytes()))
        .with("limit", &(limit as u64));
    read_ids(reader, statement)
}

fn read_ids(reader: &ClickHouseReader, statement: Statement) -> Result<Vec<RecordingId>> {
    let answer = reader.query(statement.reading())?;
    let mut rows = RowReader::new(&answer);
    let mut ids = Vec::new();
    while !rows.is_at_end() {
        ids.push(recording_id(&mut rows)?);
    }
    Ok(ids)
}

pub(super) fn chunks(
    reader: &ClickHouseReader,
    id: RecordingId,
    from: u64,
    limit: usize,
) -> Result<Vec<ChunkRecord>> {
    let statement = Statement::new(CHUNKS)
        .with("id", &number(id.as_bytes()))
        .with("from", &from)
        .with("limit", &(limit as u64));
    let answer = reader.query(statement.reading())?;
    let mut rows = RowReader::new(&answer);
    let mut chunks = Vec::new();
    while !rows.is_at_end() {
        let (number, track): (u64, String) = (rows.next()?, rows.next()?);
        let events = rows.next()?;
        let (from, until) = (row::instant(rows.next()?), row::instant(rows.next()?));
        let code: u8 = rows.next()?;
        let codec = Codec::from_code(code.into())
            .ok_or_else(|| Error::store(format!("{code} is not a codec")))?;
        let body: &[u8] = rows.next()?;
        let mut chunk = ChunkRecord::new(number, track, from, codec, body.to_vec());
        (chunk.events, chunk.until) = (events, until);
        chunks.push(chunk);
    }
    Ok(chunks)
}

fn recording_id(row: &mut RowReader<'_>) -> Result<RecordingId> {
    let number: u128 = row.next()?;
    Ok(RecordingId::from_bytes(number.to_be_bytes()))
}
