//! Conditional requests: `ETag` and `If-None-Match`.

use std::hash::{DefaultHasher, Hasher};

use axum::{body::Body, extract::Request, middleware::Next, response::Response};
use http::{HeaderValue, StatusCode, header};

/// Returns the entity tag of a body. It is weak, because it is the same with and without compression.
pub(super) fn tag(bytes: &[u8]) -> Option<HeaderValue> {
    // Unlike `RandomState` it has fixed keys: the tag is the same in every process.
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    HeaderValue::try_from(format!("W/\"{:016x}\"", hasher.finish())).ok()
}

/// Answers `304 Not Modified` if `If-None-Match` names the response's tag.
pub(super) async fn conditional(request: Request, next: Next) -> Response {
    let known: Vec<HeaderValue> = request
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .cloned()
        .collect();
    let mut response = next.run(request).await;
    let tag = response
        .headers()
        .get(header::ETAG)
        .map(HeaderValue::as_bytes);
    let same = |known: &HeaderValue| {
        let mut known = known.as_bytes().split(|byte| *byte == b',');
        known.any(|one| tag.is_some_and(|tag| one.trim_ascii() == tag))
    };
    if response.status() == StatusCode::OK && known.iter().any(same) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response
}
