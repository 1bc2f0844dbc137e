//! Clients that occupy what they can, while the owner of the log uses the dashboard.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use benches::Failure;
use chrono::Utc;
use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time,
};
use tower_activity::{
    store::{AccessToken, Store, sqlite::SqliteStore},
    web::TokenSecret,
};

use crate::client::Client;

/// Connections that send half of a request, and are opened again when they are closed.
const HALF_REQUESTS: usize = 300;
/// Queries at once that read every row.
const COSTLY: usize = 24;
/// Live streams that are opened at once.
const LIVE: usize = 64;
/// The interval between guesses of the token.
const GUESS: Duration = Duration::from_millis(100);

/// Creates a named token, and returns its secret.
pub(crate) fn token(store: &SqliteStore, name: &str) -> Result<String, Failure> {
    let secret = TokenSecret::random()?;
    let token = AccessToken::new(name, secret.hash(), "", Utc::now());
    store.maintenance()?.create_token(&token)?;
    Ok(secret.reveal().to_owned())
}

/// Strangers at work, until they are dropped.
pub(crate) struct Strangers {
    _tasks: JoinSet<()>,
    costly: Arc<AtomicU64>,
}

impl Strangers {
    /// Starts half requests and guesses without a token, and costly queries and live streams with that of a guest.
    pub(crate) fn start(address: SocketAddr, guest: &str) -> Self {
        let mut tasks = JoinSet::new();
        let costly = Arc::<AtomicU64>::default();
        for _ in 0..HALF_REQUESTS {
            tasks.spawn(async move { while half_request(address).await.is_ok() {} });
        }
        for _ in 0..COSTLY {
            let (guest, costly) = (guest.to_owned(), costly.clone());
            tasks.spawn(async move {
                loop {
                    let query = "/api/activities?q=name:*nothing*";
                    if status(address, query, &guest)
                        .await
                        .is_ok_and(|status| status.is_success())
                    {
                        costly.fetch_add(1, Relaxed);
                    }
                }
            });
        }
        for _ in 0..LIVE {
            let guest = guest.to_owned();
            tasks.spawn(async move {
                let stream = status(address, "/api/live", &guest).await;
                // Those without a place do not ask again.
                drop(stream);
            });
        }
        tasks.spawn(async move {
            loop {
                // Its answer is of no interest.
                let _ = status(address, "/api/activities", "guess").await;
                time::sleep(GUESS).await;
            }
        });
        Strangers {
            _tasks: tasks,
            costly,
        }
    }

    /// Returns the number of answered costly queries.
    pub(crate) fn answered(&self) -> u64 {
        self.costly.load(Relaxed)
    }
}

/// Sends half of a request, and waits until the server closes the connection.
async fn half_request(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: ")
        .await?;
    // A reset ends the connection, too.
    let _ = stream.read_u8().await;
    Ok(())
}

/// Sends a request over a connection of its own, reads the response to its end, and returns the status.
pub(crate) async fn status(
    address: SocketAddr,
    path: &str,
    token: &str,
) -> Result<StatusCode, Failure> {
    let mut client = Client::connect(address, Some(token)).await?;
    let (status, _) = client.send(path).await?;
    Ok(status)
}
