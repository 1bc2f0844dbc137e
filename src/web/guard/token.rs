//! The token: given once in the address, from then on in a cookie that no script reads.

use std::{fmt, hint::black_box};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header, request::Parts};

use super::super::problem::Problem;

/// What stands in the address, and where its value is asked for.
const QUERY: &str = "token";

/// A secret that lets in whoever has it.
#[derive(Clone)]
pub(in crate::web) struct Token {
    secret: String,
    /// Cookies are told apart by their host alone, not by its port: servers beside each other need names of their own.
    cookie: String,
}

/// A token as it was given.
pub(super) struct Given {
    secret: String,
    in_url: bool,
}

impl Given {
    pub(super) fn is_in_url(&self) -> bool {
        self.in_url
    }
}

impl Token {
    pub(in crate::web) fn new(secret: String) -> Self {
        // FNV-1a: a name to tell apart, no secret and no proof of one.
        let number = secret.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        let cookie = format!("activity_{:04x}", number >> 16);
        Token { secret, cookie }
    }

    /// How many bytes it has.
    pub(in crate::web) fn len(&self) -> usize {
        self.secret.len()
    }

    /// The token that a request gives; `None` where it gives none.
    pub(super) fn given(&self, parts: &Parts) -> Option<Given> {
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let given = |in_url| move |secret| Given { secret, in_url };
        let bearer = parts.headers.get(header::AUTHORIZATION).and_then(text);
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ").map(str::to_owned));
        let cookies = parts
            .headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(text);
        let cookie = cookies.flat_map(|all| {
            let of = all.split(';').filter_map(|one| one.trim().split_once('='));
            let ours = of.filter(|(name, _)| *name == self.cookie);
            ours.filter_map(|(_, value)| from_hex(value))
                .collect::<Vec<_>>()
        });
        // What is typed into the address is meant, whatever else the browser still has.
        let in_url = is_page(parts).then(|| in_query(parts)).flatten();
        let by_url = in_url.map(given(true));
        by_url.or_else(|| bearer.map(given(false))).or_else(|| {
            // A cookie of before may be there beside the one that counts.
            let mut cookies: Vec<String> = cookie.collect();
            let right = cookies.iter().position(|cookie| same(cookie, &self.secret));
            let first = right.or((!cookies.is_empty()).then_some(0))?;
            Some(given(false)(cookies.swap_remove(first)))
        })
    }

    /// True where it is this one. Takes as long for any of one length.
    pub(super) fn is(&self, given: &Given) -> bool {
        same(&given.secret, &self.secret)
    }

    /// Answers with the same address without the token, and a cookie in its place.
    ///
    /// The cookie has no path, which means that of the address as the browser knows it, without what follows its last
    /// slash: right under any prefix, and behind any proxy.
    pub(super) fn exchanged(&self, parts: &Parts) -> Response {
        let rest: Vec<&str> = pairs(parts).filter(|pair| !is_token(pair)).collect();
        let page = parts.uri.path().trim_start_matches('/');
        let address = match rest.is_empty() {
            true => format!("./{page}"),
            false => format!("./{page}?{}", rest.join("&")),
        };
        let secure = match parts.headers.get("x-forwarded-proto") {
            Some(proto) if proto.as_bytes().eq_ignore_ascii_case(b"https") => "; Secure",
            _ => "",
        };
        let hex: String = self
            .secret
            .bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let cookie = format!("{}={hex}; HttpOnly; SameSite=Strict{secure}", self.cookie);
        let mut response = StatusCode::SEE_OTHER.into_response();
        let headers = response.headers_mut();
        // What came in as a header goes out as one.
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

    /// Asks for the token: people with a form, programs with a problem.
    pub(super) fn asked_for(&self, parts: &Parts) -> Response {
        let accepts = parts
            .headers
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok());
        let mut response = match is_page(parts) && accepts.is_some_and(|types| types.contains("text/html")) {
            true => (StatusCode::UNAUTHORIZED, FORM).into_response(),
            false => Problem::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "give the token: `Authorization: Bearer ..`, or open the dashboard with `?token=..` once",
            )
            .into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if headers
            .get(header::CONTENT_TYPE)
            .is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
        {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/html; charset=utf-8"),
            );
            let policy = HeaderValue::from_static(
                "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            );
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

const FORM: &str = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
<title>Activity</title><h1>Activity</h1><form method=get action=\"./\"><label>Token <input name=token type=password autofocus \
required autocomplete=current-password></label> <button>Show</button></form><p>It was printed where the server was started.";

/// True for the addresses of pages, which stand beside each other: elsewhere a token in the address is none.
fn is_page(parts: &Parts) -> bool {
    let mut page = parts.uri.path().trim_start_matches('/').bytes();
    page.all(|byte| byte.is_ascii_lowercase()) && parts.method == http::Method::GET
}

fn pairs(parts: &Parts) -> impl Iterator<Item = &str> {
    let query = parts.uri.query().unwrap_or_default();
    query.split('&').filter(|pair| !pair.is_empty())
}

fn is_token(pair: &str) -> bool {
    pair.split_once('=').is_some_and(|(name, _)| name == QUERY)
}

fn in_query(parts: &Parts) -> Option<String> {
    let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).ok()?;
    let mut pairs = query.0.into_iter();
    pairs.find_map(|(name, value)| (name == QUERY).then_some(value))
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

/// Whether two texts are the same, found out in a time that does not tell where they differ.
fn same(a: &str, b: &str) -> bool {
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
    fn texts_are_the_same_or_not() {
        let check = |a: &str, b: &str, expected| assert_eq!(same(a, b), expected, "{a} {b}");
        check("", "", true);
        check("abc", "abc", true);
        check("abc", "abd", false);
        check("abc", "ab", false);
        check("", "a", false);
    }

    #[test]
    fn what_is_no_hex_is_no_token() {
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
