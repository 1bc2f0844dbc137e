//! The ends of response bodies over TCP, as the client reads them.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, response::IntoResponse, routing::get};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::{http1, http2},
    rt::Executor,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tonic::codegen::tokio_stream::{self, StreamExt};
use tower_activity::{ActivityLayer, ActivityLog};

use crate::outcomes::{Case, Ran, Running, check, http::Endless, measured};

/// What is read of which response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    All,
    /// The beginning of a body of many frames.
    Frames,
    /// The beginning of a body of one frame of 5 MB.
    OneFrame,
    /// The beginning of an event stream.
    Events(&'static Method),
}

const READS: [(Read, &str); 5] = [
    (Read::All, "read to the end"),
    (Read::Frames, "many frames"),
    (Read::OneFrame, "one frame of 5 MB"),
    (Read::Events(&Method::GET), "event stream of a `GET`"),
    (Read::Events(&Method::POST), "event stream of a `POST`"),
];

type Kind = (&'static str, fn(Read, &Path) -> Running<'_>);

const KINDS: [Kind; 3] = [
    ("HTTP/1, the client closes the connection", |read, store| {
        Box::pin(http1(read, store))
    }),
    ("HTTP/2, the client closes the connection", |read, store| {
        Box::pin(http2(read, store, Leaves::Connection))
    }),
    ("HTTP/2, the client resets the stream", |read, store| {
        Box::pin(http2(read, store, Leaves::Stream))
    }),
];

/// What a client of HTTP/2 leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    Connection,
    Stream,
}

async fn events() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/event-stream")];
    (headers, Body::new(Endless::default()))
}

/// Frames without end, each of which is ready at once.
async fn frames() -> Body {
    let frame = Bytes::from_static(&[b'x'; 64 << 10]);
    let frames = tokio_stream::iter(std::iter::repeat(frame));
    Body::new(StreamBody::new(
        frames.map(|frame| Ok::<_, std::io::Error>(Frame::data(frame))),
    ))
}

async fn serve(log: &ActivityLog) -> SocketAddr {
    let app = Router::new()
        .route("/all", get(async || "well"))
        .route("/frames", get(frames))
        .route("/one-frame", get(async || vec![b'x'; 5_000_000]))
        .route("/events", get(events).post(events))
        .layer(ActivityLayer::http(log));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn request(read: Read, address: SocketAddr) -> Request<Empty<Bytes>> {
    let (method, path) = match read {
        Read::All => (&Method::GET, "all"),
        Read::Frames => (&Method::GET, "frames"),
        Read::OneFrame => (&Method::GET, "one-frame"),
        Read::Events(method) => (method, "events"),
    };
    let request = Request::builder()
        .method(method)
        .uri(format!("http://{address}/{path}"))
        .header(header::HOST, "localhost");
    request.body(Empty::new()).unwrap()
}

/// Reads a body as far as it is read.
async fn part(read: Read, mut body: Incoming) -> Option<Incoming> {
    match read {
        Read::All => {
            body.collect().await.unwrap();
            None
        }
        _ => {
            body.frame().await.unwrap().unwrap();
            Some(body)
        }
    }
}

/// The tasks of a client, which hold its end of the connection.
#[derive(Clone, Default)]
pub(crate) struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.0
            .lock()
            .unwrap()
            .spawn(async move { drop(task.await) });
    }
}

impl Tasks {
    /// Closes the connection.
    pub(crate) fn abort(&self) {
        self.0.lock().unwrap().abort_all();
    }
}

async fn http1(read: Read, store: &Path) -> Ran {
    let log = ActivityLog::open(store).unwrap();
    let address = serve(&log).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let tasks = Tasks::default();
    tasks.execute(connection);
    let response = client.send_request(request(read, address)).await.unwrap();
    let body = part(read, response.into_body()).await;
    tasks.abort();
    Ok(Box::new((log, body)))
}

async fn http2(read: Read, store: &Path, leaves: Leaves) -> Ran {
    let log = ActivityLog::open(store).unwrap();
    let address = serve(&log).await;
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let tasks = Tasks::default();
    let (mut client, connection) = http2::handshake(tasks.clone(), stream).await.unwrap();
    tasks.execute(connection);
    let response = client.send_request(request(read, address)).await.unwrap();
    let body = part(read, response.into_body()).await;
    match leaves {
        Leaves::Connection => {
            tasks.abort();
            Ok(Box::new((log, body)))
        }
        Leaves::Stream => {
            drop(body);
            Ok(Box::new((log, client)))
        }
    }
}

#[test]
fn a_body_ends_as_the_table_says_when_its_client_leaves() {
    let rows = KINDS.map(|(name, call)| {
        let cells =
            READS.map(|(read, _)| measured(Case::CancelledWithin, |store| call(read, store)));
        format!("| {name} | {} |", cells.join(" | "))
    });
    check(&READS.map(|(_, title)| title), &rows);
}
