//! Clients of tool servers that leave while a call runs.

// Of an older protocol version, and still served.
#![allow(deprecated)]

use std::{
    convert::Infallible,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{StatusCode, header::CONTENT_TYPE},
    routing::{get, post},
};
use bytes::Bytes;
use http_body::Frame;
use rmcp::{
    RoleServer, ServerHandler, ServiceExt,
    service::RequestContext,
    tool, tool_handler, tool_router,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService,
        session::local::{LocalSessionManager, SessionConfig},
    },
};
use tokio::{
    io::{duplex, split},
    sync::{Semaphore, mpsc},
};
use tower_activity::{
    ActivityLayer, ActivityLog, Status,
    mcp::{ClientRequestExt, WithActivityExt},
    query::ActivityReader,
    record::Filter,
};

use crate::{
    outcomes::{
        Case, Ran, Running, arrived, check,
        lines::{Client, Http, call},
        mcp_http::{begin, serve},
        measured,
    },
    support::after_commit,
};

/// When a client leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaves {
    /// It deletes its session while the tool works.
    DeletesSession,
    /// It disconnects while the tool waits for its answer.
    WhileAsked,
}

const LEAVES: [(Leaves, &str); 2] = [
    (Leaves::DeletesSession, "deletes its session"),
    (Leaves::WhileAsked, "disconnects while it is asked"),
];

type Kind = (&'static str, fn(Leaves, &Path) -> Running<'_>);

const KINDS: [Kind; 5] = [
    ("rmcp, in memory", |leaves, store| {
        Box::pin(in_memory(leaves, store))
    }),
    ("rmcp, HTTP with sessions", |leaves, store| {
        Box::pin(stateful(leaves, store))
    }),
    ("rmcp, HTTP without", |leaves, store| {
        Box::pin(stateless(leaves, store))
    }),
    ("`http_tap`, HTTP with sessions", |leaves, store| {
        Box::pin(tapped(leaves, store))
    }),
    ("`http_tap`, HTTP+SSE", |leaves, store| {
        Box::pin(tapped_sse(leaves, store))
    }),
];

const NO_SESSION: &str = "there is no session to delete";

#[derive(Debug, Clone)]
struct Server {
    /// Lets the tool go on.
    go_on: Arc<Semaphore>,
}

impl Server {
    fn new() -> Self {
        Server {
            go_on: Arc::new(Semaphore::new(0)),
        }
    }
}

#[tool_router]
impl Server {
    #[tool]
    async fn works(&self) -> String {
        drop(self.go_on.acquire().await.unwrap());
        "worked".into()
    }

    #[tool]
    async fn asks(&self, context: RequestContext<RoleServer>) -> String {
        let roots = context.peer.list_roots().recorded_as("roots/list").await;
        format!("answered: {}", roots.is_ok())
    }
}

#[tool_handler]
impl ServerHandler for Server {}

async fn in_memory(leaves: Leaves, store: &Path) -> Ran {
    if leaves == Leaves::DeletesSession {
        return Err(NO_SESSION);
    }
    let log = ActivityLog::open(store).unwrap();
    let (near, far) = duplex(64 << 10);
    let server = Server::new().with_activity(&log);
    tokio::spawn(async move { server.serve(far).await.unwrap().waiting().await });
    let (reader, writer) = split(near);
    let mut client = Client::new(reader, writer).await;
    client.send(call("asks")).await;
    arrived(store);
    Ok(Box::new(log))
}

fn app(log: &ActivityLog, server: &Server, config: StreamableHttpServerConfig) -> Router {
    let (log, server) = (log.clone(), server.clone());
    let layer = ActivityLayer::http(&log);
    let mut sessions = LocalSessionManager::default();
    let mut session = SessionConfig::default();
    session.keep_alive = Some(Duration::from_millis(500));
    sessions.session_config = session;
    let service = StreamableHttpService::new(
        move || Ok(server.clone().with_activity(&log)),
        sessions.into(),
        config,
    );
    Router::new().nest_service("/mcp", service).layer(layer)
}

/// Waits until the tool is called.
fn called(store: &Path) {
    after_commit(|| {
        let mut reader = ActivityReader::open(store).ok()?;
        let rows = reader.page(&Filter::default(), None, 10).ok()?.records;
        rows.into_iter()
            .find(|row| row.kind == tower_activity::Kind::Tool)
    });
}

async fn stateful(leaves: Leaves, store: &Path) -> Ran {
    let log = ActivityLog::open(store).unwrap();
    let server = Server::new();
    let app = app(&log, &server, StreamableHttpServerConfig::default());
    leave(leaves, store, log, server, app).await
}

/// The server itself is not wrapped.
async fn tapped(leaves: Leaves, store: &Path) -> Ran {
    if leaves == Leaves::WhileAsked {
        return Err("it may resume its stream for 5 minutes");
    }
    let log = ActivityLog::open(store).unwrap();
    let server = Server::new();
    let one = server.clone();
    let service = StreamableHttpService::new(
        move || Ok(one.clone()),
        LocalSessionManager::default().into(),
        StreamableHttpServerConfig::default(),
    );
    let app = Router::new().nest_service("/mcp", service);
    let app = app.layer(log.tools().http_tap());
    leave(leaves, store, log, server, app).await
}

/// A stream of events.
struct Events(mpsc::Receiver<String>);

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let event = self.0.poll_recv(cx);
        event.map(|event| event.map(|event| Ok(Frame::data(event.into()))))
    }
}

/// A server of the transport of 2024-11-05, which asks its client when it is called, and never answers.
async fn tapped_sse(leaves: Leaves, store: &Path) -> Ran {
    const MESSAGES: &str = "/messages?session_id=1";
    const ASK: &str = r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#;
    if leaves == Leaves::DeletesSession {
        return Err(NO_SESSION);
    }
    let log = ActivityLog::open(store).unwrap();
    let (events, stream) = mpsc::channel(2);
    let stream = Arc::new(Mutex::new(Some(Events(stream))));
    let endpoint = format!("event: endpoint\ndata: {MESSAGES}\n\n");
    events.send(endpoint).await.unwrap();
    let open = async move || {
        let events = stream.lock().unwrap().take().unwrap();
        ([(CONTENT_TYPE, "text/event-stream")], Body::new(events))
    };
    let accept = async move |_: Bytes| {
        events.send(format!("data: {ASK}\n\n")).await.unwrap();
        StatusCode::ACCEPTED
    };
    let app = Router::new()
        .route("/sse", get(open))
        .route("/messages", post(accept))
        .layer(log.tools().http_tap());
    let address = serve(app).await;
    let mut client = Http::events(address, "/sse").await;
    client.answer("endpoint").await;
    let mut accepted = Http::post_to(address, MESSAGES, &call("asks")).await;
    accepted.closed().await;
    client.answer("roots/list").await;
    drop(client);
    Ok(Box::new(log))
}

async fn leave(leaves: Leaves, store: &Path, log: ActivityLog, server: Server, app: Router) -> Ran {
    let address = serve(app).await;
    let session = begin(address).await;
    let tool = match leaves {
        Leaves::DeletesSession => "works",
        Leaves::WhileAsked => "asks",
    };
    let client = Http::post(address, Some(&session), &call(tool)).await;
    called(store);
    match leaves {
        Leaves::DeletesSession => {
            Http::delete(address, &session).await.closed().await;
            server.go_on.add_permits(1);
        }
        Leaves::WhileAsked => drop(client),
    }
    Ok(Box::new(log))
}

async fn stateless(leaves: Leaves, store: &Path) -> Ran {
    if leaves == Leaves::DeletesSession {
        return Err(NO_SESSION);
    }
    let log = ActivityLog::open(store).unwrap();
    let mut config = StreamableHttpServerConfig::default();
    config.legacy_session_mode = false;
    let address = serve(app(&log, &Server::new(), config)).await;
    let client = Http::post(address, None, &call("asks")).await;
    called(store);
    drop(client);
    Ok(Box::new(log))
}

#[test]
fn a_call_ends_as_the_table_says_when_its_client_leaves() {
    let rows = std::thread::scope(|scope| {
        let rows = KINDS.map(|(name, call)| {
            scope.spawn(move || {
                let cells = LEAVES.map(|(leaves, _)| {
                    measured(Case::CancelledBefore, |store| call(leaves, store))
                });
                format!("| {name} | {} |", cells.join(" | "))
            })
        });
        rows.map(|row| row.join().unwrap())
    });
    check(&LEAVES.map(|(_, title)| title), &rows);
}

#[test]
fn the_time_of_a_client_is_a_child_of_the_call() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("activity.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let log = runtime.block_on(in_memory(Leaves::WhileAsked, &store));
    let rows = after_commit(|| {
        let mut reader = ActivityReader::open(&store).ok()?;
        let rows = reader.page(&Filter::default(), None, 10).ok()?.records;
        let ended = |row: &tower_activity::record::ActivityRecord| row.status != Status::Running;
        (rows.len() == 2 && rows.iter().all(ended)).then_some(rows)
    });
    let find = |name| rows.iter().find(|row| row.name == name).unwrap();
    let (tool, asked) = (find("asks"), find("roots/list"));
    assert_eq!(asked.parent, Some(tool.id));
    assert_eq!(asked.attributes["mcp.method.name"], "roots/list");
    assert_eq!(asked.status, Status::Cancelled);
    assert_eq!(tool.status, Status::Cancelled);
    drop(log);
}
