//! `api/recordings`: one recording, and those of an activity.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::activities::{parse_id, visible};
use crate::{
    query::ActivityReader,
    record::{Filter, RecordingId, RecordingRecord},
    web::{
        access::{Grant, visible_recordings},
        extract::PathParam,
        json::Json,
        problem::Problem,
        state::App,
    },
};

/// The recordings of an activity.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct RecordingList {
    /// In order of start.
    recordings: Vec<RecordingRecord>,
}

#[utoipa::path(get, path = "/activities/{id}/recordings", tag = "recordings", params(("id" = String, Path, description = "ID of the activity")), responses((status = 200, description = "The recordings of an activity", body = RecordingList), Problem))]
pub(super) async fn of_activity(
    State(app): State<App>,
    grant: Grant,
    PathParam(id): PathParam,
) -> Result<Json, Problem> {
    let id = parse_id(&id)?;
    let seen = grant.restrict(Filter::default());
    let read = app.readers.read(&grant, move |reader| {
        visible(reader, &seen, id)?;
        let recordings = reader.recordings_of(id)?;
        let recordings = visible_recordings(reader, &seen, recordings)?;
        Json::new(&RecordingList { recordings })
    });
    read.await
}

#[utoipa::path(get, path = "/recordings/{id}", tag = "recordings", params(("id" = String, Path, description = "ID of the recording")), responses((status = 200, description = "The recording", body = RecordingRecord), Problem))]
pub(super) async fn one(
    State(app): State<App>,
    grant: Grant,
    PathParam(id): PathParam,
) -> Result<Json, Problem> {
    let seen = grant.restrict(Filter::default());
    let read = app.readers.read(&grant, move |reader| {
        Json::new(&visible_recording(reader, &seen, &id)?)
    });
    read.await
}

/// Returns the recording with this ID, or a 404 if it does not exist or may not be seen.
pub(super) fn visible_recording(
    reader: &mut ActivityReader,
    seen: &Filter,
    id: &str,
) -> Result<RecordingRecord, Problem> {
    let missing = || {
        Problem::not_found(format!(
            "no recording {id:?}: it was never recorded, or was pruned"
        ))
    };
    let id: RecordingId = id.parse().map_err(|_| missing())?;
    let recording = reader.recording(id)?.ok_or_else(missing)?;
    let mut seen = visible_recordings(reader, seen, vec![recording])?;
    seen.pop().ok_or_else(missing)
}
