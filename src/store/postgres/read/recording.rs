//! Reads recordings and their chunks.

use std::ops::RangeInclusive;

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{
    Snapshot,
    row::{bytes, instant, is_alive},
};
use crate::{
    error::{Error, Result},
    record::{
        ActivityId, ChunkRecord, Codec, InstanceId, RecordingId, RecordingLink, RecordingRecord,
        RecordingStatus,
    },
    store::{LARGEST_PAGE, codes::Code, postgres::connection::Failed},
};

const RECORDINGS: &str = concat!(
    "SELECT r.id, format.value AS format, r.status, r.lost, r.ended_at, instance.uuid AS instance, \
       ",
    "coalesce(",
    is_alive!("instance", "log"),
    ", false)",
    " AS alive, c.events, c.bytes, c.tracks \
     FROM tower_activity.recording AS r JOIN tower_activity.text AS format ON format.id = r.format \
     LEFT JOIN tower_activity.instance AS instance ON instance.number = r.instance \
     JOIN tower_activity.log AS log ON log.number = r.log \
     LEFT JOIN LATERAL (SELECT least(greatest(sum(events), 0), 1e18)::bigint AS events, least(greatest(sum(bytes), 0), 1e18)::bigint AS bytes, \
         array_agg(track ORDER BY number) FILTER (WHERE is_first) AS tracks \
       FROM (SELECT events, bytes, track, number, row_number() OVER (PARTITION BY track ORDER BY number) = 1 AS is_first \
             FROM tower_activity.chunk WHERE recording = r.id) AS chunks) AS c ON true \
     WHERE r.id = ANY($1::uuid[]) ORDER BY r.id"
);
const LINKS: &str = "SELECT recording, activity, from_at, until_at FROM tower_activity.link WHERE recording = ANY($1::uuid[]) \
     ORDER BY from_at, activity";
const OF_ACTIVITY: &str =
    "SELECT recording FROM tower_activity.link WHERE activity = $1 ORDER BY recording LIMIT $2";
const IDS: &str =
    "SELECT id FROM tower_activity.recording WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $3";
const NEWEST: &str = "SELECT id FROM tower_activity.recording WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2";
const CHUNKS: &str = "SELECT number, track, events, from_at, until_at, codec, body FROM tower_activity.chunk \
     WHERE recording = $1 AND number >= $2 ORDER BY number LIMIT $3";

/// Reads the recordings with these ids, in order of start.
pub(super) async fn with_ids(
    snapshot: &Snapshot<'_>,
    ids: &[RecordingId],
) -> Result<Vec<RecordingRecord>, Failed> {
    let ids: Vec<Uuid> = ids
        .iter()
        .map(|id| Uuid::from_bytes(*id.as_bytes()))
        .collect();
    let rows = snapshot
        .query(RECORDINGS, &[(&ids, Type::UUID_ARRAY)])
        .await?;
    let mut recordings = Vec::new();
    for row in rows {
        let id = RecordingId::from_bytes(bytes(row.get("id")));
        let instance = row.get::<_, Option<Uuid>>("instance").map(bytes);
        let instance = InstanceId::from_bytes(instance.unwrap_or_default());
        let format: String = row.get("format");
        let mut one = RecordingRecord::new(id, format, id.started_at(), instance);
        let code = i64::from(row.get::<_, i16>("status"));
        one.status = RecordingStatus::from_code(code)
            .ok_or_else(|| Error::store(format!("{code} is not the status of a recording")))?;
        if one.status == RecordingStatus::Recording && !row.get::<_, bool>("alive") {
            one.status = RecordingStatus::Abandoned;
        }
        let number = |column| {
            row.get::<_, Option<i64>>(column)
                .unwrap_or_default()
                .cast_unsigned()
        };
        (one.lost, one.events, one.bytes) = (number("lost"), number("events"), number("bytes"));
        let tracks: Option<Vec<String>> = row.get("tracks");
        one.tracks = tracks.into_iter().flatten().map(Into::into).collect();
        one.ended_at = row.get::<_, Option<i64>>("ended_at").map(instant);
        recordings.push(one);
    }
    for row in snapshot.query(LINKS, &[(&ids, Type::UUID_ARRAY)]).await? {
        let id = RecordingId::from_bytes(bytes(row.get(0)));
        let until = row.get::<_, Option<i64>>(3).map(instant);
        let activity = ActivityId::from_bytes(bytes(row.get(1)));
        let link = RecordingLink::new(activity, instant(row.get(2)), until);
        let of = recordings.iter_mut().find(|one| one.id == id);
        of.into_iter().for_each(|one| one.links.push(link));
    }
    Ok(recordings)
}

pub(super) async fn of_activity(
    snapshot: &Snapshot<'_>,
    activity: ActivityId,
) -> Result<Vec<RecordingRecord>, Failed> {
    let activity = Uuid::from_bytes(*activity.as_bytes());
    let limit = LARGEST_PAGE as i64;
    let rows = snapshot
        .query(
            OF_ACTIVITY,
            &[(&activity, Type::UUID), (&limit, Type::INT8)],
        )
        .await?;
    let ids: Vec<_> = rows
        .iter()
        .map(|row| RecordingId::from_bytes(bytes(row.get(0))))
        .collect();
    with_ids(snapshot, &ids).await
}

/// Reads the newest recordings below an id, newest first.
pub(super) async fn newest(
    snapshot: &Snapshot<'_>,
    before: Option<RecordingId>,
    limit: usize,
) -> Result<Vec<RecordingRecord>, Failed> {
    let before = before.map(|id| Uuid::from_bytes(*id.as_bytes()));
    let limit = limit as i64;
    let values = [(&before as _, Type::UUID), (&limit as _, Type::INT8)];
    let rows = snapshot.query(NEWEST, &values).await?;
    let ids = rows
        .iter()
        .map(|row| RecordingId::from_bytes(bytes(row.get(0))));
    let mut recordings = with_ids(snapshot, &ids.collect::<Vec<_>>()).await?;
    recordings.reverse();
    Ok(recordings)
}

pub(super) async fn ids(
    snapshot: &Snapshot<'_>,
    range: &RangeInclusive<RecordingId>,
    limit: usize,
) -> Result<Vec<RecordingId>, Failed> {
    let id = |id: &RecordingId| Uuid::from_bytes(*id.as_bytes());
    let (first, last, limit) = (id(range.start()), id(range.end()), limit as i64);
    let rows = snapshot
        .query(
            IDS,
            &[
                (&first, Type::UUID),
                (&last, Type::UUID),
                (&limit, Type::INT8),
            ],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| RecordingId::from_bytes(bytes(row.get(0))))
        .collect())
}

pub(super) async fn chunks(
    snapshot: &Snapshot<'_>,
    id: RecordingId,
    from: u64,
    limit: usize,
) -> Result<Vec<ChunkRecord>, Failed> {
    let id = Uuid::from_bytes(*id.as_bytes());
    let (from, limit) = (i64::try_from(from).unwrap_or(i64::MAX), limit as i64);
    let rows = snapshot
        .query(
            CHUNKS,
            &[(&id, Type::UUID), (&from, Type::INT8), (&limit, Type::INT8)],
        )
        .await?;
    let mut chunks = Vec::new();
    for row in rows {
        let code = i64::from(row.get::<_, i16>("codec"));
        let codec =
            Codec::from_code(code).ok_or_else(|| Error::store(format!("{code} is not a codec")))?;
        let number = row.get::<_, i64>("number").cast_unsigned();
        let track: String = row.get("track");
        let from = instant(row.get("from_at"));
        let mut chunk = ChunkRecord::new(number, track, from, codec, row.get("body"));
        chunk.events = row.get::<_, i64>("events").cast_unsigned();
        chunk.until = instant(row.get("until_at"));
        chunks.push(chunk);
    }
    Ok(chunks)
}
