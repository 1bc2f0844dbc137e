//! A receiver: an HTTP server that does as it is told, and keeps what it took.

use std::{
    collections::VecDeque,
    fs::File,
    future::pending,
    io::Write,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{
        HeaderMap, HeaderName, StatusCode, Uri,
        header::{LOCATION, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};

/// What a message is verified by.
const SIGNED: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

/// What a receiver does with a message.
#[derive(Debug, Clone)]
pub enum Does {
    /// Takes it.
    Take,
    /// Answers with this status.
    Answer(u16),
    /// Does not take it now, and says when to come back.
    Later(&'static str),
    /// Never answers.
    Hang,
    /// Sends the sender somewhere else.
    Redirect(String),
}

/// A message as it came in.
#[derive(Debug, Clone)]
pub struct Message {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// True when it was answered that it is taken.
    pub taken: bool,
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
        format!("{}\n", json!([headers, body, self.taken]))
    }

    /// Reads what was written down.
    pub fn of(line: &str) -> Self {
        let (headers, body, taken): ([String; 3], String, bool) =
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
            taken,
        }
    }
}

/// What the receiver's life outlasts.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What it does next, one after the other; then it takes everything.
    pub next: Arc<Mutex<VecDeque<Does>>>,
    /// What it never takes: messages with one of these in them.
    pub poison: Arc<Mutex<Vec<String>>>,
    pub seen: Arc<Mutex<Vec<Message>>>,
    /// Where messages are written down, a line each, before they are answered.
    pub journal: Option<Arc<Mutex<File>>>,
}

impl Plan {
    pub fn then(&self, does: impl IntoIterator<Item = Does>) {
        self.next.lock().unwrap().extend(does);
    }

    pub fn seen(&self) -> Vec<Message> {
        self.seen.lock().unwrap().clone()
    }

    pub fn taken(&self) -> Vec<Message> {
        let mut seen = self.seen();
        seen.retain(|message| message.taken);
        seen
    }
}

/// A receiver that lives until it is dropped.
pub struct Receiver {
    runtime: Option<Runtime>,
    pub address: SocketAddr,
}

impl Receiver {
    /// Starts one anywhere, or where an earlier one was.
    pub fn start(plan: &Plan, at: Option<SocketAddr>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let at = at.unwrap_or_else(anywhere);
        let listener = soon(|| runtime.block_on(TcpListener::bind(at)).ok());
        let address = listener.local_addr().unwrap();
        let app = Router::new()
            .route("/{*path}", post(receive))
            .with_state(plan.clone());
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
    /// As when it is killed: whoever is connected loses the connection.
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

/// Any port of an address that no other process of these tests has: whoever comes back there finds it free.
pub fn anywhere() -> SocketAddr {
    let [.., a, b] = std::process::id().to_be_bytes();
    let own = match cfg!(target_os = "linux") {
        true => [127, 83, a, b],
        false => [127, 0, 0, 1],
    };
    (own, 0).into()
}

async fn receive(State(plan): State<Plan>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let text = String::from_utf8_lossy(&body).into_owned();
    let poisoned = plan
        .poison
        .lock()
        .unwrap()
        .iter()
        .any(|poison| text.contains(poison));
    let does = match poisoned {
        true => Does::Answer(422),
        false => (plan.next.lock().unwrap().pop_front()).unwrap_or(Does::Take),
    };
    let message = Message {
        path: uri.path().to_owned(),
        headers,
        body,
        taken: matches!(does, Does::Take),
    };
    if let Some(journal) = &plan.journal {
        journal
            .lock()
            .unwrap()
            .write_all(message.line().as_bytes())
            .unwrap();
    }
    plan.seen.lock().unwrap().push(message);
    match does {
        Does::Take => StatusCode::NO_CONTENT.into_response(),
        Does::Answer(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Does::Later(when) => (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, when)]).into_response(),
        Does::Hang => pending().await,
        Does::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, to)]).into_response(),
    }
}

/// Asks until there is an answer, for up to a minute.
pub fn soon<T>(mut answer: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not in time");
        std::thread::yield_now();
    }
}
