//! The response to requests without a valid token.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header, request::Parts};

use super::{
    super::{
        document::{self, escape},
        problem::Problem,
    },
    token::{self, Source},
};

/// Loads the address again. A browser does not send a `SameSite=Strict` cookie when it follows a link of another site, but it
/// does when our own document asks for the same address.
const AGAIN: &str = "<meta http-equiv=refresh content=0>";

/// Returns the 401 response to what was sent: a form for browsers, a problem for programs and for the API.
pub(super) fn challenge(parts: &Parts, sent: &[(Source, String)]) -> Response {
    let is_api = parts.uri.path().starts_with("/api/");
    let mut response = match !is_api && document::is_wanted(parts) {
        true => sign_in_form(parts, sent),
        false => Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "token required: send `Authorization: Bearer …`, or open the dashboard with `?token=…` once",
        )
        .into_response(),
    };
    let bearer = HeaderValue::from_static("Bearer");
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, bearer);
    response
}

/// Returns the document with the form. It sends the token to the address of the document, with the parameters that it has, so
/// that a shared link leads to its page. An address that cannot be one leads to the first page.
fn sign_in_form(parts: &Parts, sent: &[(Source, String)]) -> Response {
    let has = |source| sent.iter().any(|(one, _)| *one == source);
    let (error, invalid) = match (has(Source::Url), has(Source::Cookie)) {
        (true, _) => (
            "<p class=error role=alert id=error>This token is not valid.</p>",
            " aria-invalid=true aria-describedby=error",
        ),
        (false, true) => (
            "<p class=error role=alert>You were signed out: the token has changed, or was revoked.</p>",
            "",
        ),
        (false, false) => ("", ""),
    };
    let (action, kept) = match token::is_page(parts) {
        true => (String::new(), token::other_parameters(parts)),
        false => {
            let home = document::home(parts.uri.path());
            (format!(" action=\"{home}\""), Vec::new())
        }
    };
    let kept: String = (kept.iter())
        .map(|(name, value)| {
            let (name, value) = (escape(name), escape(value));
            format!("<input type=hidden name=\"{name}\" value=\"{value}\">")
        })
        .collect();
    let body = format!(
        "<p>This dashboard requires a token: the one that the server printed when it started, or one that was made for you.</p>\
         {error}<form method=get{action}>{kept}<label for=token>Token</label><input id=token name=token type=password required \
         autofocus autocomplete=current-password{invalid}><button>Sign in</button></form>"
    );
    let is_from_elsewhere =
        (parts.headers.get("sec-fetch-site")).is_some_and(|site| site.as_bytes() == b"cross-site");
    let head = if is_from_elsewhere { AGAIN } else { "" };
    document::document(StatusCode::UNAUTHORIZED, "Sign in", head, &body)
}
