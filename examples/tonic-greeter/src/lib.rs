//! A gRPC service, and how it is served: every call on the record.

use std::{future::Future, pin::Pin};

use tokio::net::TcpListener;
use tokio_stream::{Stream, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, transport::Server};
use tower_activity::{Activity, ActivityLayer, ActivityLog};

use crate::proto::{
    HelloReply, HelloRequest,
    greeter_server::{Greeter, GreeterServer},
};

/// What `build.rs` makes of `proto/greeter.proto`.
#[allow(missing_debug_implementations, clippy::all)]
pub mod proto {
    tonic::include_proto!("greeter");
}

/// Greets whoever is named.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Polite;

/// Replies, as they come.
pub type Replies = Pin<Box<dyn Stream<Item = Result<HelloReply, Status>> + Send>>;

#[tonic::async_trait]
impl Greeter for Polite {
    type SayHellosStream = Replies;

    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        let name = request.into_inner().name;
        if name.is_empty() {
            return Err(Status::invalid_argument("nobody is named"));
        }
        Activity::current().set_actor(&name);
        Ok(Response::new(reply(&name)))
    }

    async fn say_hellos(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<Replies>, Status> {
        let names = request.into_inner().name;
        let replies: Vec<_> = names
            .split(',')
            .map(|name| Ok(reply(name.trim())))
            .collect();
        Activity::current().set("names", replies.len());
        Ok(Response::new(Box::pin(tokio_stream::iter(replies))))
    }
}

fn reply(name: &str) -> HelloReply {
    HelloReply {
        message: format!("hello {name}"),
    }
}

/// Serves a greeter until `stop` is ready; calls that run by then may end.
///
/// # Errors
///
/// When the transport fails.
pub async fn serve(
    greeter: impl Greeter,
    listener: TcpListener,
    log: &ActivityLog,
    stop: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    Server::builder()
        .layer(ActivityLayer::http(log)) // <- the one line
        .add_service(GreeterServer::new(greeter))
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop)
        .await
}
