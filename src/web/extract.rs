//! Extractors of the API, which reject a request with a problem, and parsers of common parameters.

use axum::extract::{FromRequestParts, Path};
use chrono::{DateTime, Utc};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::{query::Zone, record::Filter, store::LARGEST_PAGE};

/// The query of a request. `T` denies unknown fields, so that a misspelled parameter is an error and not ignored.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(query) => Ok(Query(query.0)),
            Err(rejection) => Err(Problem::invalid(rejection.body_text())),
        }
    }
}

/// The only parameter of a path.
#[derive(Debug)]
pub(super) struct PathParam(pub(super) String);

impl<S: Sync + Send> FromRequestParts<S> for PathParam {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(PathParam(name)),
            Err(rejection) => Err(Problem::invalid(rejection.body_text())),
        }
    }
}

/// Checks the number of records of a page, 50 by default.
pub(super) fn limit(limit: Option<usize>) -> Result<usize, Problem> {
    match limit.unwrap_or(50) {
        limit @ 1..=LARGEST_PAGE => Ok(limit),
        limit => Err(Problem::invalid(format!(
            "limit {limit} is out of range (1 to {LARGEST_PAGE})"
        ))),
    }
}

/// Parses the name of a time zone, UTC by default.
pub(super) fn zone(name: Option<&str>) -> Result<Zone, Problem> {
    Ok(name.map(str::parse).transpose()?.unwrap_or_default())
}

/// Parses the time of a parameter, as the filter `since:` does: an age, a day, or an instant.
pub(super) fn instant(
    name: &str,
    text: &str,
    now: DateTime<Utc>,
    zone: Zone,
) -> Result<DateTime<Utc>, Problem> {
    let help = match Filter::parse_in_zone(&format!("since:{text}"), now, zone) {
        Ok(mut filter) => match filter.since.take() {
            Some(at) if filter.is_empty() => return Ok(at),
            _ => None,
        },
        Err(error) => error.help().map(|help| format!("; {help}")),
    };
    let help = help.unwrap_or_default();
    Err(Problem::invalid(format!(
        "invalid `{name}`: {text:?} is not a time{help}"
    )))
}
