//! A web server on this machine, for servers that fetch pages.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use crate::run::Result;

const PAGE: &str = "<html><head><title>Tea</title></head><body><article><h1>Tea</h1><p>It is made of leaves, with \
     boiling water, and drunk all over the world.</p></article></body></html>";

/// A web server with one page, `/page`. It runs until the process ends.
pub(super) struct Site(String);

impl Site {
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // The client may have left.
                let _ = answer(&stream);
            }
        });
        Ok(Site(url))
    }

    pub(super) fn url(&self) -> &str {
        &self.0
    }
}

/// Answers one request.
fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let (status, body) = match first.starts_with("GET /page ") {
        true => ("200 OK", PAGE),
        false => ("404 Not Found", "nothing here"),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}
