//! The pages: files that the library carries.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Uri, header};

use super::{conditional, problem::Problem};

/// The names of the files, and what they hold. Built by `cargo xtask pages`; empty where that was not done.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));
/// Names in here have a hash of what they hold.
const HASHED: &str = "assets/";

/// What a page may do: run and show what is here, and ask this server. Charts set the style of single elements, by script.
const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What the document may do that shows what others' pages looked like: run our player, and show their styles, which stand in
/// what was recorded. It asks nobody for anything, not even this server, so that what was recorded calls home to nobody: the
/// page around it tells it what to show.
const REPLAY: &str = "sandbox allow-scripts allow-same-origin; default-src 'none'; script-src 'self'; \
     style-src 'self' 'unsafe-inline'; img-src data: blob:; media-src data: blob:; font-src data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'self'";

/// The answer where they are missing.
const NO_PAGES: &str =
    "this build has no pages: run `cargo xtask pages` in a clone, or use the published package";

/// Whether this build has pages.
pub(super) const fn are_there() -> bool {
    !FILES.is_empty()
}

/// The file at an address; the pages themselves are one document, which knows its addresses.
pub(super) async fn file(uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let path = uri.path().trim_start_matches('/');
    // Pages stand beside each other: `timeline`, `health`.
    let is_page = !path.contains(['/', '.']);
    let name = if is_page { "index.html" } else { path };
    let found = |name: &str| {
        FILES
            .iter()
            .find(|(one, _)| *one == name)
            .map(|(_, bytes)| *bytes)
    };
    let missing = || match are_there() {
        true => Problem::not_found(format!("there is nothing at {:?}", uri.path())),
        false => Problem::not_found(format!("{NO_PAGES}; the API is at \"api/openapi.json\"")),
    };
    let plain = found(name).ok_or_else(missing)?;
    let packed = found(&format!("{name}.gz")).filter(|_| takes_gzip(&headers));

    let mut response = packed.unwrap_or(plain).into_response();
    let headers = response.headers_mut();
    if packed.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind(name)));
    let cached = match name.starts_with(HASHED) {
        true => "private, max-age=31536000, immutable",
        false => "private, no-cache",
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cached));
    if let Some(tag) = conditional::tag(plain) {
        headers.insert(header::ETAG, tag);
    }
    let policy = match name {
        "index.html" => Some(PAGE),
        "replay.html" => Some(REPLAY),
        _ => None,
    };
    if let Some(policy) = policy {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(policy),
        );
    }
    if name == "replay.html" {
        headers.insert(
            header::X_FRAME_OPTIONS,
            HeaderValue::from_static("SAMEORIGIN"),
        );
    }
    Ok(response)
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim() == "gzip" && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "map") => "application/json",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
