//! `POST api/events`: the one thing that can be written, where the application says so.

use std::time::Duration;

use axum::{
    extract::{FromRequest, Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time;
use utoipa::ToSchema;

use crate::{
    activity::Event,
    record::{EventId, Status},
    web::{access::Granted, answer::Json, guard, problem::Problem, state::App},
};

/// How long an answer waits for the commit.
const PATIENCE: Duration = Duration::from_secs(5);

/// An event that is to be recorded, with the names of the record's fields.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct NewEvent {
    /// What sort of fact it is, in snake_case.
    #[serde(rename = "type")]
    event_type: String,
    /// How what it tells of stands or ended; `success` where nothing is said.
    status: Option<Status>,
    /// What happened, in one line for people.
    summary: Option<String>,
    /// How many things it tells of; 1 where nothing is said.
    count: Option<u64>,
    /// What it is about.
    reference: Option<String>,
    /// The details.
    data: Option<Value>,
    project: Option<String>,
    agent: Option<String>,
    actor: Option<String>,
    brand: Option<String>,
    environment: Option<String>,
    session: Option<String>,
    request: Option<String>,
    /// Deduplication key: of events with the same key, type, project and actor only the first is kept.
    dedup_key: Option<String>,
}

/// The event that is on record.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Recorded {
    /// Its id, or that of the earlier event with the same key, type, project and actor.
    id: EventId,
}

#[utoipa::path(post, path = "/events", tag = "events", responses((status = 201, description = "It is on record", body = Recorded), Problem), request_body = NewEvent)]
pub(super) async fn event(
    State(app): State<App>,
    granted: Granted,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    guard::same_origin(&parts)?;
    granted.everything()?;
    let told = read(Request::from_parts(parts, body)).await?;
    let Some(log) = app.log.as_ref() else {
        return Err(Problem::not_found(
            "this server reads a store, and has no log to write to",
        ));
    };
    let mut event = log.event(told.event_type);
    type Set = fn(Event, String) -> Event;
    let texts: [(Option<String>, Set); 10] = [
        (told.summary, |event, text| event.summary(text)),
        (told.reference, |event, text| event.reference(text)),
        (told.project, |event, text| event.project(text)),
        (told.agent, |event, text| event.agent(text)),
        (told.actor, |event, text| event.actor(text)),
        (told.brand, |event, text| event.brand(text)),
        (told.environment, |event, text| event.environment(text)),
        (told.session, |event, text| event.session(text)),
        (told.request, |event, text| event.request(text)),
        (told.dedup_key, |event, text| event.dedup_key(text)),
    ];
    for (text, set) in texts {
        if let Some(text) = text {
            event = set(event, text);
        }
    }
    if let Some(data) = told.data {
        event = event.data(data);
    }
    let event = event.status(told.status.unwrap_or(Status::Success));
    let committed = event.count(told.count.unwrap_or(1)).record().committed();
    let Ok(kept) = time::timeout(PATIENCE, committed).await else {
        let what = "the event waits for the store, and is kept once that takes it";
        return Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, "waiting", what));
    };
    let id = kept?.ok_or_else(|| Problem::busy("this log records nothing"))?;
    let mut response = Json::of(&Recorded { id })?.into_response();
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    headers.remove(header::ETAG);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Reads the body. Forms and plain texts, which pages of other origins can send, are refused.
async fn read(request: Request) -> Result<NewEvent, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let what = format!("an event is sent as application/json, and this is {kind:?}");
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media_type",
            what,
        ));
    }
    let body = Bytes::from_request(request, &())
        .await
        .map_err(|rejection| Problem::new(rejection.status(), "body", rejection.body_text()))?;
    serde_json::from_slice(&body)
        .map_err(|error| Problem::invalid(format!("the body is no event: {error}")))
}
