//! The server that requests are passed on to.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use hyper::{
    Uri,
    http::uri::{Authority, PathAndQuery, Scheme},
};

use crate::failure::Failure;

/// A server: its scheme and authority, and the path that its clients use.
#[derive(Debug, Clone)]
pub(in crate::proxy) struct Target {
    scheme: Scheme,
    authority: Authority,
    path: String,
}

impl Target {
    /// Parses `http://host:port/path` or `https://…`.
    pub(in crate::proxy) fn parse(url: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::Usage(format!("--to: {url:?} {why}"));
        let form = "is not the URL of a server: write http://HOST:PORT/PATH or https://…";
        let uri: Uri = url.parse().map_err(|_| wrong(form))?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(wrong(form));
        };
        if ![Scheme::HTTP, Scheme::HTTPS].contains(&scheme) {
            return Err(wrong(form));
        }
        if authority.as_str().contains('@') {
            return Err(Failure::Usage(String::from(
                "--to: the URL has a password: let the client send it, as a header",
            )));
        }
        let path = parts.path_and_query;
        if path.as_ref().is_some_and(|path| path.query().is_some()) {
            return Err(Failure::Usage(String::from(
                "--to: the URL has a query: leave it out, and add it to the URL that the client uses",
            )));
        }
        Ok(Target {
            scheme,
            authority,
            path: path.map_or_else(|| String::from("/"), |path| path.path().to_owned()),
        })
    }

    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    pub(super) fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// True if the proxy that listens at this address is the server itself: each request would be passed on for ever.
    pub(super) fn is_at(&self, own: SocketAddr) -> bool {
        let host = self.authority.host().trim_matches(['[', ']']);
        let is_local = match host.parse::<IpAddr>() {
            Ok(ip) => ip == own.ip() || ip.is_loopback() || ip.is_unspecified(),
            Err(_) => host.eq_ignore_ascii_case("localhost"),
        };
        let default = if self.is_https() { 443 } else { 80 };
        is_local && self.authority.port_u16().unwrap_or(default) == own.port()
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the URL of a request there. The path stays, so that the server's own links are valid.
    pub(super) fn uri(&self, request: &Uri) -> Option<Uri> {
        let path = request.path_and_query().cloned();
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
            .build()
            .ok()
    }

    /// Returns where a redirection of the server to itself leads at the proxy. `None` for others: they stay as they are.
    pub(super) fn redirection<'a>(&self, location: &'a str) -> Option<&'a str> {
        let origin = format!("{}://{}", self.scheme, self.authority);
        let path = location.strip_prefix(&origin)?;
        // Two slashes would begin another host.
        (path.starts_with('/') && !path.starts_with("//")).then_some(path)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_server() {
        let check = |url: &str, expected: Option<&str>| {
            let target = Target::parse(url).ok().map(|target| target.to_string());
            assert_eq!(target.as_deref(), expected, "{url}");
        };
        check(
            "http://127.0.0.1:3001/mcp",
            Some("http://127.0.0.1:3001/mcp"),
        );
        check("https://example.com", Some("https://example.com/"));
        check("https://[::1]:443/a/b", Some("https://[::1]:443/a/b"));
        for other in [
            "",
            "/mcp",
            "127.0.0.1:3001",
            "ftp://a/",
            "https://a/?key=1",
            "http://a:b@c/",
            "http://",
        ] {
            check(other, None);
        }
    }

    #[test]
    fn a_redirection_to_the_server_itself_stays_at_the_proxy() {
        let target = Target::parse("http://127.0.0.1:3001/mcp").unwrap();
        let check = |location, expected| {
            assert_eq!(target.redirection(location), expected, "{location}");
        };
        check("http://127.0.0.1:3001/mcp/?a=b#c", Some("/mcp/?a=b#c"));
        check("http://127.0.0.1:30012/mcp", None);
        check("http://127.0.0.1:3001//example.com/", None);
        check("https://127.0.0.1:3001/mcp", None);
        check("http://127.0.0.1:3001@example.com/", None);
        check("/mcp/", None);
    }

    #[test]
    fn the_path_of_a_request_stays() {
        let target = Target::parse("https://example.com/mcp").unwrap();
        let check = |request: &str, expected: &str| {
            let uri = target.uri(&request.parse().unwrap()).unwrap();
            assert_eq!(uri.to_string(), expected, "{request}");
        };
        check("/mcp?a=b%20c", "https://example.com/mcp?a=b%20c");
        check(
            "/messages/?session_id=1",
            "https://example.com/messages/?session_id=1",
        );
        check("http://127.0.0.1:1/x", "https://example.com/x");
    }
}
