//! The JSON API: one function for each address.

pub(super) mod activities;
#[cfg(feature = "recording")]
pub(super) mod chunks;
pub(super) mod digest;
pub(super) mod events;
pub(super) mod export;
pub(super) mod health;
pub(super) mod live;
pub(super) mod metrics;
pub(super) mod recordings;
#[cfg(feature = "webhook")]
mod webhooks;
pub(super) mod write;

use axum::{
    Router,
    extract::{DefaultBodyLimit, OriginalUri},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use http::{HeaderMap, Method, StatusCode, Uri};

use super::{
    openapi,
    problem::Problem,
    router::{App, Writes},
};

/// The longest body that is read.
const LONGEST: usize = 256 << 10;

/// What can be asked for, and what can be written besides.
pub(super) fn routes(writes: Writes) -> Router<App> {
    let description = move || std::future::ready(openapi::document(writes));
    let read = read().route("/openapi.json", get(description));
    match writes {
        Writes::Nothing => read,
        Writes::Events => read.route(
            "/events",
            post(write::event).layer(DefaultBodyLimit::max(LONGEST)),
        ),
    }
}

fn read() -> Router<App> {
    Router::new()
        .route("/activities", get(activities::list))
        .route("/activities/{id}", get(activities::one))
        .route("/activities/{id}/tree", get(activities::tree))
        .route("/activities/{id}/recordings", get(recordings::of_activity))
        .route("/recordings/{id}", get(recordings::one))
        .route("/recordings/{id}/chunks", get(chunks))
        .route("/events", get(events::list))
        .route("/metrics/overall", get(metrics::overall))
        .route("/metrics/projects", get(metrics::projects))
        .route("/metrics/agents", get(metrics::agents))
        .route("/metrics/names", get(metrics::names))
        .route("/metrics/brands", get(metrics::brands))
        // A name may have slashes.
        .route("/metrics/projects/{*id}", get(metrics::project))
        .route("/metrics/agents/{*id}", get(metrics::agent))
        .route("/metrics/names/{*name}", get(metrics::name))
        .route("/metrics/brands/{*id}", get(metrics::brand))
        .route("/metrics/types", get(metrics::types))
        .route("/digest", get(digest::digest))
        .route("/export", get(export::export))
        .route("/health", get(health::health))
        .route("/live", get(live::live))
}

#[cfg(feature = "recording")]
use chunks::chunks;

/// Without the feature `recording` nothing can decompress what recordings hold.
#[cfg(not(feature = "recording"))]
async fn chunks() -> Problem {
    Problem::not_found(
        "this server reads no recordings: it was built without the feature `recording`",
    )
}

/// The address of the router itself. What is relative to it only is where it ends with a slash.
pub(super) async fn index(
    OriginalUri(asked): OriginalUri,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = asked.path();
    if !path.ends_with('/') {
        let last = path.rsplit('/').next().unwrap_or_default();
        let query = asked.query().map(|query| format!("?{query}"));
        // A name with a colon would be a scheme where no dot comes before it.
        let address = format!("./{last}/{}", query.unwrap_or_default());
        return Redirect::permanent(&address).into_response();
    }
    page(uri, headers).await.into_response()
}

/// A page of the dashboard, or a file of it.
#[cfg(feature = "dashboard")]
pub(super) async fn page(uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    match uri.path().starts_with("/api/") {
        true => Err(nothing_at(&uri)),
        false => super::assets::file(uri, headers).await,
    }
}

/// Without a dashboard there is the API alone.
#[cfg(not(feature = "dashboard"))]
pub(super) async fn page(uri: Uri, _: HeaderMap) -> Result<super::answer::Json, Problem> {
    match uri.path() {
        "/" => super::answer::Json::of(&serde_json::json!({"openapi": "api/openapi.json"})),
        _ => Err(nothing_at(&uri)),
    }
}

fn nothing_at(uri: &Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {:?}", uri.path()))
}

/// What is asked with another method. Which ones there are, the header `Allow` says.
pub(super) async fn not_so(method: Method, uri: Uri) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let what = format!("{:?} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", what).into_response()
}
