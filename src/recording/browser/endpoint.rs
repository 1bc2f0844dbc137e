//! The DevTools endpoint of a browser.

use std::fmt;

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::error::{Error, ErrorKind, Result};

/// Maximum size of the response of `/json/version`, in bytes.
const MAX_RESPONSE: u64 = 64 << 10;

/// The address of a browser's DevTools.
///
/// `Display` and `Debug` show only scheme, host and port: the path is enough to control the browser, and a query or user
/// often contains a token.
#[derive(Clone)]
pub(super) struct Endpoint(String);

impl Endpoint {
    pub(super) fn new(address: String) -> Self {
        Endpoint(address)
    }

    /// Returns the WebSocket address of the browser, fetching it from `http://host:port/json/version` if necessary.
    pub(super) async fn websocket(&self) -> Result<Endpoint> {
        if self.0.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                "no DevTools address: the driver's browser is not based on Chromium",
            ));
        }
        let (scheme, host) = self.parts();
        let is = |known: &str| scheme.eq_ignore_ascii_case(known);
        if !(is("ws") || is("http")) || !host.contains(':') {
            return Err(Error::invalid(format!(
                "cannot record the browser at {self}: give the ws:// address of its DevTools, or http://host:port"
            )));
        }
        if is("ws") {
            return Ok(self.clone());
        }
        let body = get(host, "/json/version")
            .await
            .map_err(|cause| self.not_found().with_source(cause))?;
        let version: Value =
            serde_json::from_slice(&body).map_err(|cause| self.not_found().with_source(cause))?;
        let url = version["webSocketDebuggerUrl"].as_str();
        url.map(|url| Endpoint(url.to_owned()))
            .ok_or_else(|| self.not_found())
    }

    /// Returns the full URL to connect to.
    pub(super) fn url(&self) -> &str {
        &self.0
    }

    /// Returns `host:port`.
    pub(super) fn host(&self) -> &str {
        self.parts().1
    }

    /// Returns the error of an address at which no browser responds.
    pub(super) fn not_found(&self) -> Error {
        Error::new(ErrorKind::NotFound, format!("no browser at {self}"))
    }

    /// Returns the scheme (`http` by default), and the host with its port.
    fn parts(&self) -> (&str, &str) {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("http", &self.0));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let host = authority.rsplit('@').next().unwrap_or(authority);
        (scheme, host)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host) = self.parts();
        write!(f, "{scheme}://{host}")
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Fetches the body of a response. Browsers respond in HTTP/1.1, and keep the connection open.
async fn get(host: &str, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = BufReader::new(TcpStream::connect(host).await?);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut stream = stream.take(MAX_RESPONSE);
    let (mut line, mut length) = (String::new(), 0);
    while stream.read_line(&mut line).await? > 2 {
        let header = line.split_once(':');
        if let Some((name, value)) = header
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or_default();
        }
        line.clear();
    }
    let mut body = Vec::new();
    stream.take(length).read_to_end(&mut body).await?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        let check = |address: &str, shown: &str| {
            let endpoint = Endpoint::new(address.to_owned());
            assert_eq!(endpoint.to_string(), shown);
            assert_eq!(format!("{endpoint:?}"), shown);
        };
        check("127.0.0.1:9222", "http://127.0.0.1:9222");
        check("ws://host:1/devtools/browser/0a1b?token=t", "ws://host:1");
        check("http://host:1?token=a/b", "http://host:1");
        check("HTTP://ann:pw@[::1]:1#x", "HTTP://[::1]:1");
        check("wss://host?token=t", "wss://host");
    }

    #[tokio::test]
    async fn an_invalid_address_is_rejected_and_not_repeated_in_the_error() {
        for address in [
            "chrome",
            "wss://host:1/?token=t",
            "file:///t",
            "http://host?t=:1",
        ] {
            let endpoint = Endpoint::new(address.to_owned());
            let error = endpoint.websocket().await.unwrap_err();
            assert!(error.is_invalid(), "{error}");
            assert!(!error.to_string().contains("token"), "{error}");
        }
        let url = "WS://host:1/devtools?token=t";
        let websocket = Endpoint::new(url.to_owned()).websocket().await.unwrap();
        assert_eq!((websocket.url(), websocket.host()), (url, "host:1"));
    }
}
