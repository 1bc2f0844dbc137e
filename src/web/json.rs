//! JSON responses.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::{conditional, problem::Problem};

/// A response that is already serialized as JSON.
#[derive(Debug)]
pub(super) struct Json(Vec<u8>);

impl Json {
    pub(super) fn new(value: &impl Serialize) -> Result<Self, Problem> {
        let mut out = Vec::new();
        Json::append(&mut out, value)?;
        Ok(Json(out))
    }

    /// Appends a value, without line breaks.
    pub(super) fn append(out: &mut Vec<u8>, value: &impl Serialize) -> Result<(), Problem> {
        serde_json::to_writer(out, value).map_err(|cause| {
            let what = "could not serialize the response";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "json", what).logged(cause)
        })
    }
}

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        let tag = conditional::tag(&self.0);
        let mut response = Response::new(self.0.into());
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache, private"),
        );
        if let Some(tag) = tag {
            headers.insert(header::ETAG, tag);
        }
        response
    }
}
