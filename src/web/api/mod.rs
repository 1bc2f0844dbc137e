//! The JSON API: one function for each address.

mod activities;
mod digest;
mod events;
mod export;
mod health;
mod live;
mod metrics;

use axum::{Router, routing::get};

use super::{problem::Problem, router::App};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/activities", get(activities::list))
        .route("/activities/{id}", get(activities::one))
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
        .fallback(nothing_here)
}

async fn nothing_here(uri: http::Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {:?} of this API", uri.path()))
}
