//! `api/metrics`: counts, durations and rates, by window.

use axum::extract::State;
use chrono::{TimeDelta, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    query::{EventTypes, Grouping, Metrics, MetricsQuery, Ranking, Step, Window},
    record::Filter,
    store::{Dimension, Subject},
    web::{
        access::{self, Grant},
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
    window: Option<String>,
    /// Time zone whose midnights delimit days, such as `Asia/Kathmandu` [default: UTC].
    tz: Option<String>,
    /// Instant or date of the window's last day [default: now].
    at: Option<String>,
    /// Start of a time span instead of a window: an instant, or a date. The span is widened to whole quarter hours.
    since: Option<String>,
    /// End of the time span, exclusive.
    until: Option<String>,
    /// Resolution of the history: `quarter` (of an hour), `hour` or `day` [default: hour].
    #[param(pattern = "^(quarter|hour|day)$")]
    step: Option<String>,
    /// Filter; its times are those of the time zone `tz`.
    q: Option<String>,
}

/// The longest time span, in days, and the longest with a history by the quarter hour.
const MAX_DAYS: (i64, i64) = (400, 31);

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
            Some("quarter") => Step::Quarter,
            Some(other) => {
                let what = format!("invalid `step`: {other:?}; use `quarter`, `hour` or `day`");
                return Err(Problem::invalid(what));
            }
        };
        let zone = extract::zone(self.tz.as_deref())?;
        let now = Utc::now();
        let instant = |name: &str, text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| extract::instant(name, text, now, zone))
                .transpose()
        };
        let query = MetricsQuery::new(window, now)
            .zone(zone)
            .at(instant("at", &self.at)?.unwrap_or(now))
            .step(step)
            .filter(access::parse(self.q.as_deref(), self.tz.as_deref())?)
            .restricted_to(grant.restrict(Filter::default()));
        let since = instant("since", &self.since)?;
        let until = instant("until", &self.until)?;
        let (since, until) = match (since, until.unwrap_or(now)) {
            (None, _) if until.is_none() => return Ok(query),
            (Some(since), until) if since < until => (since, until),
            _ => {
                let what = "a time span needs `since`, and a later `until` [default: now]";
                return Err(Problem::invalid(what));
            }
        };
        if self.window.is_some() || self.at.is_some() {
            let what = "use either `window` and `at`, or `since` and `until`";
            return Err(Problem::invalid(what));
        }
        let days = match step {
            Step::Quarter => MAX_DAYS.1,
            _ => MAX_DAYS.0,
        };
        if until - since > TimeDelta::days(days) {
            let what = format!("the time span is too long; use at most {days} days");
            return Err(Problem::invalid(what));
        }
        Ok(query.between(since, until))
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

#[utoipa::path(get, path = "/metrics/actors", tag = "metrics", params(WindowQuery), responses((status = 200, description = "By number of activities, highest first; without turns", body = Ranking), Problem))]
pub(super) async fn actors(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    ranking_by(&app, &grant, &query, Grouping::Actor).await
}

#[utoipa::path(get, path = "/metrics/environments", tag = "metrics", params(WindowQuery), responses((status = 200, description = "By number of activities, highest first; without turns", body = Ranking), Problem))]
pub(super) async fn environments(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    ranking_by(&app, &grant, &query, Grouping::Environment).await
}

#[utoipa::path(get, path = "/metrics/errors", tag = "metrics", params(WindowQuery), responses((status = 200, description = "Error types by number of activities, highest first; without turns", body = Ranking), Problem))]
pub(super) async fn errors(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    ranking_by(&app, &grant, &query, Grouping::Error).await
}

#[utoipa::path(get, path = "/metrics/attributes/{key}", tag = "metrics", params(("key" = String, Path, description = "Attribute"), WindowQuery), responses((status = 200, description = "Values of an attribute by number of activities, highest first; without turns", body = Ranking), Problem))]
pub(super) async fn attribute(
    State(app): State<App>,
    grant: Grant,
    PathParam(key): PathParam,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    ranking_by(&app, &grant, &query, Grouping::Attribute(key)).await
}

async fn ranking_by(
    app: &App,
    grant: &Grant,
    query: &WindowQuery,
    by: Grouping,
) -> Result<Json, Problem> {
    let query = query.parse(grant)?;
    let read = app.readers.read(grant, move |reader| {
        Json::new(&reader.ranking_by(&by, &query)?)
    });
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
