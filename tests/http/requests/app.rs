//! An application with every kind of response, and a raw client.

use std::{
    collections::VecDeque,
    future::pending,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, WebSocketUpgrade, ws::WebSocket},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body::Frame;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower_activity::{
    Activity, ActivityLog, Outcome, Status, layer::http::Upgrade, record::ActivityRecord,
};

use crate::support::until;

/// A step of a scripted body.
#[derive(Debug)]
pub(crate) enum Step {
    Data(&'static str),
    Trailers,
    Error,
    Panic,
    Forever,
}

/// A body that follows a script, and sets its progress as an attribute of the activity.
#[derive(Debug)]
pub(crate) struct Scripted(pub(crate) VecDeque<Step>);

impl http_body::Body for Scripted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Activity::current().set("steps_left", self.0.len());
        match self.0.pop_front() {
            Some(Step::Data(text)) => {
                // Wake up again, so that each frame is written separately.
                cx.waker().wake_by_ref();
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(text.as_bytes())))))
            }
            Some(Step::Trailers) => {
                let mut trailers = HeaderMap::new();
                trailers.insert("x-sum", "12".parse().unwrap());
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
            Some(Step::Error) => Poll::Ready(Some(Err(io::Error::other("broken")))),
            Some(Step::Panic) => panic!("in the body"),
            Some(Step::Forever) => {
                self.0.push_front(Step::Forever);
                Poll::Pending
            }
            None => Poll::Ready(None),
        }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        Activity::current().set("body_dropped", true);
    }
}

pub(crate) fn body(steps: impl IntoIterator<Item = Step>) -> Body {
    Body::new(Scripted(steps.into_iter().collect()))
}

/// Routes with every kind of response.
pub(crate) fn routes() -> Router {
    use Step::{Data, Error, Forever, Panic, Trailers};
    Router::new()
        .route(
            "/users/{id}",
            get(async || "ann").post(async |text: String| text),
        )
        .route("/health", get(async || "well"))
        .route(
            "/stream",
            get(async || body([Data("one "), Data("two "), Data("three")])),
        )
        .route(
            "/trailers",
            get(async || ([(header::TRAILER, "x-sum")], body([Data("sum"), Trailers]))),
        )
        .route(
            "/exact",
            get(async || {
                (
                    [(header::CONTENT_LENGTH, "8")],
                    body([Data("one "), Data("two "), Forever]),
                )
            }),
        )
        .route("/endless", get(async || body([Data("one "), Forever])))
        .route("/never", get(pending::<()>))
        .route(
            "/events",
            get(async || {
                (
                    [(header::CONTENT_TYPE, "text/event-stream")],
                    body([Data("data: 1\n\n"), Forever]),
                )
            }),
        )
        .route("/empty", get(async || StatusCode::NO_CONTENT))
        .route("/fresh", get(async || StatusCode::NOT_MODIFIED))
        .route("/moved", get(async || Redirect::to("/users/1")))
        .route("/denied", get(async || (StatusCode::FORBIDDEN, "not you")))
        .route(
            "/down",
            get(async || (StatusCode::SERVICE_UNAVAILABLE, "later")),
        )
        .route(
            "/down/endless",
            get(async || {
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    body([Data("later "), Forever]),
                )
            }),
        )
        .route(
            "/idle",
            get(async || (Extension(Outcome::skipped()), "nothing to do")),
        )
        .route("/torn", get(async || body([Data("one "), Error])))
        .route("/panic", get(async || -> () { panic!("in the handler") }))
        .route("/panic/body", get(async || body([Data("one "), Panic])))
        .route("/echo", get(upgrade))
        .route("/echo/kept", get(upgrade_with_request))
        .route("/socket", get(socket))
}

/// Upgrades the connection, and echoes.
async fn upgrade(mut request: Request) -> Response {
    tokio::spawn(echo(hyper::upgrade::on(&mut request)));
    switching()
}

/// As in hyper's examples: the task holds the request.
async fn upgrade_with_request(mut request: Request) -> Response {
    tokio::spawn(async move { echo(hyper::upgrade::on(&mut request)).await });
    switching()
}

async fn echo(upgraded: OnUpgrade) {
    let mut io = TokioIo::new(upgraded.await.unwrap());
    let mut buffer = [0; 64];
    while let Ok(read @ 1..) = io.read(&mut buffer).await {
        assert!(!buffer.starts_with(b"panic"), "in the connection");
        io.write_all(&buffer[..read]).await.unwrap();
    }
}

fn switching() -> Response {
    let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, "echo")];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// Echoes each message of a WebSocket.
async fn socket(upgrade: Option<Extension<Upgrade>>, socket: WebSocketUpgrade) -> Response {
    let answer = async |mut socket: WebSocket| {
        while let Some(Ok(message)) = socket.recv().await {
            Activity::current().set("messages", true);
            let _ = socket.send(message).await;
        }
    };
    socket.on_upgrade(async move |socket| match upgrade {
        Some(Extension(upgrade)) => upgrade.run(answer(socket)).await,
        None => answer(socket).await,
    })
}

/// Serves an application on a free port.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Sends a request and returns its connection.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    connection.write_all(head.as_bytes()).await.unwrap();
    connection
}

/// Sends a request and reads until the server closes the connection, without the header `date`.
pub(crate) async fn ask(address: SocketAddr, method: &str, path: &str) -> String {
    let mut connection = send(address, method, path, "connection: close\r\n").await;
    let mut answer = Vec::new();
    // A connection may break in the middle of the response.
    let _ = connection.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let lines = answer.split_inclusive('\n');
    lines.filter(|line| !line.starts_with("date: ")).collect()
}

/// Sends a request, reads until the response contains a text, and disconnects.
pub(crate) async fn leave_after(address: SocketAddr, path: &str, seen: &str) {
    let mut connection = send(address, "GET", path, "").await;
    read_until(&mut connection, seen).await;
}

/// Reads until the response contains a text.
pub(crate) async fn read_until(connection: &mut TcpStream, seen: &str) -> String {
    let mut answer = String::new();
    let mut buffer = [0; 1024];
    while !answer.contains(seen) {
        let read = connection.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the response ended: {answer}");
        answer.push_str(str::from_utf8(&buffer[..read]).unwrap());
    }
    answer
}

/// Waits for the activity of this name to end.
pub(crate) fn ended(log: &ActivityLog, name: &str) -> ActivityRecord {
    let ended = |row: &ActivityRecord| row.name == name && row.status != Status::Running;
    until(log, |rows| rows.0.iter().any(ended)).one(name)
}
