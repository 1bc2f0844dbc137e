//! Responses whose bodies come from another server, which fails in the middle.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use http::{Request, Response, header};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, futures::OwnedNotified},
};
use tonic::codegen::tokio_stream::{self, Stream, StreamExt};
use tower::{Layer, ServiceExt, service_fn};
use tower_activity::{ActivityLayer, ActivityLog, Status, record::ActivityRecord};

use crate::support::rows;

/// The error with which a body breaks off.
struct Breaks(Pin<Box<OwnedNotified>>);

impl Stream for Breaks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0
            .as_mut()
            .poll(cx)
            .map(|()| Some(Err(io::Error::other("disk"))))
    }
}

/// Requests a body that breaks off from a server of its own.
async fn upstream(version: http::Version) -> Response<Incoming> {
    let breaks = Arc::new(Notify::new());
    let breaking = breaks.clone();
    let app = Router::new().route(
        "/",
        get(async move || {
            let begun = tokio_stream::once(Ok(Bytes::from_static(b"begun")));
            Body::from_stream(begun.chain(Breaks(Box::pin(breaking.notified_owned()))))
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let request = Request::get(format!("http://{address}/"))
        .header(header::HOST, "localhost")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = if version == http::Version::HTTP_2 {
        let handshake = http2::handshake(TokioExecutor::new(), stream);
        let (mut client, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        client.send_request(request).await.unwrap()
    } else {
        let (mut client, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        client.send_request(request).await.unwrap()
    };
    breaks.notify_one();
    response
}

/// Returns the record of a response that is read until it fails.
async fn read<B>(response: Response<B>) -> ActivityRecord
where
    B: HttpBody<Error: std::fmt::Debug + 'static>,
{
    let log = ActivityLog::open(":memory:").unwrap();
    let mut response = Some(response);
    let proxy = service_fn(move |_: Request<()>| {
        std::future::ready(Ok::<_, std::convert::Infallible>(response.take().unwrap()))
    });
    let service = ActivityLayer::http(&log).layer(proxy);
    let response = service.oneshot(Request::new(())).await.unwrap();
    assert!(response.into_body().collect().await.is_err());
    rows(&log).0.remove(0)
}

#[tokio::test]
async fn a_body_that_breaks_off_is_named_by_its_reason() {
    for (version, error_type, reason) in [
        (http::Version::HTTP_11, "unexpected_eof", "unexpected EOF"),
        (http::Version::HTTP_2, "Reset", "internal error"),
    ] {
        let incoming = read(upstream(version).await).await;
        let boxed = read(upstream(version).await.map(Body::new)).await;
        for row in [incoming, boxed] {
            assert_eq!(row.status, Status::Failed);
            assert_eq!(row.error_type.as_deref(), Some(error_type), "{row:?}");
            let message = row.message.unwrap();
            assert!(message.contains(reason), "{message}");
        }
    }
}
