//! From what a driver knows of a browser to the address of its DevTools.

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::error::{Error, ErrorKind, Result};

/// The longest answer to the question for the address.
const LONGEST_ANSWER: u64 = 64 << 10;

/// The websocket of a browser that was named by it, or by the address of its DevTools.
pub(super) async fn websocket(address: &str) -> Result<String> {
    if address.starts_with("ws://") {
        return Ok(address.to_owned());
    }
    if address.is_empty() {
        return Err(Error::new(
            ErrorKind::NotFound,
            "there is no browser: its driver knows no DevTools, which only browsers like Chromium have",
        ));
    }
    let host = address.strip_prefix("http://").unwrap_or(address);
    let host = host.split('/').next().unwrap_or(host);
    if host.contains("://") || !host.contains(':') {
        return Err(Error::invalid(format!(
            "cannot record the browser at {address:?}: give the ws:// address of its DevTools, or http://host:port"
        )));
    }
    let gone = || {
        let what = format!("there is no browser at {address}");
        Error::new(ErrorKind::NotFound, what)
    };
    let body = get(host, "/json/version")
        .await
        .map_err(|cause| gone().with_source(cause))?;
    let version: Value =
        serde_json::from_slice(&body).map_err(|cause| gone().with_source(cause))?;
    let url = version["webSocketDebuggerUrl"].as_str();
    url.map(str::to_owned).ok_or_else(gone)
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
