//! `api/recordings/{id}/chunks`: the content of a recording.

use axum::{extract::State, response::Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::recordings::visible_recording;
use crate::{
    query::{ActivityReader, decode},
    record::{Filter, RecordingId, Text},
    web::{
        access::Grant,
        extract::{PathParam, Query},
        json::Json,
        problem::Problem,
        state::App,
        stream::{self, Disconnected},
    },
};

/// Chunks to read at a time: each may have some MiB.
const BATCH: usize = 4;

/// The query of chunks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct ChunkQuery {
    /// Number of the first chunk [default: 0].
    #[serde(default)]
    from: u64,
    /// Only chunks of this track.
    track: Option<String>,
}

/// A chunk of a recording.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Chunk {
    number: u64,
    track: Text,
    /// Number of events.
    events: u64,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    /// Content; `null` if the chunk is damaged.
    text: Option<String>,
}

#[utoipa::path(get, path = "/recordings/{id}/chunks", tag = "recordings", params(("id" = String, Path, description = "ID of the recording"), ChunkQuery), responses((status = 200, description = "Its chunks, one per line", body = Chunk, content_type = "application/x-ndjson"), Problem))]
pub(super) async fn chunks(
    State(app): State<App>,
    grant: Grant,
    PathParam(id): PathParam,
    Query(query): Query<ChunkQuery>,
) -> Result<Response, Problem> {
    let seen = grant.restrict(Filter::default());
    // Before the response starts: afterwards the status can no longer be a 404.
    let read = app
        .readers
        .read(&grant, move |reader| visible_recording(reader, &seen, &id));
    let recording = read.await?.id;
    let (sender, body) = stream::body();
    tokio::spawn(async move {
        let mut query = query;
        loop {
            let read = app
                .readers
                .read(&grant, move |reader| page(reader, recording, query));
            let (rest, lines) = match read.await {
                Ok(page) => page,
                Err(problem) => return stream::abort(&sender, problem).await,
            };
            if let Err(Disconnected) = stream::send(&sender, lines).await {
                return;
            }
            match rest {
                Some(rest) => query = rest,
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

/// Reads a batch of chunks as lines of JSON, and returns the query of the next batch.
fn page(
    reader: &mut ActivityReader,
    recording: RecordingId,
    mut query: ChunkQuery,
) -> Result<(Option<ChunkQuery>, Bytes), Problem> {
    let chunks = reader.chunks(recording, query.from, BATCH)?;
    let mut out = Vec::new();
    let last = chunks.last().map(|last| last.number);
    for chunk in chunks {
        if query
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
        query.from = last + 1;
        query
    });
    Ok((rest, out.into()))
}
