//! `api/metrics`: how much, how long, how often.

use axum::extract::State;
use chrono::Utc;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    query::{Metrics, MetricsQuery, Period, Ranked, Step, Window},
    record::Filter,
    store::{Dimension, Subject, TypeCount},
    web::{
        access::Granted,
        answer::Json,
        asked::{self, Asked, Named},
        problem::Problem,
        state::App,
    },
};

/// Which window is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Windowed {
    /// `day`, `week` or `month`.
    #[param(pattern = "^(day|week|month)$")]
    window: Option<String>,
    /// The name of a time zone, whose midnights are meant.
    tz: Option<String>,
    /// An instant or a date of the window's last day.
    at: Option<String>,
    /// `hour` or `day`: how finely the history is cut.
    #[param(pattern = "^(hour|day)$")]
    step: Option<String>,
}

impl Windowed {
    fn read(&self, granted: &Granted) -> Result<(MetricsQuery, Period), Problem> {
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
                let what = format!("{other:?} is not a step: it is `hour` or `day`");
                return Err(Problem::invalid(what));
            }
        };
        let zone = asked::zone(self.tz.as_deref())?;
        let now = Utc::now();
        let at = self
            .at
            .as_deref()
            .map(|at| asked::instant(at, zone))
            .transpose()?
            .unwrap_or(now);
        let query = MetricsQuery::new(window, now)
            .zone(zone)
            .at(at)
            .step(step)
            .within(granted.within(Filter::default()));
        Ok((query, window.ending_at(at, zone)))
    }
}

#[utoipa::path(get, path = "/metrics/overall", tag = "metrics", params(Windowed), responses((status = 200, description = "A window, and its steps", body = Metrics), Problem))]
pub(super) async fn overall(
    State(app): State<App>,
    granted: Granted,
    Asked(windowed): Asked<Windowed>,
) -> Result<Json, Problem> {
    history(&app, &granted, &windowed, Subject::Overall).await
}

#[utoipa::path(get, path = "/metrics/projects/{id}", tag = "metrics", params(("id" = String, Path, description = "Which one"), Windowed), responses((status = 200, description = "A window, and its steps", body = Metrics), Problem))]
pub(super) async fn project(
    State(app): State<App>,
    granted: Granted,
    Named(id): Named,
    Asked(windowed): Asked<Windowed>,
) -> Result<Json, Problem> {
    let subject = Subject::One(Dimension::Project, id.into());
    history(&app, &granted, &windowed, subject).await
}

#[utoipa::path(get, path = "/metrics/agents/{id}", tag = "metrics", params(("id" = String, Path, description = "Which one"), Windowed), responses((status = 200, description = "A window, and its steps", body = Metrics), Problem))]
pub(super) async fn agent(
    State(app): State<App>,
    granted: Granted,
    Named(id): Named,
    Asked(windowed): Asked<Windowed>,
) -> Result<Json, Problem> {
    let subject = Subject::One(Dimension::Agent, id.into());
    history(&app, &granted, &windowed, subject).await
}

#[utoipa::path(get, path = "/metrics/names/{name}", tag = "metrics", params(("name" = String, Path, description = "Which one"), Windowed), responses((status = 200, description = "A window, and its steps", body = Metrics), Problem))]
pub(super) async fn name(
    State(app): State<App>,
    granted: Granted,
    Named(name): Named,
    Asked(windowed): Asked<Windowed>,
) -> Result<Json, Problem> {
    let subject = Subject::One(Dimension::Name, name.into());
    history(&app, &granted, &windowed, subject).await
}

#[utoipa::path(get, path = "/metrics/brands/{id}", tag = "metrics", params(("id" = String, Path, description = "Which one"), Windowed), responses((status = 200, description = "A window, and its steps", body = Metrics), Problem))]
pub(super) async fn brand(
    State(app): State<App>,
    granted: Granted,
    Named(id): Named,
    Asked(windowed): Asked<Windowed>,
) -> Result<Json, Problem> {
    let subject = Subject::One(Dimension::Brand, id.into());
    history(&app, &granted, &windowed, subject).await
}

async fn history(
    app: &App,
    granted: &Granted,
    windowed: &Windowed,
    subject: Subject,
) -> Result<Json, Problem> {
    let (query, _) = windowed.read(granted)?;
    let query = query.subject(subject);
    let read = app
        .readers
        .ask(move |reader| Json::of(&reader.metrics(&query)?));
    read.await
}

/// What there is most of.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Ranking {
    window: Period,
    /// Those with most activities first.
    ranking: Vec<Ranked>,
}

#[utoipa::path(get, path = "/metrics/projects", tag = "metrics", params(Windowed), responses((status = 200, description = "Those with most activities first", body = Ranking), Problem))]
pub(super) async fn projects(
    State(app): State<App>,
    granted: Granted,
    Asked(windowed): Asked<Windowed>,
) -> Result<Json, Problem> {
    ranking(&app, &granted, &windowed, Dimension::Project).await
}

#[utoipa::path(get, path = "/metrics/agents", tag = "metrics", params(Windowed), responses((status = 200, description = "Those with most activities first", body = Ranking), Problem))]
pub(super) async fn agents(
    State(app): State<App>,
    granted: Granted,
    Asked(windowed): Asked<Windowed>,
) -> Result<Json, Problem> {
    ranking(&app, &granted, &windowed, Dimension::Agent).await
}

#[utoipa::path(get, path = "/metrics/names", tag = "metrics", params(Windowed), responses((status = 200, description = "Those with most activities first", body = Ranking), Problem))]
pub(super) async fn names(
    State(app): State<App>,
    granted: Granted,
    Asked(windowed): Asked<Windowed>,
) -> Result<Json, Problem> {
    ranking(&app, &granted, &windowed, Dimension::Name).await
}

#[utoipa::path(get, path = "/metrics/brands", tag = "metrics", params(Windowed), responses((status = 200, description = "Those with most activities first", body = Ranking), Problem))]
pub(super) async fn brands(
    State(app): State<App>,
    granted: Granted,
    Asked(windowed): Asked<Windowed>,
) -> Result<Json, Problem> {
    ranking(&app, &granted, &windowed, Dimension::Brand).await
}

async fn ranking(
    app: &App,
    granted: &Granted,
    windowed: &Windowed,
    by: Dimension,
) -> Result<Json, Problem> {
    let (query, window) = windowed.read(granted)?;
    let read = app.readers.ask(move |reader| {
        let ranking = reader.ranking(by, &query)?;
        Json::of(&Ranking { window, ranking })
    });
    read.await
}

/// How many events of which types.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Types {
    window: Period,
    /// Those with most events first.
    types: Vec<TypeCount>,
}

#[utoipa::path(get, path = "/metrics/types", tag = "metrics", params(Windowed), responses((status = 200, description = "Events by type, those with most first", body = Types), Problem))]
pub(super) async fn types(
    State(app): State<App>,
    granted: Granted,
    Asked(windowed): Asked<Windowed>,
) -> Result<Json, Problem> {
    let (query, window) = windowed.read(&granted)?;
    let read = app.readers.ask(move |reader| {
        let types = reader.event_types(&query)?;
        Json::of(&Types { window, types })
    });
    read.await
}
