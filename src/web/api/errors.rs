//! `api/errors`: failures by fingerprint.

use axum::extract::State;

use super::metrics::WindowQuery;
use crate::{
    query::Errors,
    web::{access::Grant, extract::Query, json::Json, problem::Problem, state::App},
};

/// The most groups of a response.
const MOST_GROUPS: usize = 100;

#[utoipa::path(get, path = "/errors", tag = "errors", params(WindowQuery), responses((status = 200, description = "The 100 most frequent groups of failed activities", body = Errors), Problem))]
pub(super) async fn errors(
    State(app): State<App>,
    grant: Grant,
    Query(query): Query<WindowQuery>,
) -> Result<Json, Problem> {
    let query = query.parse(&grant)?;
    let read = app.readers.read(&grant, move |reader| {
        Json::new(&reader.errors(&query, MOST_GROUPS)?)
    });
    read.await
}
