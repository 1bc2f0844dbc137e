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
    /// The ID of this failure in the server's log, which has the causes.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_id: Option<String>,
    /// How to fix it.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    /// The invalid part of the filter, as a range of characters: start, and end (exclusive).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<[usize; 2]>)]
    span: Option<[u32; 2]>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Problem {
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            error_id: None,
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

    /// A failure whose causes are for the operator only: they go into the server's log, with the ID that the client gets.
    pub(super) fn logged(mut self, causes: impl fmt::Display) -> Self {
        let error_id = format!("{:08x}", fastrand::u32(..));
        tracing::warn!(target: "tower_activity::web", error_id, code = self.code, error = %causes, "request failed");
        self.error_id = Some(error_id);
        self
    }

    /// Whether the client has to send credentials (401).
    pub(super) fn needs_credentials(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// Whether the status is 5xx.
    pub(super) fn is_server_error(&self) -> bool {
        self.status >= 500
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)?;
        match &self.error_id {
            Some(id) => write!(f, " (error {id} in the server's log)"),
            None => Ok(()),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.public_message();
        let causes = format!("{error:#}");
        match error.kind() {
            ErrorKind::Invalid => Problem::invalid(detail),
            ErrorKind::NotFound => Problem::not_found(detail),
            ErrorKind::Busy | ErrorKind::Full | ErrorKind::Closed => {
                Problem::busy(detail).logged(causes)
            }
            ErrorKind::Timeout => Problem {
                help: Some(
                    "narrow the query: a shorter time range (`since:24h`), one project, a smaller `limit`, or fewer wildcards"
                        .to_owned(),
                ),
                ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_slow", detail)
            },
            ErrorKind::Refused => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", detail).logged(causes)
            }
            // What an operator has to do first. The server itself works.
            ErrorKind::Denied => unavailable("denied", detail).logged(causes),
            ErrorKind::NoStore => unavailable("no_store", detail).logged(causes),
            ErrorKind::NewerSchema => unavailable("newer_schema", detail).logged(causes),
            ErrorKind::NotAStore => unavailable("not_a_store", detail).logged(causes),
            // The database is away, or the file cannot be read. A later attempt may find it.
            ErrorKind::Store => unavailable("store", detail).logged(causes),
            _ => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).logged(causes),
        }
    }
}

fn unavailable(code: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
}

impl From<FilterError> for Problem {
    fn from(error: FilterError) -> Self {
        // A filter has at most a few thousand characters.
        let chars = |byte: usize| {
            error.text()[..byte]
                .chars()
                .count()
                .try_into()
                .unwrap_or(u32::MAX)
        };
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
        let retry_after = match self.code {
            "busy" => Some("1"),
            "store" => Some("5"),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_client_asked_for_is_shown_and_the_rest_has_an_id() {
        let check = |kind, shown| {
            let error = Error::new(kind, "cannot read /srv/activity.db").with_source("SELECT 1");
            let problem = Problem::from(error);
            let text = serde_json::to_string(&problem).unwrap();
            assert_eq!(text.contains("/srv"), shown, "{text}");
            assert_eq!(problem.error_id.is_none(), shown, "{text}");
        };
        for kind in [ErrorKind::Invalid, ErrorKind::NotFound, ErrorKind::Timeout] {
            check(kind, true);
        }
        for kind in [
            ErrorKind::Store,
            ErrorKind::NewerSchema,
            ErrorKind::NotAStore,
            ErrorKind::Busy,
            ErrorKind::Full,
            ErrorKind::Refused,
            ErrorKind::Panicked,
            ErrorKind::Closed,
            ErrorKind::Forked,
            ErrorKind::NoStore,
            ErrorKind::Host,
        ] {
            check(kind, false);
        }
    }

    #[test]
    fn a_code_has_one_status_and_only_what_may_pass_is_retried() {
        let check = |kind, code, status, retry_after: Option<&str>| {
            let problem = Problem::from(Error::new(kind, "cannot read"));
            assert_eq!(problem.code, code);
            let response = problem.into_response();
            let header = response.headers().get(header::RETRY_AFTER);
            let header = header.map(|seconds| seconds.to_str().unwrap());
            assert_eq!(
                (response.status().as_u16(), header),
                (status, retry_after),
                "{code}"
            );
        };
        check(ErrorKind::Busy, "busy", 503, Some("1"));
        check(ErrorKind::Store, "store", 503, Some("5"));
        for (kind, code) in [
            (ErrorKind::NotAStore, "not_a_store"),
            (ErrorKind::NewerSchema, "newer_schema"),
            (ErrorKind::NoStore, "no_store"),
        ] {
            check(kind, code, 503, None);
        }
        for kind in [ErrorKind::Panicked, ErrorKind::Forked, ErrorKind::Host] {
            check(kind, "internal", 500, None);
        }
    }
}
