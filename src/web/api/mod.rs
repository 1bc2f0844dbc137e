//! The JSON API: one handler per route.

pub(super) mod activities;
#[cfg(feature = "recording")]
pub(super) mod chunks;
pub(super) mod digest;
pub(super) mod errors;
pub(super) mod events;
pub(super) mod export;
pub(super) mod health;
pub(super) mod live;
pub(super) mod mcp;
pub(super) mod metrics;
pub(super) mod recordings;
pub(super) mod store;
#[cfg(feature = "webhook")]
mod webhooks;
pub(super) mod write;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};

#[cfg(not(feature = "recording"))]
use super::problem::Problem;
use super::state::{App, Writes};

/// The size limit of a request body.
const MAX_BODY: usize = 256 << 10;

/// Returns the routes below `/api`.
pub(super) fn routes(writes: Writes) -> Router<App> {
    match writes {
        Writes::Nothing => read(),
        Writes::Events => read().route(
            "/events",
            post(write::event).layer(DefaultBodyLimit::max(MAX_BODY)),
        ),
    }
}

fn read() -> Router<App> {
    Router::new()
        .route("/activities", get(activities::list))
        .route("/activities/{id}", get(activities::one))
        .route("/activities/{id}/tree", get(activities::tree))
        .route("/activities/{id}/recordings", get(recordings::of_activity))
        .route("/recordings", get(recordings::list))
        .route("/recordings/{id}", get(recordings::one))
        .route("/recordings/{id}/chunks", get(chunks))
        .route("/descendants", get(activities::descendants))
        .route("/errors", get(errors::errors))
        .route("/events", get(events::list))
        .route("/mcp", get(mcp::mcp))
        .route("/metrics/overall", get(metrics::overall))
        .route("/metrics/projects", get(metrics::projects))
        .route("/metrics/agents", get(metrics::agents))
        .route("/metrics/names", get(metrics::names))
        .route("/metrics/brands", get(metrics::brands))
        .route("/metrics/actors", get(metrics::actors))
        .route("/metrics/environments", get(metrics::environments))
        .route("/metrics/errors", get(metrics::errors))
        .route("/metrics/attributes/{*key}", get(metrics::attribute))
        // A name may have slashes.
        .route("/metrics/projects/{*id}", get(metrics::project))
        .route("/metrics/agents/{*id}", get(metrics::agent))
        .route("/metrics/names/{*name}", get(metrics::name))
        .route("/metrics/brands/{*id}", get(metrics::brand))
        .route("/metrics/types", get(metrics::types))
        .route("/digest", get(digest::digest))
        .route("/export", get(export::export))
        .route("/health", get(health::health))
        .route("/store", get(store::store))
        .route("/live", get(live::live))
}

#[cfg(feature = "recording")]
use chunks::chunks;

/// Without the feature `recording` chunks cannot be decompressed.
#[cfg(not(feature = "recording"))]
async fn chunks() -> Problem {
    Problem::not_found(
        "this server cannot read recordings: it was built without the feature `recording`",
    )
}
