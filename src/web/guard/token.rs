//! The token: sent once in the URL, then in an `HttpOnly` cookie, or as a bearer token.

use std::{fmt, hint::black_box};

use axum::{
    extract::{OriginalUri, Query},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};

/// The query parameter, and the name of the form field.
const PARAMETER: &str = "token";

/// The prefix of the cookie's name.
const COOKIE: &str = "activity";

/// The secret that grants access to everything.
#[derive(Clone)]
pub(in crate::web) struct Token(String);

impl Token {
    pub(in crate::web) fn new(secret: String) -> Self {
        Token(secret)
    }

    /// Returns its length in bytes.
    pub(in crate::web) fn len(&self) -> usize {
        self.0.len()
    }

    /// Compares it with a secret, in constant time for secrets of one length.
    pub(super) fn is(&self, secret: &str) -> bool {
        constant_time_eq(secret, &self.0)
    }
}

/// A secret that a request sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The URL of a page, from which a redirect removes it.
    Url,
    Header,
    Cookie,
}

/// Returns the secrets in the URL, the `Authorization` headers and the cookies. One valid secret is enough: an old one may be
/// left in a bookmark or a cookie.
pub(super) fn sent_secrets(parts: &Parts) -> Vec<(Source, String)> {
    let in_url = in_query(parts).into_iter();
    let in_headers = bearer_tokens(parts).map(str::to_owned);
    let name = cookie_name(parts);
    let in_cookies = cookies(parts, &name).filter_map(from_hex);
    let all = in_url.map(|secret| (Source::Url, secret));
    let all = all.chain(in_headers.map(|secret| (Source::Header, secret)));
    all.chain(in_cookies.map(|secret| (Source::Cookie, secret)))
        .collect()
}

/// Whether a token in the URL has to be removed from it.
pub(super) fn is_in_url(sent: &[(Source, String)]) -> bool {
    sent.iter().any(|(source, _)| *source == Source::Url)
}

/// Redirects to the URL without the token, and sets the cookie.
///
/// The cookie has no `Path`: it defaults to the directory of the URL as the browser sees it, which is right under any
/// prefix and behind any proxy.
pub(super) fn redirect_with_cookie(parts: &Parts, secret: &str) -> Response {
    let rest: Vec<&str> = pairs(parts).filter(|pair| !is_token(pair)).collect();
    // The last segment of the path as the browser sees it.
    let original = parts.extensions.get::<OriginalUri>();
    let path = original.map_or(parts.uri.path(), |original| original.path());
    let page = path.rsplit('/').next().unwrap_or_default();
    let address = match rest.is_empty() {
        true => format!("./{page}"),
        false => format!("./{page}?{}", rest.join("&")),
    };
    let secure = match parts.headers.get("x-forwarded-proto") {
        Some(proto) if proto.as_bytes().eq_ignore_ascii_case(b"https") => "; Secure",
        _ => "",
    };
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let name = cookie_name(parts);
    let cookie = format!("{name}={hex}; HttpOnly; SameSite=Strict{secure}");
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    // Both come from a request, and so are valid header values.
    if let (Ok(address), Ok(mut cookie)) = (
        HeaderValue::try_from(address),
        HeaderValue::try_from(cookie),
    ) {
        cookie.set_sensitive(true);
        headers.insert(header::LOCATION, address);
        headers.insert(header::SET_COOKIE, cookie);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Returns the bearer tokens. The scheme is case-insensitive (RFC 9110, 11.1), and a proxy may add other schemes.
pub(super) fn bearer_tokens(parts: &Parts) -> impl Iterator<Item = &str> {
    let all = parts.headers.get_all(header::AUTHORIZATION).iter();
    all.filter_map(bearer_token)
}

/// Returns the bearer token in the value of a header.
pub(super) fn bearer_token(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = str::from_utf8(value.as_bytes()).ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Returns the name of the cookie. It depends on the host and its port, because browsers send cookies to all ports of a host.
fn cookie_name(parts: &Parts) -> String {
    let host = parts.headers.get(header::HOST);
    let host = host.map_or(&b""[..], |host| host.as_bytes());
    // FNV-1a: it only tells names apart.
    let number = host.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    format!("{COOKIE}_{:04x}", number >> 16)
}

/// Returns the values of the cookies of a name. There may be an outdated one beside the current one, and other cookies may
/// hold any bytes.
fn cookies<'a>(parts: &'a Parts, name: &'a str) -> impl Iterator<Item = &'a str> {
    let all = parts.headers.get_all(header::COOKIE).iter();
    let pairs = all.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| {
        let pair = str::from_utf8(pair).ok()?.trim();
        let value = pair.strip_prefix(name)?.strip_prefix('=')?;
        Some(value)
    })
}

/// Whether the path is that of a page. Elsewhere `token` is an ordinary parameter.
pub(super) fn is_page(parts: &Parts) -> bool {
    let mut page = parts.uri.path().trim_start_matches('/').bytes();
    page.all(|byte| byte.is_ascii_lowercase())
        && [http::Method::GET, http::Method::HEAD].contains(&parts.method)
}

fn pairs(parts: &Parts) -> impl Iterator<Item = &str> {
    let query = parts.uri.query().unwrap_or_default();
    query.split('&').filter(|pair| !pair.is_empty())
}

fn is_token(pair: &str) -> bool {
    pair.split_once('=')
        .is_some_and(|(name, _)| name == PARAMETER)
}

/// Returns the tokens in the URL of a page.
fn in_query(parts: &Parts) -> Vec<String> {
    let pairs = parameters(parts).filter(|(name, _)| name == PARAMETER);
    pairs
        .map(|(_, value)| value)
        .filter(|_| is_page(parts))
        .collect()
}

/// Returns the parameters of the URL besides the token.
pub(super) fn other_parameters(parts: &Parts) -> Vec<(String, String)> {
    parameters(parts)
        .filter(|(name, _)| name != PARAMETER)
        .collect()
}

fn parameters(parts: &Parts) -> impl Iterator<Item = (String, String)> {
    let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
    query.map(|query| query.0).unwrap_or_default().into_iter()
}

fn from_hex(text: &str) -> Option<String> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    let bytes = digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect();
    String::from_utf8(bytes).ok()
}

/// Constant-time comparison: the time does not depend on where the texts differ.
fn constant_time_eq(a: &str, b: &str) -> bool {
    let differs = a
        .bytes()
        .zip(b.bytes())
        .fold(0, |differs, (a, b)| black_box(differs | (a ^ b)));
    black_box(differs) == 0 && a.len() == b.len()
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_compared() {
        let check =
            |a: &str, b: &str, expected| assert_eq!(constant_time_eq(a, b), expected, "{a} {b}");
        check("", "", true);
        check("abc", "abc", true);
        check("abc", "abd", false);
        check("abc", "ab", false);
        check("", "a", false);
    }

    #[test]
    fn a_cookie_is_hexadecimal() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(from_hex(text).as_deref(), expected, "{text}");
        };
        check("6162", Some("ab"));
        check("616", None);
        check("zz", None);
        check("ff", None);
        check("", Some(""));
    }
}
