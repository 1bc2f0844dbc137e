//! Upgraded connections: the request lasts until the upgraded connection is dropped.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::{body::Incoming, client, ext::Protocol, server};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    net::TcpStream,
};
use tower::ServiceBuilder;
use tower_activity::{ActivityLayer, ActivityLog, Status, record::ActivityRecord};

use crate::{
    requests::app::{ended, read_until, routes, send, serve},
    support::until,
};

/// Headers that request the echo protocol of [`crate::requests::app`].
pub(crate) const ECHO: &str = "connection: upgrade\r\nupgrade: echo\r\n";
/// Headers that request a WebSocket.
pub(crate) const SOCKET: &str = "connection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/// A WebSocket text message with a zero mask.
pub(crate) const HELLO: &[u8] = b"\x81\x85\0\0\0\0hello";

/// Opens an upgraded connection.
async fn upgraded(log: &ActivityLog, path: &str, headers: &str) -> TcpStream {
    let address = serve(routes().layer(ActivityLayer::http(log))).await;
    let mut connection = send(address, "GET", path, headers).await;
    let head = read_until(&mut connection, "\r\n\r\n").await;
    assert!(head.contains("101 Switching"), "{head}");
    connection
}

#[track_caller]
fn check(row: &ActivityRecord, status: Status, error_type: Option<&str>) {
    assert_eq!(
        (row.status, row.error_type.as_deref()),
        (status, error_type),
        "{row:?}"
    );
    assert_eq!(row.attributes["upgraded"], true);
    assert_eq!(row.attributes["http.response.status_code"], 101);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_socket_ends_when_its_client_closes_it() {
    let log = ActivityLog::open(":memory:").unwrap();
    let mut connection = upgraded(&log, "/socket", SOCKET).await;
    connection.write_all(HELLO).await.unwrap();
    let mut echo = [0; 7];
    connection.read_exact(&mut echo).await.unwrap();
    let open = until(&log, |rows| !rows.0.is_empty()).one("GET /socket");
    assert_eq!(open.status, Status::Running);
    drop(connection);
    let row = ended(&log, "GET /socket");
    check(&row, Status::Success, None);
    assert_eq!(row.attributes["messages"], true, "it was current inside");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_keeps_the_request_keeps_it_running() {
    let log = ActivityLog::open(":memory:").unwrap();
    let connection = upgraded(&log, "/echo/kept", ECHO).await;
    assert_eq!(log.accounting().activities.open, 1);
    drop(connection);
    check(&ended(&log, "GET /echo/kept"), Status::Success, None);

    let mut connection = upgraded(&log, "/echo/kept", ECHO).await;
    connection.write_all(b"panic").await.unwrap();
    assert_eq!(connection.read(&mut [0]).await.unwrap(), 0);
    let panicked = |row: &ActivityRecord| row.status == Status::Failed;
    let rows = until(&log, |rows| rows.0.iter().any(panicked));
    let row = rows.0.into_iter().find(panicked).unwrap();
    check(&row, Status::Failed, Some("panic"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgraded_request_that_is_dropped_ends_with_its_head() {
    let log = ActivityLog::open(":memory:").unwrap();
    let mut connection = upgraded(&log, "/echo", ECHO).await;
    check(&ended(&log, "GET /echo"), Status::Success, None);
    connection.write_all(b"hello").await.unwrap();
    assert_eq!(read_until(&mut connection, "hello").await, "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_not_upgraded_ends_normally() {
    let log = ActivityLog::open(":memory:").unwrap();
    let address = serve(routes().layer(ActivityLayer::http(&log))).await;
    let headers = "connection: upgrade, close\r\nupgrade: h2c\r\n";
    let mut connection = send(address, "GET", "/users/7", headers).await;
    read_until(&mut connection, "ann").await;
    let row = ended(&log, "GET /users/{id}");
    assert_eq!(row.status, Status::Success);
    assert!(!row.attributes.contains_key("upgraded"), "{row:?}");
}

/// Accepts an extended CONNECT, and replies in upper case.
async fn tunnel(mut request: Request<Incoming>) -> hyper::Result<Response<Empty<Bytes>>> {
    tokio::spawn(async move {
        let mut io = TokioIo::new(hyper::upgrade::on(&mut request).await.unwrap());
        let mut text = String::new();
        io.read_to_string(&mut text).await.unwrap();
        io.write_all(text.to_uppercase().as_bytes()).await.unwrap();
        io.shutdown().await.unwrap();
    });
    Ok(Response::new(Empty::new()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extended_connect_ends_with_its_stream() {
    let log = ActivityLog::open(":memory:").unwrap();
    let (near, far) = duplex(64 << 10);
    let service = ServiceBuilder::new()
        .layer(ActivityLayer::http(&log))
        .service(tower::service_fn(tunnel));
    tokio::spawn(async move {
        server::conn::http2::Builder::new(TokioExecutor::new())
            .enable_connect_protocol()
            .serve_connection(TokioIo::new(far), TowerToHyperService::new(service))
            .await
    });
    let (mut client, connection) =
        client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(near))
            .await
            .unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap();
    let mut request = Request::connect("http://localhost/chat")
        .body(Empty::<Bytes>::new())
        .unwrap();
    request
        .extensions_mut()
        .insert(Protocol::from_static("websocket"));
    // The server's settings, which allow it, may not have arrived yet.
    let response = loop {
        match client.send_request(request.clone()).await {
            Ok(response) => break response,
            Err(error) => assert!(error.is_user(), "{error:?}"),
        }
    };
    assert_eq!(response.status(), StatusCode::OK);
    let mut io = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    io.write_all(b"hello").await.unwrap();
    assert_eq!(log.accounting().activities.open, 1);
    io.shutdown().await.unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "HELLO");
    let row = ended(&log, "CONNECT");
    assert_eq!(row.status, Status::Success);
    assert_eq!(row.attributes["upgraded"], true);
}
