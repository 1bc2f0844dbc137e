//! `api/recordings`: one, those of an activity, and what they hold.

use axum::{extract::State, response::Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::activities::{id_of, unknown};
use crate::{
    query::{ActivityReader, decode},
    record::{ActivityId, Filter, RecordingId, RecordingRecord, Text},
    web::{
        access::Granted,
        answer::Json,
        asked::{Asked, Named},
        problem::Problem,
        router::App,
        stream::{self, Cut},
    },
};

/// How many chunks are read at a time: each may have some MiB.
const STEP: usize = 4;

/// The recordings of an activity.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Recordings {
    /// In order of begin.
    recordings: Vec<RecordingRecord>,
}

#[utoipa::path(get, path = "/activities/{id}/recordings", tag = "recordings", params(("id" = String, Path, description = "The id of an activity")), responses((status = 200, description = "The recordings of an activity", body = Recordings), Problem))]
pub(super) async fn of_activity(
    State(app): State<App>,
    granted: Granted,
    Named(id): Named,
) -> Result<Json, Problem> {
    let id = id_of(&id)?;
    let seen = granted.within(Filter::default());
    let read = app.readers.ask(move |reader| {
        if !is_seen(reader, &seen, id)? {
            return Err(unknown(id));
        }
        let recordings = reader.recordings_of(id)?;
        let recordings = all_seen(reader, &seen, recordings)?;
        Json::of(&Recordings { recordings })
    });
    read.await
}

#[utoipa::path(get, path = "/recordings/{id}", tag = "recordings", params(("id" = String, Path, description = "The id of a recording")), responses((status = 200, description = "One recording", body = RecordingRecord), Problem))]
pub(super) async fn one(
    State(app): State<App>,
    granted: Granted,
    Named(id): Named,
) -> Result<Json, Problem> {
    let seen = granted.within(Filter::default());
    let read = app
        .readers
        .ask(move |reader| Json::of(&found(reader, &seen, &id)?));
    read.await
}

/// Which chunks are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Chunked {
    /// The number of the first.
    #[serde(default)]
    from: u64,
    /// Only those of this track.
    track: Option<String>,
}

/// A part of a recording.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Chunk {
    number: u64,
    track: Text,
    /// How many events it holds.
    events: u64,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    /// What was appended; `null` where the chunk is damaged.
    text: Option<String>,
}

#[utoipa::path(get, path = "/recordings/{id}/chunks", tag = "recordings", params(("id" = String, Path, description = "The id of a recording"), Chunked), responses((status = 200, description = "Its chunks, one a line", body = Chunk, content_type = "application/x-ndjson"), Problem))]
pub(super) async fn chunks(
    State(app): State<App>,
    granted: Granted,
    Named(id): Named,
    Asked(chunked): Asked<Chunked>,
) -> Result<Response, Problem> {
    let seen = granted.within(Filter::default());
    // Whether there is one, before the answer begins.
    let found = app.readers.ask(move |reader| found(reader, &seen, &id));
    let recording = found.await?.id;
    let (pieces, body) = stream::body();
    tokio::spawn(async move {
        let mut chunked = chunked;
        loop {
            let read = app
                .readers
                .ask(move |reader| page(reader, recording, chunked));
            let (rest, piece) = match read.await {
                Ok(page) => page,
                Err(problem) => return stream::broken(&pieces, problem).await,
            };
            if let Err(Cut) = stream::send(&pieces, piece).await {
                return;
            }
            match rest {
                Some(rest) => chunked = rest,
                None => return,
            }
        }
    });
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/x-ndjson");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, private"),
    );
    Ok(response)
}

/// A few chunks as lines of JSON, and which ones come after them.
fn page(
    reader: &mut ActivityReader,
    recording: RecordingId,
    mut chunked: Chunked,
) -> Result<(Option<Chunked>, Bytes), Problem> {
    let chunks = reader.chunks(recording, chunked.from, STEP)?;
    let mut out = Vec::new();
    let last = chunks.last().map(|last| last.number);
    for chunk in chunks {
        if chunked
            .track
            .as_deref()
            .is_some_and(|track| chunk.track != track)
        {
            continue;
        }
        let text = decode(&chunk).ok();
        let line = Chunk {
            number: chunk.number,
            track: chunk.track,
            events: chunk.events,
            from: chunk.from,
            until: chunk.until,
            text: text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        };
        Json::append(&mut out, &line)?;
        out.push(b'\n');
    }
    let rest = last.map(|last| {
        chunked.from = last + 1;
        chunked
    });
    Ok((rest, out.into()))
}

/// The recording of this id. What may not be seen is not there.
fn found(reader: &mut ActivityReader, seen: &Filter, id: &str) -> Result<RecordingRecord, Problem> {
    let missing = || {
        Problem::not_found(format!(
            "no recording {id:?} is on record: it never was, or it was pruned"
        ))
    };
    let id: RecordingId = id.parse().map_err(|_| missing())?;
    let recording = reader.recording(id)?.ok_or_else(missing)?;
    let mut seen = all_seen(reader, seen, vec![recording])?;
    seen.pop().ok_or_else(missing)
}

/// Those recordings of which every activity may be seen: a session that several share shows what all of them did.
pub(super) fn all_seen(
    reader: &mut ActivityReader,
    seen: &Filter,
    recordings: Vec<RecordingRecord>,
) -> Result<Vec<RecordingRecord>, Problem> {
    if seen.is_empty() {
        return Ok(recordings);
    }
    let mut kept = Vec::new();
    for recording in recordings {
        let mut shown = !recording.links.is_empty();
        for link in &recording.links {
            shown = shown && is_seen(reader, seen, link.activity)?;
        }
        if shown {
            kept.push(recording);
        }
    }
    Ok(kept)
}

fn is_seen(reader: &mut ActivityReader, seen: &Filter, id: ActivityId) -> Result<bool, Problem> {
    let activity = reader.activity(id)?;
    Ok(activity.is_some_and(|activity| seen.matches(&activity)))
}
