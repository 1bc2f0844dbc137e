//! Reads recordings and their chunks.

use std::ops::RangeInclusive;

use rusqlite::{Connection, Params, Row, params};

use super::{
    Snapshot, failed,
    row::{get, instant},
};
use crate::{
    error::{Error, Result},
    record::{
        ActivityId, ChunkRecord, Codec, InstanceId, RecordingId, RecordingLink, RecordingRecord,
        RecordingStatus, Text,
    },
    store::{
        codes::Code,
        sqlite::columns::{signed, unsigned},
    },
};

// The first parameter is a JSON list of the row ids of living instances.
const SELECT: &str = "SELECT r.seq, r.id, format.value, \
     CASE WHEN r.status = 0 AND r.instance NOT IN (SELECT value FROM json_each(?1)) THEN 7 ELSE r.status END, \
     r.lost, r.ended_at, instance.uuid, (SELECT coalesce(sum(events), 0) FROM chunk WHERE recording = r.seq), \
     (SELECT coalesce(sum(bytes), 0) FROM chunk WHERE recording = r.seq) FROM recording AS r \
     LEFT JOIN text AS format ON format.id = r.format LEFT JOIN instance ON instance.id = r.instance WHERE ";
const BY_ID: &str = "r.id = ?2";
const OF_ACTIVITY: &str =
    "r.seq IN (SELECT recording FROM link WHERE activity = ?2) ORDER BY r.id LIMIT 1000";
const NEWEST: &str = "r.id < ?2 ORDER BY r.id DESC LIMIT ?3";
const LINKS: &str =
    "SELECT activity, from_at, until_at FROM link WHERE recording = ?1 ORDER BY from_at, activity";
const TRACKS: &str =
    "SELECT track FROM chunk WHERE recording = ?1 GROUP BY track ORDER BY min(number)";
const IDS: &str = "SELECT id FROM recording WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3";
const AFTER: &str = "r.seq > ?2 ORDER BY r.seq LIMIT 1000";
const CHUNKS_AFTER: &str = "SELECT c.number, c.track, c.events, c.from_at, c.until_at, c.codec, c.body, c.seq, r.id FROM chunk AS c \
     JOIN recording AS r ON r.seq = c.recording WHERE c.seq > ?1 AND c.seq <= ?2 ORDER BY c.seq";
const CHUNKS: &str = "SELECT number, track, events, from_at, until_at, codec, body FROM chunk \
     WHERE recording = (SELECT seq FROM recording WHERE id = ?1) AND number >= ?2 ORDER BY number LIMIT ?3";

/// Reads the recordings linked to an activity, in the order of their starts.
pub(super) fn of_activity(
    snapshot: &Snapshot<'_>,
    activity: ActivityId,
) -> Result<Vec<RecordingRecord>> {
    let values = params![snapshot.alive_rows, activity.as_bytes()];
    records(snapshot, OF_ACTIVITY, values)
}

/// Reads the newest recordings that started before `before`, newest first.
pub(super) fn newest(
    snapshot: &Snapshot<'_>,
    before: Option<RecordingId>,
    limit: usize,
) -> Result<Vec<RecordingRecord>> {
    let before = before.unwrap_or(RecordingId::from_bytes([0xff; 16]));
    let values = params![snapshot.alive_rows, before.as_bytes(), limit as i64];
    records(snapshot, NEWEST, values)
}

/// Reads one recording.
pub(super) fn one(snapshot: &Snapshot<'_>, id: RecordingId) -> Result<Option<RecordingRecord>> {
    let values = params![snapshot.alive_rows, id.as_bytes()];
    Ok(records(snapshot, BY_ID, values)?.pop())
}

/// Reads recordings that were begun after a seq, in commit order, with their seqs.
pub(super) fn after(snapshot: &Snapshot<'_>, seq: i64) -> Result<Vec<(i64, RecordingRecord)>> {
    let sql = [SELECT, AFTER].concat();
    let values = params![snapshot.alive_rows, seq];
    read(snapshot, &sql, values, |row, record| {
        Ok((get(row, 0)?, record))
    })
}

/// Reads chunks in commit order, after a seq and up to another: at least one, and then until they take so many bytes.
pub(super) fn chunks_after<T>(
    connection: &Connection,
    after: i64,
    up_to: i64,
    max_bytes: usize,
    make: impl Fn(i64, RecordingId, ChunkRecord) -> T,
) -> Result<Vec<T>> {
    let attempt = || failed("read chunks in commit order");
    let mut statement = connection.prepare_cached(CHUNKS_AFTER).map_err(attempt())?;
    let mut rows = statement.query([after, up_to]).map_err(attempt())?;
    let (mut chunks, mut bytes) = (Vec::new(), 0);
    while bytes < max_bytes
        && let Some(row) = rows.next().map_err(attempt())?
    {
        let chunk = chunk(row)?;
        bytes += chunk.body.len();
        chunks.push(make(
            get(row, 7)?,
            RecordingId::from_bytes(get(row, 8)?),
            chunk,
        ));
    }
    Ok(chunks)
}

/// Reads the first ids in a range.
pub(super) fn ids(
    connection: &Connection,
    range: &RangeInclusive<RecordingId>,
    limit: usize,
) -> Result<Vec<RecordingId>> {
    let attempt = || failed("look up a recording ID");
    let mut statement = connection.prepare_cached(IDS).map_err(attempt())?;
    let (first, last) = (range.start().as_bytes(), range.end().as_bytes());
    let ids = statement
        .query_map(params![first, last, limit as i64], |row| {
            row.get(0).map(RecordingId::from_bytes)
        })
        .map_err(attempt())?;
    ids.collect::<rusqlite::Result<_>>().map_err(attempt())
}

/// Reads the chunks of a recording, from this number on.
pub(super) fn chunks(
    connection: &Connection,
    id: RecordingId,
    from: u64,
    limit: usize,
) -> Result<Vec<ChunkRecord>> {
    let attempt = || failed("read the chunks of a recording");
    let mut statement = connection.prepare_cached(CHUNKS).map_err(attempt())?;
    let from = signed(from);
    let mut rows = statement
        .query(params![id.as_bytes(), from, limit as i64])
        .map_err(attempt())?;
    let mut chunks = Vec::new();
    while let Some(row) = rows.next().map_err(attempt())? {
        chunks.push(chunk(row)?);
    }
    Ok(chunks)
}

fn records(
    snapshot: &Snapshot<'_>,
    condition: &str,
    values: impl Params,
) -> Result<Vec<RecordingRecord>> {
    let sql = [SELECT, condition].concat();
    read(snapshot, &sql, values, |_, record| Ok(record))
}

fn read<T>(
    snapshot: &Snapshot<'_>,
    sql: &str,
    values: impl Params,
    make: impl Fn(&Row<'_>, RecordingRecord) -> Result<T>,
) -> Result<Vec<T>> {
    let attempt = || failed("read recordings");
    let mut statement = snapshot
        .transaction
        .prepare_cached(sql)
        .map_err(attempt())?;
    let mut rows = statement.query(values).map_err(attempt())?;
    let mut records = Vec::new();
    while let Some(row) = rows.next().map_err(attempt())? {
        records.push(make(row, record(&snapshot.transaction, row)?)?);
    }
    Ok(records)
}

fn record(connection: &Connection, row: &Row<'_>) -> Result<RecordingRecord> {
    let seq: i64 = get(row, 0)?;
    let id = RecordingId::from_bytes(get(row, 1)?);
    let ended_at: Option<i64> = get(row, 5)?;
    Ok(RecordingRecord {
        id,
        format: get::<String>(row, 2)?.into(),
        status: status(get(row, 3)?)?,
        lost: count(row, 4)?,
        events: count(row, 7)?,
        bytes: count(row, 8)?,
        tracks: list(connection, TRACKS, seq, |row| {
            get::<String>(row, 0).map(Text::from)
        })?,
        started_at: id.started_at(),
        ended_at: ended_at.map(instant).transpose()?,
        links: list(connection, LINKS, seq, link)?,
        instance: InstanceId::from_bytes(get(row, 6)?),
    })
}

/// Reads rows of another table that belong to a recording.
fn list<T>(
    connection: &Connection,
    sql: &str,
    seq: i64,
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let attempt = || failed("read a recording");
    let mut statement = connection.prepare_cached(sql).map_err(attempt())?;
    let mut rows = statement.query([seq]).map_err(attempt())?;
    let mut list = Vec::new();
    while let Some(row) = rows.next().map_err(attempt())? {
        list.push(read(row)?);
    }
    Ok(list)
}

fn link(row: &Row<'_>) -> Result<RecordingLink> {
    let until: Option<i64> = get(row, 2)?;
    Ok(RecordingLink::new(
        ActivityId::from_bytes(get(row, 0)?),
        instant(get(row, 1)?)?,
        until.map(instant).transpose()?,
    ))
}

fn chunk(row: &Row<'_>) -> Result<ChunkRecord> {
    let code: i64 = get(row, 5)?;
    let codec =
        Codec::from_code(code).ok_or_else(|| Error::store(format!("{code} is not a codec")))?;
    Ok(ChunkRecord {
        number: count(row, 0)?,
        track: get::<String>(row, 1)?.into(),
        events: count(row, 2)?,
        from: instant(get(row, 3)?)?,
        until: instant(get(row, 4)?)?,
        codec,
        body: get(row, 6)?,
    })
}

fn count(row: &Row<'_>, column: usize) -> Result<u64> {
    get::<i64>(row, column).map(unsigned)
}

fn status(code: i64) -> Result<RecordingStatus> {
    RecordingStatus::from_code(code)
        .ok_or_else(|| Error::store(format!("{code} is not a status code of recordings")))
}
