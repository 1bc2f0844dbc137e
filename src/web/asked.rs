//! What a request asks for: its path and its query, or the problem with them.

use axum::extract::{FromRequestParts, Path, Query};
use chrono::{DateTime, NaiveDate, Utc};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::{query::Zone, store::LARGEST_PAGE};

/// The query of a request. One that it does not know is refused: what is misspelled would else be left out in silence.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(query)) => Ok(Asked(query)),
            Err(rejection) => Err(Problem::invalid(rejection.body_text())),
        }
    }
}

/// The one part of a path that varies.
#[derive(Debug)]
pub(super) struct Named(pub(super) String);

impl<S: Sync + Send> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Named(name)),
            Err(rejection) => Err(Problem::invalid(rejection.body_text())),
        }
    }
}

/// How many records are asked for; 50 where nothing is said.
pub(super) fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked.unwrap_or(50) {
        limit @ 1..=LARGEST_PAGE => Ok(limit),
        limit => Err(Problem::invalid(format!(
            "a limit of {limit} is none: it is from 1 to {LARGEST_PAGE}"
        ))),
    }
}

/// Reads the name of a time zone; UTC where nothing is said.
pub(super) fn zone(name: Option<&str>) -> Result<Zone, Problem> {
    Ok(name.map(str::parse).transpose()?.unwrap_or_default())
}

/// Reads an instant, or a date where it begins in a time zone.
pub(super) fn instant(text: &str, zone: Zone) -> Result<DateTime<Utc>, Problem> {
    if let Ok(instant) = text.parse::<DateTime<Utc>>() {
        return Ok(instant);
    }
    let date = text.parse::<NaiveDate>().map_err(|_| {
        Problem::invalid(format!(
            "{text:?} is no instant: write `2026-02-18` or `2026-02-18T09:30:00Z`"
        ))
    })?;
    Ok(zone.start_of_day(date))
}
