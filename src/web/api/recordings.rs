//! `api/recordings`: the list, one recording, and those of an activity.

use std::collections::BTreeSet;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::activities::{ListQuery, parse_id, visible};
use crate::{
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, Filter, RecordingId, RecordingRecord, Status, Text},
    store::Record,
    web::{
        access::{Grant, visible_recordings},
        extract::{self, PathParam, Query},
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

/// A page of recordings.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct RecordingPage {
    /// The recordings, newest first. A page may have fewer than the limit although there are more.
    recordings: Vec<RecordingRow>,
    /// Cursor of the next page; `null` on the last one.
    #[schema(value_type = Option<String>)]
    next: Option<RecordingId>,
}

/// A recording with its calls.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct RecordingRow {
    #[serde(flatten)]
    recording: RecordingRecord,
    /// Duration in nanoseconds; `null` while it continues and if it was abandoned.
    duration_ns: Option<u64>,
    /// Number of calls that it belongs to.
    call_count: u64,
    /// Number of failed ones.
    failed_count: u64,
    /// The first calls, at most 3, in order of their start.
    calls: Vec<RecordingCall>,
    /// The first call that failed.
    failure: Option<RecordingCall>,
}

/// A call in which a recording was made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::web) struct RecordingCall {
    id: ActivityId,
    name: Text,
    status: Status,
    error_type: Option<Text>,
    message: Option<Text>,
    project: Option<Text>,
    agent: Option<Text>,
}

/// Calls to name in a row.
const CALLS: usize = 3;
/// Recordings to read at a time.
const BATCH: usize = 100;
/// Recordings and calls of them to look at for one page.
const MOST_READ: usize = 10_000;

#[utoipa::path(get, path = "/recordings", tag = "recordings", params(ListQuery), responses((status = 200, description = "A page of the recordings of calls that match the filter, newest first", body = RecordingPage), Problem))]
pub(super) async fn list(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<ListQuery>,
) -> Result<Json, Problem> {
    let filter = grant.parse_filter(query.q.as_deref(), query.tz.as_deref())?;
    ActivityRecord::check_filter(&filter)?;
    let seen = grant.restrict(Filter::default());
    let limit = extract::limit(query.limit)?;
    let invalid = |_| Problem::invalid("invalid `cursor`: pass the `next` of the page before");
    let cursor = query.cursor.as_deref().map(str::parse::<RecordingId>);
    let after = cursor.transpose().map_err(invalid)?;
    let mut before = after;
    let read = app.readers.read(&grant, move |reader| {
        let (mut recordings, mut read) = (Vec::new(), 0);
        loop {
            let batch = reader.newest_recordings(before, BATCH)?;
            let is_last = batch.len() < BATCH;
            let last = batch.last().map(|last| last.id);
            for recording in batch {
                (before, read) = (Some(recording.id), read + 1 + recording.links.len());
                recordings.extend(row(reader, &filter, &seen, recording)?);
                if recordings.len() == limit || read >= MOST_READ {
                    break;
                }
            }
            let is_ended = is_last && before == last;
            if is_ended || last.is_none() || recordings.len() == limit || read >= MOST_READ {
                let is_hidden = recordings.len() < limit && !seen.is_empty();
                let next = before.filter(|_| !is_ended && last.is_some()).map(|next| {
                    if is_hidden {
                        rounded(next, after)
                    } else {
                        next
                    }
                });
                return Json::new(&RecordingPage { recordings, next });
            }
        }
    });
    read.await
}

/// Returns a cursor that does not name the recording that was looked at last, which the client may not see: the end of its minute.
/// If that makes no progress, the end of its millisecond.
fn rounded(last: RecordingId, after: Option<RecordingId>) -> RecordingId {
    let us = last.started_at().timestamp_micros();
    let ends = [60_000_000, 1_000].map(|step| (us / step + 1) * step);
    let mut ends = ends
        .map(|us| RecordingId::from_bytes(*ActivityId::from_parts(us, 0).as_bytes()))
        .into_iter();
    let is_progress = |end: &RecordingId| after.is_none_or(|after| *end < after);
    ends.find(is_progress).unwrap_or(last)
}

/// Returns the row of a recording, if all of its calls may be seen and one of them matches the filter.
fn row(
    reader: &mut ActivityReader,
    filter: &Filter,
    seen: &Filter,
    recording: RecordingRecord,
) -> Result<Option<RecordingRow>, Problem> {
    let linked: BTreeSet<ActivityId> = recording.links.iter().map(|link| link.activity).collect();
    let mut calls = Vec::new();
    for id in &linked {
        // A call may have been pruned before its recording.
        calls.extend(reader.activity(*id)?);
    }
    let is_whole = !linked.is_empty() && calls.len() == linked.len();
    let is_visible = seen.is_empty() || is_whole && calls.iter().all(|one| seen.matches(one));
    let matches = filter.is_empty() || calls.iter().any(|one| filter.matches(one));
    if !is_visible || !matches {
        return Ok(None);
    }
    let ended_at = recording.ended_at;
    let duration = ended_at.and_then(|end| (end - recording.started_at).to_std().ok());
    let failed = || calls.iter().filter(|one| one.status == Status::Failed);
    Ok(Some(RecordingRow {
        duration_ns: duration.and_then(|duration| duration.as_nanos().try_into().ok()),
        call_count: linked.len() as u64,
        failed_count: failed().count() as u64,
        calls: calls.iter().take(CALLS).map(RecordingCall::from).collect(),
        failure: failed().next().map(RecordingCall::from),
        recording,
    }))
}

impl From<&ActivityRecord> for RecordingCall {
    fn from(call: &ActivityRecord) -> Self {
        RecordingCall {
            id: call.id,
            name: call.name.clone(),
            status: call.status,
            error_type: call.error_type.clone(),
            message: call.message.clone(),
            project: call.scope.project.clone(),
            agent: call.scope.agent.clone(),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_does_not_name_a_recording_that_the_client_may_not_see() {
        let id = |us| RecordingId::from_bytes(*ActivityId::from_parts(us, 77).as_bytes());
        let last = id(90_500_123);
        let end = rounded(last, None);
        assert_eq!(end.started_at().timestamp_micros(), 120_000_000);
        // The next page makes progress, and misses nothing.
        assert_eq!(rounded(last, Some(id(120_000_001))), end);
        let near = rounded(last, Some(end));
        assert_eq!(near.started_at().timestamp_micros(), 90_501_000);
        assert!(last < near && near < end);
        assert_eq!(rounded(last, Some(near)), last);
    }
}
