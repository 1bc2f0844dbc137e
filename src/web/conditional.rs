//! Answers that the client has already are not sent again.

use std::hash::{DefaultHasher, Hasher};

use axum::{body::Body, extract::Request, middleware::Next, response::Response};
use http::{HeaderValue, StatusCode, header};

/// Tells an answer from others: weak, because it is the same one however it is packed.
pub(super) fn tag(bytes: &[u8]) -> Option<HeaderValue> {
    // Its keys are fixed, so that the same bytes have the same tag in every process.
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    HeaderValue::try_from(format!("W/\"{:016x}\"", hasher.finish())).ok()
}

/// Answers `304` where the client names the tag of what it has, and has the same.
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
