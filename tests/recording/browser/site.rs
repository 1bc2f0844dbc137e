//! A local site. Every page it serves has a number, shown in its text, and a strict content security policy.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const POLICY: &str =
    "default-src 'none'; script-src 'self'; style-src 'self'; form-action *; frame-src *";

const SCRIPT: &str = "
function mark(text) {
  const p = document.createElement('p');
  p.textContent = text;
  document.body.append(p);
}
addEventListener('pageshow', event => event.persisted && mark('restored;'));
window.heard = [];
addEventListener('message', event => {
  heard.push(event.data);
  if (parent !== window) {
    mark(event.data);
    parent.postMessage('marked', '*');
  }
});
function burst(n) {
  for (let i = 0; i < n; i++) mark('burst-' + i + ';');
}
";

/// The value of a hidden input on every page.
pub(crate) const HIDDEN: &str = "csrf-2b6f0e91d4";

pub(crate) struct Site {
    port: u16,
    served: Arc<AtomicU64>,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = Arc::new(AtomicU64::new(0));
        let counter = served.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, counter.clone()));
            }
        });
        Site { port, served }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The same site under another host name, which makes it cross-site.
    pub(crate) fn elsewhere(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// Number of pages served.
    pub(crate) fn served(&self) -> u64 {
        self.served.load(SeqCst)
    }
}

async fn answer(mut stream: TcpStream, served: Arc<AtomicU64>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(count @ 1..) => request.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    let path = head.split(' ').nth(1).unwrap_or("/");
    let (kind, body) = match path.split('?').next().unwrap_or("/") {
        "/favicon.ico" => ("image/x-icon", String::new()),
        "/site.js" => ("text/javascript", SCRIPT.to_owned()),
        _ => ("text/html", page(path, served.fetch_add(1, SeqCst))),
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Content-Security-Policy: {POLICY}\r\nConnection: close\r\n\r\n{body}"
    );
    // Ignored: a page that was left does not read the response.
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn page(path: &str, number: u64) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let frame = |url: &str| format!("<iframe src='{url}'></iframe>");
    let frame = match path {
        "/framed" => frame("/inner"),
        // Links to any other pages.
        "/framing" => query.split(';').map(frame).collect(),
        _ => String::new(),
    };
    format!(
        "<!doctype html><html><head><title>{path}</title><script src='/site.js'></script></head>\
         <body><h1>page-{number};</h1>{frame}\
         <form id='post' method='post' action='/posted'><input name='q'><input type='password' name='password'></form>\
         <form id='get' method='get' action='/found'><input name='access_token'><input name='note'></form>\
         <input type='hidden' id='served' value='{HIDDEN}'><input type='hidden' id='set'>\
         <div contenteditable id='draft'></div>\
         </body></html>"
    )
}
