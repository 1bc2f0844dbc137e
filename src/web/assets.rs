//! The pages of the dashboard, embedded in the library.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header, request::Parts};

use super::{conditional, document, problem::Problem};

/// Names and contents of the files that `cargo xtask pages` built; empty if it was not run.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));
/// The document of all pages.
const PAGES: &str = "index.html";
/// File names in this folder contain a hash of the content.
const HASHED: &str = "assets/";

/// The policy of a page: scripts, styles and requests of this origin only. Charts style elements by script, which it allows.
const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The policy of the frame that plays recordings of other sites. It may run the player and apply the recorded inline styles,
/// but make no request, not even to this server, so that recorded content cannot call home: the page around it sends it the
/// recording. The player removes what a browser would connect for all the same.
const REPLAY: &str = "sandbox allow-scripts allow-same-origin; default-src 'none'; script-src 'self'; \
     style-src 'unsafe-inline'; img-src data: blob:; media-src data: blob:; font-src data:; frame-src 'none'; \
     object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// The detail of a 404 in a build without pages.
const NO_PAGES: &str =
    "this build has no dashboard: run `cargo xtask pages` in a clone, or use the published package";

/// Whether this build has pages.
pub(super) const fn has_pages() -> bool {
    !FILES.is_empty()
}

/// Serves a file. All pages are one document, which routes by its address.
pub(super) async fn file(request: Parts) -> Result<Response, Problem> {
    let path = request.uri.path().trim_start_matches('/');
    let name = if is_page(path) { PAGES } else { path };
    let Some(bytes) = content(name) else {
        return missing(&request);
    };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(media_type(name)),
    );
    let cached = match name.starts_with(HASHED) {
        true => "private, max-age=31536000, immutable",
        false => "private, no-cache",
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cached));
    if let Some(tag) = conditional::tag(bytes) {
        headers.insert(header::ETAG, tag);
    }
    let policy = match name {
        PAGES => Some(PAGE),
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
        // Browsers look up the hosts of links.
        headers.insert(
            header::X_DNS_PREFETCH_CONTROL,
            HeaderValue::from_static("off"),
        );
    }
    Ok(response)
}

/// Returns the content of a file.
fn content(name: &str) -> Option<&'static [u8]> {
    let found = FILES.iter().find(|(one, _)| *one == name);
    found.map(|(_, bytes)| *bytes)
}

/// Whether a path is that of a page. Pages are siblings, `timeline` and `health`, and their document names them.
fn is_page(path: &str) -> bool {
    const LIST: &str = "<meta name=\"pages\" content=\"";
    let document = content(PAGES).and_then(|bytes| str::from_utf8(bytes).ok());
    let list = document.and_then(|html| html.split_once(LIST)?.1.split_once('"'));
    path.is_empty() || list.is_some_and(|(names, _)| names.split(' ').any(|name| name == path))
}

/// Returns the response to a path without a file: a document for browsers, a problem for programs.
fn missing(request: &Parts) -> Result<Response, Problem> {
    let path = request.uri.path();
    if !has_pages() {
        let detail = format!("{NO_PAGES}; the API is at \"api/openapi.json\"");
        return Err(Problem::not_found(detail));
    }
    if !document::is_wanted(request) {
        return Err(Problem::not_found(format!("nothing at {path:?}")));
    }
    let home = document::home(path);
    let body = format!(
        "<p>The dashboard has no page <b>{}</b>. The link may be outdated or incomplete.</p>\
         <a class=button href=\"{home}\">Open the dashboard</a>",
        document::escape(path)
    );
    let status = StatusCode::NOT_FOUND;
    Ok(document::document(status, "Page not found", "", &body))
}

fn media_type(name: &str) -> &'static str {
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
