//! Which requests are MCP, and how their bodies are read.

use http::{HeaderMap, Method, StatusCode, Uri, header};

use crate::{
    layer::http::{self as layer, RequestHead},
    mcp::wire::{PayloadLimits, Reader},
    record::Outcome,
    redact::REDACTED,
};

/// The header with the version of the protocol.
pub(super) const PROTOCOL_VERSION: &str = "mcp-protocol-version";
/// The shortest segment of a path that is redacted: keys are longer, names mostly shorter.
const LONG_SEGMENT: usize = 20;
/// The longest session id that is remembered, in bytes.
const LONGEST_KEY: usize = 512;

/// A request of a transport of MCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// Messages of the client.
    Post,
    /// A stream of messages of the server.
    Get,
    /// The end of a session.
    Delete,
}

/// What identifies a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// The header `Mcp-Session-Id`.
    Id(String),
    /// The query of the URL for messages, or the last part of its path, in the transport of 2024-11-05.
    Endpoint(String),
}

impl RequestKind {
    /// `None` if the request is not of MCP.
    pub(super) fn new(head: &RequestHead<'_>) -> Option<Self> {
        let accepts_events = || {
            let mut accepted = head.headers.get_all(header::ACCEPT).iter();
            accepted.any(|value| contains(value.as_bytes(), b"text/event-stream"))
        };
        let has_session = || head.headers.contains_key(&layer::SESSION);
        let is_mcp = || has_session() || head.headers.contains_key(PROTOCOL_VERSION);
        match *head.method {
            Method::POST if is_json(head.headers) || is_mcp() || accepts_events() => {
                Some(RequestKind::Post)
            }
            Method::GET if accepts_events() => Some(RequestKind::Get),
            Method::DELETE if has_session() => Some(RequestKind::Delete),
            _ => None,
        }
    }
}

impl Key {
    /// The session that a header names.
    pub(super) fn of_header(headers: &HeaderMap) -> Option<Self> {
        let id = headers.get(&layer::SESSION)?.to_str().ok()?;
        (id.len() <= LONGEST_KEY).then(|| Key::Id(id.to_owned()))
    }

    /// The session of a request to the URL for messages.
    pub(super) fn of_uri(uri: &Uri) -> Option<Self> {
        Key::endpoint(uri.path(), uri.query())
    }

    /// The session whose URL for messages this is. Servers may be nested below another path than they know.
    pub(super) fn of_endpoint(url: &str) -> Option<Self> {
        match url.trim().split_once('?') {
            Some((path, query)) => Key::endpoint(path, Some(query)),
            None => Key::endpoint(url.trim(), None),
        }
    }

    /// The id in it, if servers name it so. Other parts may be secrets, or the same in each session.
    pub(super) fn session_id(&self) -> Option<String> {
        let Key::Endpoint(query) = self else {
            return None;
        };
        let mut parameters = query.split('&').filter_map(|one| one.split_once('='));
        let is_named =
            |name: &str| ["sessionid", "session_id"].contains(&&*name.to_ascii_lowercase());
        let (_, id) = parameters.find(|(name, id)| is_named(name) && !id.is_empty())?;
        Some(id.to_owned())
    }

    fn endpoint(path: &str, query: Option<&str>) -> Option<Self> {
        let last = path.trim_end_matches('/').rsplit('/').next();
        let key = query.filter(|query| !query.is_empty()).or(last)?;
        (key.len() <= LONGEST_KEY).then(|| Key::Endpoint(key.to_owned()))
    }
}

/// Redacts the long segments of a path, which may be the key of a user or the id of a session.
pub(super) fn redacted_path(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| match segment.len() >= LONG_SEGMENT {
            true => REDACTED,
            false => segment,
        });
    segments.collect::<Vec<_>>().join("/")
}

/// The reader of a body; `None` if it is encoded, or neither JSON nor events.
pub(super) fn reader(headers: &HeaderMap, limits: PayloadLimits) -> Option<Reader> {
    if encoding(headers).is_some() {
        return None;
    }
    match () {
        () if is_json(headers) => Some(Reader::document(limits)),
        () if layer::is_event_stream(headers) => Some(Reader::events(limits)),
        () => None,
    }
}

/// The encoding of a body that would be read without it.
pub(super) fn unreadable(headers: &HeaderMap) -> Option<String> {
    let encoding = encoding(headers)?;
    let would_be_read = is_json(headers) || layer::is_event_stream(headers);
    would_be_read.then(|| String::from_utf8_lossy(encoding).into_owned())
}

/// The outcome of a request that a server has refused with this status; `None` if it has not.
pub(super) fn refusal(kind: RequestKind, status: StatusCode) -> Option<Outcome> {
    match status {
        // As the protocol has it, of a server without such a stream or without sessions.
        StatusCode::METHOD_NOT_ALLOWED if kind != RequestKind::Post => None,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some(Outcome::failed("denied")),
        _ if status.is_client_error() || status.is_server_error() => Some(layer::failed(status)),
        _ => None,
    }
}

fn encoding(headers: &HeaderMap) -> Option<&[u8]> {
    let all = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut all = all.map(|value| value.as_bytes());
    all.find(|value| !value.eq_ignore_ascii_case(b"identity"))
}

fn is_json(headers: &HeaderMap) -> bool {
    const MEDIA: &[u8] = b"application/json";
    let media = headers.get(header::CONTENT_TYPE);
    let media = media.and_then(|media| media.as_bytes().get(..MEDIA.len()));
    media.is_some_and(|media| media.eq_ignore_ascii_case(MEDIA))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len())
        .any(|window| window.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_for_messages_identifies_its_session() {
        let check = |endpoint: &str, request: &str, same: bool| {
            let request = request.parse().unwrap();
            let is_same = Key::of_endpoint(endpoint) == Key::of_uri(&request);
            assert_eq!(is_same, same, "{endpoint} {request}");
        };
        check("/messages/?session_id=7", "/messages/?session_id=7", true);
        check("/messages/?session_id=7", "/?session_id=7", true);
        check(
            "http://a/messages?session_id=7",
            "/messages?session_id=7",
            true,
        );
        check("/messages/?session_id=7", "/messages/?session_id=8", false);
        check("/messages/7", "/messages/7", true);
        check("/messages/7", "/messages/8", false);
    }

    #[test]
    fn the_session_id_of_a_url_for_messages_is_named() {
        let check = |endpoint: &str, expected: Option<&str>| {
            let id = Key::of_endpoint(endpoint).unwrap().session_id();
            assert_eq!(id.as_deref(), expected, "{endpoint}");
        };
        check("/messages/?session_id=7", Some("7"));
        check("/message?key=hunter2&sessionId=7", Some("7"));
        check("/message?key=hunter2", None);
        check("/message?sessionid=", None);
        check("/messages/7", None);
    }

    #[test]
    fn a_status_says_whether_a_request_was_refused() {
        let check = |kind, status: u16, expected: Option<&str>| {
            let refusal = refusal(kind, StatusCode::from_u16(status).unwrap());
            let error_type = refusal.map(|refusal| refusal.error_type().unwrap().to_owned());
            assert_eq!(error_type.as_deref(), expected, "{status}");
        };
        check(RequestKind::Post, 200, None);
        check(RequestKind::Post, 202, None);
        check(RequestKind::Post, 307, None);
        check(RequestKind::Post, 401, Some("denied"));
        check(RequestKind::Post, 404, Some("404"));
        check(RequestKind::Post, 405, Some("405"));
        check(RequestKind::Get, 405, None);
        check(RequestKind::Delete, 405, None);
        check(RequestKind::Get, 406, Some("406"));
        check(RequestKind::Post, 502, Some("502"));
        check(RequestKind::Post, 504, Some("timeout"));
    }
}
