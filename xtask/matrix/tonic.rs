//! A gRPC server built with tonic, and a client of it.

mod served;

use std::error::Error;

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Server};
use tonic_health::{
    pb::{HealthCheckRequest, health_client::HealthClient},
    server::health_reporter,
};
use tower_activity::{ActivityLayer, Kind};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = served::open()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (_reporter, health) = health_reporter();
    let serve = Server::builder()
        .layer(ActivityLayer::http(&log))
        .add_service(health)
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(serve);
    let channel = Channel::from_shared(format!("http://{address}"))?;
    let mut client = HealthClient::new(channel.connect().await?);
    let every = HealthCheckRequest {
        service: String::new(),
    };
    client.check(every).await?;
    served::check(log, Kind::Grpc, "grpc.health.v1.Health/Check").await
}
