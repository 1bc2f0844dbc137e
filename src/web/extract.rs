//! Extractors of the API, which reject a request with a problem, and parsers of common parameters.

use axum::extract::{FromRequestParts, Path};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::{query::Zone, store::LARGEST_PAGE};

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

/// Parses an instant, or a date: its midnight in a time zone. Years are those of RFC 3339, so that every time zone has a local
/// time for it.
pub(super) fn instant(text: &str, zone: Zone) -> Result<DateTime<Utc>, Problem> {
    let at = text.parse::<DateTime<Utc>>().ok();
    let date = || text.parse::<NaiveDate>().ok();
    let is_in_range = |year: i32| (0..10_000).contains(&year);
    let at = match at {
        Some(at) => Some(at).filter(|at| is_in_range(at.year())),
        None => date()
            .filter(|date| is_in_range(date.year()))
            .map(|date| zone.start_of_day(date)),
    };
    at.ok_or_else(|| {
        Problem::invalid(format!(
            "not a date or an instant: {text:?}; write `2026-02-18` or `2026-02-18T09:30:00Z`"
        ))
    })
}
