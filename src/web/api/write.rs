//! `POST api/events`: records an event, if the application enables it.

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
    web::{access::Grant, guard, json::Json, problem::Problem, state::App},
};

/// How long the request may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the response waits for the commit.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// An event to record.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct NewEvent {
    /// Event type in snake_case.
    #[serde(rename = "type")]
    event_type: String,
    /// Status of what the event reports [default: success].
    status: Option<Status>,
    /// One-line summary.
    summary: Option<String>,
    /// Number of items it covers [default: 1].
    count: Option<u64>,
    /// What it refers to: a URL, a version, an ID.
    reference: Option<String>,
    /// Details.
    data: Option<Value>,
    project: Option<String>,
    agent: Option<String>,
    actor: Option<String>,
    brand: Option<String>,
    environment: Option<String>,
    session: Option<String>,
    request: Option<String>,
    /// Deduplication key: repeats with the same type, project and actor are ignored.
    dedup_key: Option<String>,
}

/// The committed event.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct EventReceipt {
    /// ID of the event, or of the earlier one with the same key, type, project and actor.
    id: EventId,
}

#[utoipa::path(post, path = "/events", tag = "events", responses((status = 201, description = "Committed", body = EventReceipt), Problem), request_body = NewEvent)]
pub(super) async fn event(
    State(app): State<App>,
    grant: Grant,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    guard::require_same_origin(&parts)?;
    grant.require_write()?;
    let new = read(Request::from_parts(parts, body)).await?;
    let Some(log) = app.log.as_ref() else {
        return Err(Problem::not_found(
            "this server only reads a store and has no log to write to",
        ));
    };
    let mut event = log.event(new.event_type);
    type Set = fn(Event, String) -> Event;
    let texts: [(Option<String>, Set); 10] = [
        (new.summary, |event, text| event.summary(text)),
        (new.reference, |event, text| event.reference(text)),
        (new.project, |event, text| event.project(text)),
        (new.agent, |event, text| event.agent(text)),
        (new.actor, |event, text| event.actor(text)),
        (new.brand, |event, text| event.brand(text)),
        (new.environment, |event, text| event.environment(text)),
        (new.session, |event, text| event.session(text)),
        (new.request, |event, text| event.request(text)),
        (new.dedup_key, |event, text| event.dedup_key(text)),
    ];
    for (text, set) in texts {
        if let Some(text) = text {
            event = set(event, text);
        }
    }
    if let Some(data) = new.data {
        event = event.data(data);
    }
    let event = event.status(new.status.unwrap_or(Status::Success));
    let committed = event.count(new.count.unwrap_or(1)).record().committed();
    let Ok(committed) = time::timeout(COMMIT_TIMEOUT, committed).await else {
        let what = "timed out waiting for the commit; the event is queued and will be stored later";
        return Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, "waiting", what));
    };
    let id = committed?.ok_or_else(|| Problem::busy("this log does not record"))?;
    let mut response = Json::new(&EventReceipt { id })?.into_response();
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    headers.remove(header::ETAG);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Reads the body. Forms and plain text are rejected: pages of other origins can send those.
async fn read(request: Request) -> Result<NewEvent, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let what = format!("expected content type application/json, got {kind:?}");
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media_type",
            what,
        ));
    }
    let body = time::timeout(BODY_TIMEOUT, Bytes::from_request(request, &())).await;
    let body = body
        .map_err(|_| {
            let what = format!("the body was not received within {BODY_TIMEOUT:?}");
            Problem::new(StatusCode::REQUEST_TIMEOUT, "body", what)
        })?
        .map_err(|rejection| Problem::new(rejection.status(), "body", rejection.body_text()))?;
    serde_json::from_slice(&body)
        .map_err(|error| Problem::invalid(format!("invalid event: {error}")))
}
