//! `api/metrics`: counts, durations and rates, by window.

use axum::extract::State;
use chrono::Utc;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    query::{EventTypes, Metrics, MetricsQuery, Ranking, Step, Window},
    record::Filter,
    store::{Dimension, Subject},
    web::{
        access::Grant,
        extract::{self, PathParam, Query},
        json::Json,
        problem::Problem,
        state::App,
    },
};

/// The query of metrics.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct WindowQuery {
    /// `day`, `week` or `month` [default: day].
    #[param(pattern = "^(day|week|month)$")]
    pub(super) window: Option<String>,
    /// Time zone whose midnights delimit days, such as `Asia/Kathmandu` [default: UTC].
    pub(super) tz: Option<String>,
    /// Instant or date of the window's last day [default: now].
    pub(super) at: Option<String>,
    /// Resolution of the history: `hour` or `day` [default: hour].
    #[param(pattern = "^(hour|day)$")]
    pub(super) step: Option<String>,
}

impl WindowQuery {
    pub(super) fn parse(&self, grant: &Grant) -> Result<MetricsQuery, Problem> {
        let window: Window = self
            .window
            .as_deref()
            .map(str::parse)
            .transpose()?
            .unwrap_or_default();
        let step = match self.step.as_deref() {
            None | Some("hour") => Step::Hour,
            Some("day") => Step::Day,
            Some(other) => {
                let what = format!("invalid `step`: {other:?}; use `hour` or `day`");
                return Err(Problem::invalid(what));
            }
        };
        let zone = extract::zone(self.tz.as_deref())?;
        let now = Utc::now();
        let at = self
            .at
            .as_deref()
            .map(|at| extract::instant(at, zone))
            .transpose()?
            .unwrap_or(now);
        Ok(MetricsQuery::new(window, now)
            .zone(zone)
            .at(at)
            .step(step)
            .restricted_to(grant.restrict(Filter::default())))
    }
}

#[utoipa::path(get, path = "/metrics/overall", tag = "metrics", params(WindowQuery), responses((status = 200, description = "Figures of the window and of its steps", body = Metrics), Problem))]
pub(super) async fn overall(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    history(&app, &grant, &query, Subject::Overall).await
}

#[utoipa::path(get, path = "/metrics/projects/{id}", tag = "metrics", params(("id" = String, Path, description = "Project"), WindowQuery), responses((status = 200, description = "Figures of the window and of its steps", body = Metrics), Problem))]
pub(super) async fn project(
    State(app): State<App>,
    grant: Grant,
    PathParam(id): PathParam,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    let subject = Subject::One(Dimension::Project, id.into());
    history(&app, &grant, &query, subject).await
}

#[utoipa::path(get, path = "/metrics/agents/{id}", tag = "metrics", params(("id" = String, Path, description = "Agent"), WindowQuery), responses((status = 200, description = "Figures of the window and of its steps", body = Metrics), Problem))]
pub(super) async fn agent(
    State(app): State<App>,
    grant: Grant,
    PathParam(id): PathParam,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    let subject = Subject::One(Dimension::Agent, id.into());
    history(&app, &grant, &query, subject).await
}

#[utoipa::path(get, path = "/metrics/names/{name}", tag = "metrics", params(("name" = String, Path, description = "Activity name"), WindowQuery), responses((status = 200, description = "Figures of the window and of its steps", body = Metrics), Problem))]
pub(super) async fn name(
    State(app): State<App>,
    grant: Grant,
    PathParam(name): PathParam,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    let subject = Subject::One(Dimension::Name, name.into());
    history(&app, &grant, &query, subject).await
}

#[utoipa::path(get, path = "/metrics/brands/{id}", tag = "metrics", params(("id" = String, Path, description = "Brand"), WindowQuery), responses((status = 200, description = "Figures of the window and of its steps", body = Metrics), Problem))]
pub(super) async fn brand(
    State(app): State<App>,
    grant: Grant,
    PathParam(id): PathParam,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    let subject = Subject::One(Dimension::Brand, id.into());
    history(&app, &grant, &query, subject).await
}

async fn history(
    app: &App,
    grant: &Grant,
    query: &WindowQuery,
    subject: Subject,
) -> Result<Json, Problem> {
    let query = query.parse(grant)?;
    let query = query.subject(subject);
    let read = app
        .readers
        .read(grant, move |reader| Json::new(&reader.metrics(&query)?));
    read.await
}

#[utoipa::path(get, path = "/metrics/projects", tag = "metrics", params(WindowQuery), responses((status = 200, description = "By number of activities, highest first", body = Ranking), Problem))]
pub(super) async fn projects(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    ranking(&app, &grant, &query, Dimension::Project).await
}

#[utoipa::path(get, path = "/metrics/agents", tag = "metrics", params(WindowQuery), responses((status = 200, description = "By number of activities, highest first", body = Ranking), Problem))]
pub(super) async fn agents(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    ranking(&app, &grant, &query, Dimension::Agent).await
}

#[utoipa::path(get, path = "/metrics/names", tag = "metrics", params(WindowQuery), responses((status = 200, description = "By number of activities, highest first", body = Ranking), Problem))]
pub(super) async fn names(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    ranking(&app, &grant, &query, Dimension::Name).await
}

#[utoipa::path(get, path = "/metrics/brands", tag = "metrics", params(WindowQuery), responses((status = 200, description = "By number of activities, highest first", body = Ranking), Problem))]
pub(super) async fn brands(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    ranking(&app, &grant, &query, Dimension::Brand).await
}

async fn ranking(
    app: &App,
    grant: &Grant,
    query: &WindowQuery,
    by: Dimension,
) -> Result<Json, Problem> {
    let query = query.parse(grant)?;
    let read = app
        .readers
        .read(grant, move |reader| Json::new(&reader.ranking(by, &query)?));
    read.await
}

#[utoipa::path(get, path = "/metrics/types", tag = "metrics", params(WindowQuery), responses((status = 200, description = "Events by type, highest number first", body = EventTypes), Problem))]
pub(super) async fn types(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    let query = query.parse(&grant)?;
    let read = app.readers.read(&grant, move |reader| {
        Json::new(&reader.event_types(&query)?)
    });
    read.await
}
