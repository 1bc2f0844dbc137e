//! From what a driver knows of a browser to the address of its DevTools.

use std::fmt;

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::error::{Error, ErrorKind, Result};

/// The longest answer to the question for the address.
const LONGEST_ANSWER: u64 = 64 << 10;

/// The address of a browser's DevTools. It is shown without what stands behind the host, nor before: whoever knows the path
/// can drive the browser, and what stands in a query is often a token.
#[derive(Clone)]
pub(super) struct Endpoint(String);

impl Endpoint {
    pub(super) fn at(address: String) -> Self {
        Endpoint(address)
    }

    /// The websocket of the browser, which is asked for it where only its host is known.
    pub(super) async fn websocket(&self) -> Result<Endpoint> {
        if self.0.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                "there is no browser: its driver knows no DevTools, which only browsers like Chromium have",
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
            .map_err(|cause| self.gone().with_source(cause))?;
        let version: Value =
            serde_json::from_slice(&body).map_err(|cause| self.gone().with_source(cause))?;
        let url = version["webSocketDebuggerUrl"].as_str();
        url.map(|url| Endpoint(url.to_owned()))
            .ok_or_else(|| self.gone())
    }

    /// The whole of it, to connect to.
    pub(super) fn url(&self) -> &str {
        &self.0
    }

    /// `host:port`.
    pub(super) fn host(&self) -> &str {
        self.parts().1
    }

    /// The error of a place where nobody answers.
    pub(super) fn gone(&self) -> Error {
        Error::new(
            ErrorKind::NotFound,
            format!("there is no browser at {self}"),
        )
    }

    /// The scheme, `http` where there is none, and the host with its port.
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

/// The body that a server answers with. Browsers answer in HTTP/1.1 only, and leave the connection open.
async fn get(host: &str, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = BufReader::new(TcpStream::connect(host).await?);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut stream = stream.take(LONGEST_ANSWER);
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
    fn an_address_is_shown_without_what_may_be_secret() {
        let check = |address: &str, shown: &str| {
            let endpoint = Endpoint::at(address.to_owned());
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
    async fn an_address_that_is_none_is_refused_and_not_repeated() {
        for address in [
            "chrome",
            "wss://host:1/?token=t",
            "file:///t",
            "http://host?t=:1",
        ] {
            let endpoint = Endpoint::at(address.to_owned());
            let error = endpoint.websocket().await.unwrap_err();
            assert!(error.is_invalid(), "{error}");
            assert!(!error.to_string().contains("token"), "{error}");
        }
        let url = "WS://host:1/devtools?token=t";
        let websocket = Endpoint::at(url.to_owned()).websocket().await.unwrap();
        assert_eq!((websocket.url(), websocket.host()), (url, "host:1"));
    }
}
