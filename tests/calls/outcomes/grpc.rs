//! tonic over real HTTP/2.

use std::{
    convert::Infallible,
    future::pending,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, BufMut};
use http::uri::PathAndQuery;
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    body::Body,
    client,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::tokio_stream::Stream,
    server,
    transport::{Channel, Server, server::TcpIncoming},
};
use tower::service_fn;
use tower_activity::{ActivityLayer, ActivityLog};

use crate::outcomes::{Case, Ran, arrived, timeouts::Stands};

const ONE: PathAndQuery = PathAndQuery::from_static("/table.Cases/One");
const MANY: PathAndQuery = PathAndQuery::from_static("/table.Cases/Many");

/// A codec of text messages.
#[derive(Debug, Clone, Copy)]
struct Texts;

impl Codec for Texts {
    type Encode = String;
    type Decode = String;
    type Encoder = Texts;
    type Decoder = Texts;

    fn encoder(&mut self) -> Texts {
        Texts
    }

    fn decoder(&mut self) -> Texts {
        Texts
    }
}

impl Encoder for Texts {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Texts {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        Ok(Some(String::from_utf8(bytes.to_vec()).unwrap()))
    }
}

async fn one(request: Request<String>) -> Result<Response<String>, Status> {
    match request.get_ref().as_str() {
        "success" => Ok(Response::new("well".into())),
        "error" => Err(Status::not_found("no such invoice")),
        "panic" => panic!("in the method"),
        _ => pending().await,
    }
}

/// A stream of one message that never ends.
struct Endless {
    begun: bool,
}

impl Stream for Endless {
    type Item = Result<String, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::replace(&mut self.begun, true) {
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok("begun".into())))
    }
}

async fn many(_: Request<String>) -> Result<Response<Endless>, Status> {
    Ok(Response::new(Endless { begun: false }))
}

async fn serve(request: http::Request<Body>) -> Result<http::Response<Body>, Infallible> {
    let mut grpc = server::Grpc::new(Texts);
    Ok(match request.uri().path() == ONE.path() {
        true => grpc.unary(service_fn(one), request).await,
        false => grpc.server_streaming(service_fn(many), request).await,
    })
}

/// A server with a timeout of its own, which tonic puts outside of all layers.
pub(crate) async fn timeout(stands: Stands, store: &Path, timeout: Duration) -> Ran {
    if stands == Stands::Inside {
        return Err("tonic puts it outside of all layers");
    }
    let log = ActivityLog::open(store).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let layer = stands.set(ActivityLayer::http(&log));
    tokio::spawn(async move {
        let incoming = TcpIncoming::from(listener);
        let server = Server::builder().timeout(timeout).layer(layer);
        server
            .serve_with_incoming(service_fn(serve), incoming)
            .await
    });
    let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
    let mut client = client::Grpc::new(channel);
    client.ready().await.unwrap();
    let never = Request::new("never".to_owned());
    let error = client.unary(never, ONE, Texts).await.unwrap_err();
    assert_eq!(error.message(), "Timeout expired", "{error:?}");
    Ok(Box::new(log))
}

/// Starts a server.
pub(crate) async fn listen(log: &ActivityLog) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let layer = ActivityLayer::http(log);
    tokio::spawn(async move {
        let incoming = TcpIncoming::from(listener);
        let server = Server::builder().layer(layer);
        server
            .serve_with_incoming(service_fn(serve), incoming)
            .await
    });
    address
}

pub(crate) async fn call(case: Case, store: &Path) -> Ran {
    let log = ActivityLog::open(store).unwrap();
    let url = format!("http://{}", listen(&log).await);
    let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
    let mut client = client::Grpc::new(channel);
    client.ready().await.unwrap();
    let what = match case {
        Case::Success => "success",
        Case::Error => "error",
        Case::Panic => "panic",
        _ => "never",
    };
    let mut request = Request::new(what.to_owned());
    match case {
        Case::CancelledWithin => {
            let answer = client.server_streaming(request, MANY, Texts).await;
            let mut messages = answer.unwrap().into_inner();
            assert_eq!(messages.message().await.unwrap().unwrap(), "begun");
        }
        Case::CancelledBefore | Case::Shutdown => {
            let call = tokio::spawn(async move { client.unary(request, ONE, Texts).await });
            arrived(store);
            if case == Case::CancelledBefore {
                call.abort();
            }
        }
        Case::Deadline => {
            request.set_timeout(Duration::from_millis(100));
            client.unary(request, ONE, Texts).await.unwrap_err();
        }
        Case::Success | Case::Error | Case::Panic => {
            let _ = client.unary(request, ONE, Texts).await;
        }
    }
    Ok(Box::new(log))
}
