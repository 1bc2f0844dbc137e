//! What is known of a request before its body.

use http::{Extensions, HeaderMap, HeaderName, Method, Request, Uri, Version, header};

/// The head of a request: what rules see of it, whatever the type of its body.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target, as the client sent it.
    pub uri: &'a Uri,
    /// The version of the protocol.
    pub version: Version,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// What the layers outside of this one left for those inside.
    pub extensions: &'a Extensions,
    pub(super) is_grpc: bool,
}

impl<'a> RequestHead<'a> {
    pub(super) fn of<B>(request: &'a Request<B>) -> Self {
        RequestHead {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
            is_grpc: is_grpc(request.headers()),
        }
    }

    /// The route that matched, as the router spells it: `/users/{id}`. Known under axum's `Router::layer`, with the
    /// feature `axum`.
    pub fn route(&self) -> Option<&'a str> {
        #[cfg(feature = "axum")]
        return self
            .extensions
            .get::<axum::extract::MatchedPath>()
            .map(axum::extract::MatchedPath::as_str);
        #[cfg(not(feature = "axum"))]
        None
    }

    /// True when its connection may be used for something else afterwards.
    pub(super) fn asks_to_leave_http(&self) -> bool {
        self.method == Method::CONNECT || self.headers.contains_key(header::UPGRADE)
    }

    /// A header, where it is there and readable.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The same for a name that has been read already.
    pub(super) fn known(&self, name: &HeaderName) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// True for `application/grpc`, plain or with an encoding. gRPC-Web is none: its status is inside of the body.
fn is_grpc(headers: &HeaderMap) -> bool {
    let media = headers.get(header::CONTENT_TYPE);
    let rest = media.and_then(|media| media.as_bytes().strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}
