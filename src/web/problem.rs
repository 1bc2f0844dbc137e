//! Errors as `application/problem+json` (RFC 9457).

use std::fmt;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{Error, ErrorKind},
    query::FilterError,
};

/// An error response.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Problem {
    /// The reason phrase of the status.
    title: &'static str,
    status: u16,
    /// The kind of problem, for programs.
    code: &'static str,
    /// What went wrong in this request.
    detail: String,
    /// How to fix it.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    /// The invalid part of the filter, as a range of characters: start, and end (exclusive).
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<[usize; 2]>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Problem {
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            help: None,
            span: None,
        }
    }

    /// An invalid request (400).
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "invalid", detail)
    }

    /// A resource that does not exist, or is not visible (404).
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// Too many requests at once (503 with `Retry-After`).
    pub(super) fn busy(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
    }

    /// Whether the status is 5xx.
    pub(super) fn is_server_error(&self) -> bool {
        self.status >= 500
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error.kind() {
            ErrorKind::Invalid => Problem::invalid(detail),
            ErrorKind::NotFound => Problem::not_found(detail),
            ErrorKind::Busy | ErrorKind::Full | ErrorKind::Closed => Problem::busy(detail),
            ErrorKind::Timeout => Problem {
                help: Some(
                    "narrow the query: a shorter time range (`since:24h`), one project, a smaller `limit`, or fewer wildcards"
                        .to_owned(),
                ),
                ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_slow", detail)
            },
            ErrorKind::Refused => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", detail),
            _ => {
                let detail = format!("{error:#}");
                tracing::warn!(target: "tower_activity::web", %detail, "query failed");
                // The cause and the path of the file are for the server's operator, not for its clients.
                Problem::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "store",
                    "could not read the store; the server's log has the cause",
                )
            }
        }
    }
}

impl From<FilterError> for Problem {
    fn from(error: FilterError) -> Self {
        let chars = |byte: usize| error.text()[..byte].chars().count();
        let span = error.span();
        Problem {
            help: error.help().map(str::to_owned),
            span: Some([chars(span.start), chars(span.end)]),
            ..Problem::new(StatusCode::BAD_REQUEST, "bad_filter", error.message())
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // A struct of strings and numbers always serializes.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(body.into());
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.code == "busy" {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
