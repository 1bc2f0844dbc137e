//! Clients of the API, each with its own connection, as browsers have.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use benches::Failure;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Bytes,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time};

/// The number of clients, which take requests in turn.
const CLIENTS: usize = 8;

/// A keep-alive connection.
pub(crate) struct Client {
    send: SendRequest<Empty<Bytes>>,
    address: SocketAddr,
    token: Option<String>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, token: Option<&str>) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (send, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Client {
            send,
            address,
            token: token.map(str::to_owned),
        })
    }

    /// Sends a request, and reads the response to its end.
    pub(crate) async fn send(&mut self, path: &str) -> Result<(StatusCode, Bytes), Failure> {
        self.send.ready().await?;
        let mut request = Request::get(path).header(header::HOST, self.address.to_string());
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let answer = self.send.send_request(request.body(Empty::new())?).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    /// Sends a request, and fails unless the response is a success.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Bytes, Failure> {
        let (status, body) = self.send(path).await?;
        match status.is_success() {
            true => Ok(body),
            false => Err(format!("{path}: {status}, {}", String::from_utf8_lossy(&body)).into()),
        }
    }
}

/// Requests these paths at a rate per second, and returns the time of each. A time starts when the request was due: one that
/// waits for an earlier response waits for the server, too.
pub(crate) async fn ask(
    address: SocketAddr,
    token: Option<&str>,
    paths: Vec<String>,
    rate: usize,
) -> Result<Vec<Duration>, Failure> {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::connect(address, token).await?);
    }
    let mut turns = vec![Vec::new(); CLIENTS];
    for (place, path) in paths.into_iter().enumerate() {
        turns[place % CLIENTS].push((place, path));
    }
    let start = Instant::now();
    let mut asking = JoinSet::new();
    for (mut client, turns) in clients.into_iter().zip(turns) {
        asking.spawn(async move {
            let mut took = Vec::new();
            for (place, path) in turns {
                let due = start + Duration::from_secs_f64(place as f64 / rate as f64);
                time::sleep_until(due.into()).await;
                client.get(&path).await?;
                took.push((place, due.elapsed()));
            }
            Ok::<_, Failure>(took)
        });
    }
    let mut all = Vec::new();
    while let Some(took) = asking.join_next().await {
        all.extend(took??);
    }
    all.sort_unstable();
    Ok(all.into_iter().map(|(_, took)| took).collect())
}
