//! Clients that leave while they send the body of a request.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{Router, body::Body, routing::post};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::StreamBody;
use hyper::{
    body::Frame,
    client::conn::{http1, http2},
    rt::Executor,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, futures::OwnedNotified},
};
use tonic::codegen::tokio_stream::{self, Stream, StreamExt};
use tower_activity::{ActivityLayer, ActivityLog};

use crate::outcomes::{
    Case, Ran, Running, arrived,
    bodies::{Leaves, Tasks},
    check, grpc, measured,
};

/// The error with which a body fails.
struct Failure(Pin<Box<OwnedNotified>>);

impl Stream for Failure {
    type Item = io::Result<Frame<Bytes>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let notified = self.0.as_mut().poll(cx);
        notified.map(|()| Some(Err(io::Error::other("gone"))))
    }
}

/// What is done with the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// A handler takes all of it before it responds.
    Collected,
    /// A handler responds with it.
    Returned,
    /// It is the message of a gRPC method.
    Message,
}

const USES: [(Use, &str); 3] = [
    (Use::Collected, "axum, read before the response"),
    (Use::Returned, "axum, sent back"),
    (Use::Message, "tonic, a unary call"),
];

type Kind = (&'static str, fn(Use, &Path) -> Running<'_>);

const KINDS: [Kind; 3] = [
    ("HTTP/1, the client closes the connection", |done, store| {
        Box::pin(http1(done, store))
    }),
    ("HTTP/2, the client closes the connection", |done, store| {
        Box::pin(http2(done, store, Leaves::Connection))
    }),
    ("HTTP/2, the client resets the stream", |done, store| {
        Box::pin(http2(done, store, Leaves::Stream))
    }),
];

async fn serve(done: Use, log: &ActivityLog) -> SocketAddr {
    if done == Use::Message {
        return grpc::listen(log).await;
    }
    let app = Router::new()
        .route("/collected", post(async |body: Bytes| body))
        .route("/returned", post(async |body: Body| body))
        .layer(ActivityLayer::http(log));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A request whose body does not end, and fails when notified.
fn request(
    done: Use,
    address: SocketAddr,
    fails: Arc<Notify>,
) -> Request<StreamBody<impl Stream<Item = io::Result<Frame<Bytes>>> + Send>> {
    let (path, media) = match done {
        Use::Collected => ("/collected", "text/plain"),
        Use::Returned => ("/returned", "text/plain"),
        Use::Message => ("/table.Cases/One", "application/grpc"),
    };
    // Less than a message.
    let begun = tokio_stream::once(Ok(Frame::data(Bytes::from_static(&[0, 0]))));
    let failure = Failure(Box::pin(fails.notified_owned()));
    Request::post(format!("http://{address}{path}"))
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, media)
        .body(StreamBody::new(begun.chain(failure)))
        .unwrap()
}

async fn http1(done: Use, store: &Path) -> Ran {
    if done == Use::Message {
        return Err("gRPC needs HTTP/2");
    }
    let log = ActivityLog::open(store).unwrap();
    let address = serve(done, &log).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let tasks = Tasks::default();
    tasks.execute(connection);
    let sent = client.send_request(request(done, address, Arc::default()));
    let call = tokio::spawn(sent);
    arrived(store);
    tasks.abort();
    Ok(Box::new((log, client, call)))
}

async fn http2(done: Use, store: &Path, leaves: Leaves) -> Ran {
    let log = ActivityLog::open(store).unwrap();
    let address = serve(done, &log).await;
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let tasks = Tasks::default();
    let (mut client, connection) = http2::handshake(tasks.clone(), stream).await.unwrap();
    tasks.execute(connection);
    let fails = Arc::new(Notify::new());
    let call = tokio::spawn(client.send_request(request(done, address, fails.clone())));
    arrived(store);
    match leaves {
        Leaves::Connection => tasks.abort(),
        Leaves::Stream => fails.notify_one(),
    }
    Ok(Box::new((log, client, call)))
}

#[test]
fn a_call_ends_as_the_table_says_when_its_client_leaves_while_it_sends() {
    let rows = KINDS.map(|(name, call)| {
        let cells =
            USES.map(|(done, _)| measured(Case::CancelledBefore, |store| call(done, store)));
        format!("| {name} | {} |", cells.join(" | "))
    });
    check(&USES.map(|(_, title)| title), &rows);
}
