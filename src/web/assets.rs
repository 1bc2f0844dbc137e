//! The pages of the dashboard, embedded in the library.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Uri, header};

use super::{conditional, problem::Problem};

/// Names and contents of the files that `cargo xtask pages` built; empty if it was not run.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));
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
pub(super) async fn file(uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let path = uri.path().trim_start_matches('/');
    // Pages are siblings: `timeline`, `health`.
    let is_page = !path.contains(['/', '.']);
    let name = if is_page { "index.html" } else { path };
    let found = |name: &str| {
        FILES
            .iter()
            .find(|(one, _)| *one == name)
            .map(|(_, bytes)| *bytes)
    };
    let missing = || match has_pages() {
        true => Problem::not_found(format!("nothing at {:?}", uri.path())),
        false => Problem::not_found(format!("{NO_PAGES}; the API is at \"api/openapi.json\"")),
    };
    let plain = found(name).ok_or_else(missing)?;
    let compressed = found(&format!("{name}.gz")).filter(|_| accepts_gzip(&headers));

    let mut response = compressed.unwrap_or(plain).into_response();
    let headers = response.headers_mut();
    if compressed.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(media_type(name)),
    );
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
        // Browsers look up the hosts of links.
        headers.insert(
            header::X_DNS_PREFETCH_CONTROL,
            HeaderValue::from_static("off"),
        );
    }
    Ok(response)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim() == "gzip" && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
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
