//! A server for another service: what its limits leave to the service and its clients.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    response::Response,
};
use http_body::Frame;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};
use tower::service_fn;
use tower_activity::web::{Server, ServiceAccess};

/// More than the buffers of a connection hold.
const LARGE: usize = 32 << 20;

/// A body that stays open.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// Serves a large body at `/large`, and elsewhere one that stays open.
async fn server() -> TcpStreams {
    let service = service_fn(async |request: Request| {
        let body = match request.uri().path() {
            "/large" => Body::from(vec![b'x'; LARGE]),
            "/small" => Body::from("small"),
            _ => Body::new(Endless),
        };
        Ok::<_, Infallible>(Response::new(body))
    });
    let server = Server::bind_service("127.0.0.1:0", &ServiceAccess::new(), service)
        .await
        .unwrap();
    let address = server.address();
    tokio::spawn(server.run());
    TcpStreams(address)
}

struct TcpStreams(std::net::SocketAddr);

impl TcpStreams {
    async fn get(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.0).await.unwrap();
        get(&mut stream, path).await;
        stream
    }
}

async fn get(stream: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
}

async fn status(stream: &mut TcpStream) -> String {
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    String::from_utf8_lossy(&status).into_owned()
}

/// Lets the timers of the server run for so long.
async fn after(duration: Duration) {
    time::pause();
    time::sleep(duration).await;
    time::resume();
}

#[tokio::test]
async fn one_client_has_as_many_connections_as_it_opens() {
    let server = server().await;
    let mut streams = Vec::new();
    for _ in 0..600 {
        let mut stream = server.get("/stream").await;
        assert_eq!(
            status(&mut stream).await,
            "HTTP/1.1 200",
            "{}",
            streams.len()
        );
        streams.push(stream);
    }
}

#[tokio::test]
async fn a_client_that_pauses_gets_the_whole_body() {
    let server = server().await;
    let mut stream = server.get("/large").await;
    status(&mut stream).await;
    after(Duration::from_secs(3_600)).await;
    let mut rest = vec![0; LARGE];
    stream.read_exact(&mut rest).await.unwrap();
}

#[tokio::test]
async fn a_connection_stays_open_for_the_next_request() {
    let server = server().await;
    let mut stream = server.get("/small").await;
    for _ in 0..2 {
        assert_eq!(status(&mut stream).await, "HTTP/1.1 200");
        let mut rest = Vec::new();
        while !rest.ends_with(b"small") {
            assert!(stream.read_buf(&mut rest).await.unwrap() > 0);
        }
        after(Duration::from_secs(240)).await;
        get(&mut stream, "/small").await;
    }
}
