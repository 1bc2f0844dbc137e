//! A server of its own for the router.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time,
};
use tower::Service;

use super::{ActivityRouter, patience::Patient};
use crate::error::{Error, Result};

/// So many connections are open at once: more wait to be accepted.
const CONNECTIONS: usize = 256;
/// How long a client may take for the head of a request, and how long a connection is kept that asks nothing.
const HEAD: Duration = Duration::from_secs(15);
/// A client that takes nothing for so long is let go: what is written to it would hold its place for ever.
const TAKES_NOTHING: Duration = Duration::from_secs(60);
/// What may be left of the system's resources in a moment, where a connection cannot be accepted now.
const PAUSE: Duration = Duration::from_millis(100);

/// A server of its own for an [`ActivityRouter`].
///
/// # Examples
///
/// ```no_run
/// use tower_activity::{ActivityLog, web::Server};
///
/// # async fn run() -> tower_activity::Result<()> {
/// let log = ActivityLog::open("activity.db")?;
/// let server = Server::bind("127.0.0.1:8787", log.router()).await?;
/// println!("http://{}/", server.address());
/// server.run().await;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
}

impl Server {
    /// Listens at an address, such as `127.0.0.1:8787`.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened at, and when others than this machine would reach it while nobody asks them who
    /// they are.
    pub async fn bind(address: &str, router: ActivityRouter) -> Result<Self> {
        let failed = |cause: std::io::Error| {
            Error::invalid(format!("cannot listen at {address:?}")).with_source(cause)
        };
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host(address)
            .await
            .map_err(failed)?
            .collect();
        router.check(&addresses)?;
        let listener = TcpListener::bind(addresses.as_slice())
            .await
            .map_err(failed)?;
        Ok(Server {
            address: listener.local_addr().map_err(failed)?,
            listener,
            router: router.into(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the future is dropped; connections that are open then go on until their answers end.
    pub async fn run(self) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            // Nobody closes it.
            let Ok(place) = room.clone().acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let router = self.router.clone();
                    tokio::spawn(async move {
                        connection(stream, peer, router).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(target: "tower_activity::web", %error, "a connection was not accepted");
                    time::sleep(PAUSE).await;
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        // A router is always ready.
        router.clone().call(request)
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let stream = TokioIo::new(Patient::new(stream, TAKES_NOTHING));
    if let Err(error) = server.serve_connection(stream, service).await {
        tracing::debug!(target: "tower_activity::web", %error, "a connection ended early");
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
