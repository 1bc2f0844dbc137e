//! The JSON API: one function for each address.

mod activities;
mod digest;
mod events;
mod export;
mod health;
mod live;
mod metrics;
mod recordings;

use axum::{
    Router,
    extract::OriginalUri,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use http::StatusCode;

use super::{answer::Json, problem::Problem, router::App};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/activities", get(activities::list))
        .route("/activities/{id}", get(activities::one))
        .route("/activities/{id}/recordings", get(recordings::of_activity))
        .route("/recordings/{id}", get(recordings::one))
        .route("/recordings/{id}/chunks", get(recordings::chunks))
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

/// The address of the router itself. What is relative to it only is where it ends with a slash.
pub(super) async fn index(OriginalUri(asked): OriginalUri) -> Response {
    let path = asked.path();
    if !path.ends_with('/') {
        let last = path.rsplit('/').next().unwrap_or_default();
        let query = asked.query().map(|query| format!("?{query}"));
        // A name with a colon would be a scheme where no dot comes before it.
        let address = format!("./{last}/{}", query.unwrap_or_default());
        return Redirect::permanent(&address).into_response();
    }
    match Json::of(&serde_json::json!({"api": "api/", "health": "api/health"})) {
        Ok(json) => json.into_response(),
        Err(problem) => problem.into_response(),
    }
}

pub(super) async fn nothing_here(uri: http::Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {:?}", uri.path()))
}

pub(super) async fn not_so(method: http::Method, uri: http::Uri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        format!("{:?} does not take {method}", uri.path()),
    )
}
