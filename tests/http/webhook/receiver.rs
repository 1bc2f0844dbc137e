//! A receiver: an HTTP server with scripted replies.

use std::{
    collections::VecDeque,
    fs::File,
    future::pending,
    io::Write,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{ConnectInfo, State},
    http::{
        HeaderMap, HeaderName, StatusCode, Uri,
        header::{LOCATION, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};

pub use crate::support::poll_until;

/// The signed headers.
const SIGNED: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

/// The reply to a message.
#[derive(Debug, Clone)]
pub enum Reply {
    /// 204.
    Accept,
    /// Another status.
    Status(u16),
    /// 429 with `Retry-After`.
    RetryAfter(&'static str),
    /// No reply.
    Hang,
    /// 307 to a URL.
    Redirect(String),
}

/// A received message.
#[derive(Debug, Clone)]
pub struct Message {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The address of the sender: each connection has its own.
    pub peer: Option<SocketAddr>,
    /// Whether it was accepted.
    pub accepted: bool,
}

impl Message {
    pub fn id(&self) -> &str {
        self.headers["webhook-id"].to_str().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn line(&self) -> String {
        let headers = SIGNED.map(|name| self.headers[name].to_str().unwrap());
        let body = std::str::from_utf8(&self.body).unwrap();
        format!("{}\n", json!([headers, body, self.accepted]))
    }

    /// Parses a line of the journal.
    pub fn parse(line: &str) -> Self {
        let (headers, body, accepted): ([String; 3], String, bool) =
            serde_json::from_str(line).unwrap();
        let headers = headers.iter().map(|value| value.parse().unwrap());
        Message {
            path: String::new(),
            headers: SIGNED
                .map(HeaderName::from_static)
                .into_iter()
                .zip(headers)
                .collect(),
            body: body.into(),
            peer: None,
            accepted,
        }
    }
}

/// The script of a receiver, and what it received. It outlives the receiver.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// The next replies; afterwards it accepts everything.
    pub next: Arc<Mutex<VecDeque<Reply>>>,
    /// Messages that contain one of these texts are rejected.
    pub poison: Arc<Mutex<Vec<String>>>,
    pub seen: Arc<Mutex<Vec<Message>>>,
    /// Messages are appended here, one per line, before the reply.
    pub journal: Option<Arc<Mutex<File>>>,
}

impl Script {
    pub fn then(&self, reply: impl IntoIterator<Item = Reply>) {
        self.next.lock().unwrap().extend(reply);
    }

    pub fn seen(&self) -> Vec<Message> {
        self.seen.lock().unwrap().clone()
    }

    pub fn accepted(&self) -> Vec<Message> {
        let mut seen = self.seen();
        seen.retain(|message| message.accepted);
        seen
    }
}

/// A receiver that lives until it is dropped.
pub struct Receiver {
    runtime: Option<Runtime>,
    pub address: SocketAddr,
}

impl Receiver {
    /// Starts a receiver at an unused address, or at that of an earlier one.
    pub fn start(script: &Script, at: Option<SocketAddr>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let at = at.unwrap_or_else(unused_address);
        let listener = poll_until(|| runtime.block_on(TcpListener::bind(at)).ok());
        let address = listener.local_addr().unwrap();
        let app = Router::new()
            .route("/{*path}", post(receive))
            .with_state(script.clone());
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        runtime.spawn(async move { axum::serve(listener, app).await });
        Receiver {
            runtime: Some(runtime),
            address,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }
}

impl Drop for Receiver {
    /// Drops all connections, as if it were killed.
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

/// A free port on an address that no other test process uses, so that a receiver can restart there.
pub fn unused_address() -> SocketAddr {
    let [.., a, b] = std::process::id().to_be_bytes();
    let own = match cfg!(target_os = "linux") {
        true => [127, 83, a, b],
        false => [127, 0, 0, 1],
    };
    (own, 0).into()
}

async fn receive(
    State(script): State<Script>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = String::from_utf8_lossy(&body).into_owned();
    let poisoned = script
        .poison
        .lock()
        .unwrap()
        .iter()
        .any(|poison| text.contains(poison));
    let reply = match poisoned {
        true => Reply::Status(422),
        false => (script.next.lock().unwrap().pop_front()).unwrap_or(Reply::Accept),
    };
    let message = Message {
        path: uri.path().to_owned(),
        headers,
        body,
        peer: Some(peer),
        accepted: matches!(reply, Reply::Accept),
    };
    if let Some(journal) = &script.journal {
        journal
            .lock()
            .unwrap()
            .write_all(message.line().as_bytes())
            .unwrap();
    }
    script.seen.lock().unwrap().push(message);
    match reply {
        Reply::Accept => StatusCode::NO_CONTENT.into_response(),
        Reply::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Reply::RetryAfter(when) => {
            (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, when)]).into_response()
        }
        Reply::Hang => pending().await,
        Reply::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, to)]).into_response(),
    }
}
