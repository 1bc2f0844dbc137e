//! The head of a request.

use http::{Extensions, HeaderMap, HeaderName, Method, Request, Uri, Version, header};

/// The head of a request, for rules that do not depend on the type of its body.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The request target, as sent by the client.
    pub uri: &'a Uri,
    /// The HTTP version.
    pub version: Version,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The extensions, with the values that outer layers have inserted.
    pub extensions: &'a Extensions,
    pub(super) is_grpc: bool,
}

impl<'a> RequestHead<'a> {
    pub(crate) fn new<B>(request: &'a Request<B>) -> Self {
        RequestHead {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
            is_grpc: is_grpc(request.headers()),
        }
    }

    /// Returns the matched route, as axum's router spells it: `/users/{id}`; inside a nested service, and of a nested
    /// router's fallback, the path at which it is nested. Needs the feature `axum`;
    /// [`layer::http`](crate::layer::http#names) lists where axum knows it.
    pub fn route(&self) -> Option<&'a str> {
        #[cfg(feature = "axum")]
        {
            use axum::extract::{MatchedPath, NestedPath};
            let matched = self.extensions.get().map(MatchedPath::as_str);
            matched.or_else(|| self.extensions.get().map(NestedPath::as_str))
        }
        #[cfg(not(feature = "axum"))]
        None
    }

    /// True if it asks for an upgrade of its connection.
    pub(super) fn wants_upgrade(&self) -> bool {
        self.method == Method::CONNECT || self.headers.contains_key(header::UPGRADE)
    }

    /// Returns the value of a header, if it is present and text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// As [`header`](Self::header), for a parsed name.
    pub(crate) fn known(&self, name: &HeaderName) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// True for `application/grpc`, plain or with an encoding; not for gRPC-Web, whose status is inside the body.
fn is_grpc(headers: &HeaderMap) -> bool {
    let media = headers.get(header::CONTENT_TYPE);
    let rest = media.and_then(|media| media.as_bytes().strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}
