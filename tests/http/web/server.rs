//! The HTTP server of the router.

use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tower_activity::web::Server;

use crate::web::support::log_with;

#[tokio::test]
async fn the_server_serves_on_this_machine() {
    let log = log_with(&["a"]).await;
    let server = Server::bind("127.0.0.1:0", log.router()).await.unwrap();
    let address = server.address();
    let running = tokio::spawn(server.run());
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::get("/api/activities").header("host", address.to_string());
    let answer = client
        .send_request(request.body(Empty::<bytes::Bytes>::new()).unwrap())
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("\"name\":\"a\""));
    running.abort();
}

#[tokio::test]
async fn the_server_refuses_a_public_address_without_a_token() {
    let log = log_with(&[]).await;
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let refused = Server::bind(address, log.router()).await.unwrap_err();
        assert!(refused.to_string().contains("set a token"), "{refused}");
    }
}
