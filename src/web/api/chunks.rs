//! `api/recordings/{id}/chunks`: what a recording holds.

use axum::{extract::State, response::Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::recordings::found;
use crate::{
    query::{ActivityReader, decode},
    record::{Filter, RecordingId, Text},
    web::{
        access::Granted,
        answer::Json,
        asked::{Asked, Named},
        problem::Problem,
        state::App,
        stream::{self, Cut},
    },
};

/// How many chunks are read at a time: each may have some MiB.
const STEP: usize = 4;

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
