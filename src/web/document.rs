//! HTML documents without assets: for clients without access, and for addresses of no page.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};

/// The style of all documents, with the colours of the dashboard.
const STYLE: &str = include_str!("document.css");
/// Allows that style and nothing else. A unit test compares the hash.
const POLICY: &str = "default-src 'none'; style-src 'sha256-bnok85mkk5rVE6i2WhBlBYdIf1fATUnQoUJ/jSy/hKU='; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Whether the client is a browser that opens a page.
pub(super) fn is_wanted(parts: &Parts) -> bool {
    let accepted = parts.headers.get_all(header::ACCEPT).iter();
    let mut accepted = accepted.filter_map(|types| types.to_str().ok());
    let is_read = [Method::GET, Method::HEAD].contains(&parts.method);
    is_read && accepted.any(|types| types.contains("text/html"))
}

/// Returns the address of the dashboard, relative to a path of the router, so that it works under any prefix.
pub(super) fn home(path: &str) -> String {
    let depth = path.matches('/').count().saturating_sub(1);
    format!("./{}", "../".repeat(depth))
}

/// Returns a document. `head` and `body` are HTML.
pub(super) fn document(status: StatusCode, title: &str, head: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width, initial-scale=1\">\
         <meta name=color-scheme content=\"dark light\"><title>{title} · Activity</title>{head}<style>{STYLE}</style>\
         <main><svg viewBox=\"0 0 32 32\" width=32 height=32 aria-hidden=true><rect width=32 height=32 rx=8 />\
         <path d=\"M5 17h5l3-8 6 15 3-7h5\" /></svg><h1>{title}</h1>{body}</main></html>"
    );
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Escapes a text for HTML, also in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    fn base64(bytes: &[u8]) -> String {
        let digits = |chunk: &[u8]| {
            let at = |n: usize| u32::from(chunk.get(n).copied().unwrap_or_default());
            let bits = at(0) << 16 | at(1) << 8 | at(2);
            let digit = move |n: usize| match n <= chunk.len() {
                true => DIGITS[(bits >> (18 - 6 * n) & 63) as usize] as char,
                false => '=',
            };
            (0..4).map(digit).collect::<String>()
        };
        bytes.chunks(3).map(digits).collect()
    }

    #[test]
    fn the_policy_allows_the_style() {
        let source = format!("'sha256-{}'", base64(&Sha256::digest(STYLE)));
        assert!(POLICY.contains(&source), "{source}");
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(escape("a"), "a");
        assert_eq!(
            escape("<a href=\"x\">&'"),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;"
        );
    }
}
