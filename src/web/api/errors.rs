//! `api/errors`: failures by fingerprint.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::metrics::WindowQuery;
use crate::{
    query::Errors,
    web::{
        access::Grant,
        extract::{self, Query},
        json::Json,
        problem::Problem,
        state::App,
    },
};

/// The query of errors.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct ErrorsQuery {
    /// The filter: only activities that match it are counted.
    q: Option<String>,
    /// `day`, `week` or `month` [default: day].
    #[param(pattern = "^(day|week|month)$")]
    window: Option<String>,
    /// Time zone of the filter, and whose midnights delimit days, such as `Asia/Kathmandu` [default: UTC].
    tz: Option<String>,
    /// Instant or date of the window's last day [default: now].
    at: Option<String>,
    /// Resolution of the history: `hour` or `day` [default: hour].
    #[param(pattern = "^(hour|day)$")]
    step: Option<String>,
    /// Maximum number of groups [default: 50].
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

#[utoipa::path(get, path = "/errors", tag = "errors", params(ErrorsQuery), responses((status = 200, description = "Groups of failed activities, the most frequent first", body = Errors), Problem))]
pub(super) async fn errors(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<ErrorsQuery>,
) -> Result<Json, Problem> {
    let filter = grant.parse_filter(query.q.as_deref(), query.tz.as_deref())?;
    let limit = extract::limit(query.limit)?;
    let window = WindowQuery {
        window: query.window,
        tz: query.tz,
        at: query.at,
        step: query.step,
    };
    let query = window.parse(&grant)?.restricted_to(filter);
    let read = app.readers.read(&grant, move |reader| {
        Json::new(&reader.errors(&query, limit)?)
    });
    read.await
}
