//! `api/recordings`: one, and those of an activity.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::activities::{id_of, visible};
use crate::{
    query::ActivityReader,
    record::{Filter, RecordingId, RecordingRecord},
    web::{
        access::{Granted, all_seen},
        answer::Json,
        asked::Named,
        problem::Problem,
        state::App,
    },
};

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
        visible(reader, &seen, id)?;
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

/// The recording of this id. What may not be seen is not there.
pub(super) fn found(
    reader: &mut ActivityReader,
    seen: &Filter,
    id: &str,
) -> Result<RecordingRecord, Problem> {
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
