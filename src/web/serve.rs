//! An HTTP server for the router.

use std::{convert::Infallible, fmt, net::SocketAddr, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, response::IntoResponse};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    time,
};
use tower_service::Service;

use super::{
    ActivityRouter,
    client::Peer,
    connections::{Connection, Connections},
    guard::ServiceAccess,
    write_timeout::WriteTimeoutStream,
};
use crate::error::{Error, Result};

/// Timeouts of a connection.
#[derive(Debug, Clone, Copy)]
struct Timeouts {
    /// For reading the head of a request, and so for an idle connection.
    head: Duration,
    /// For writing: a client that stops reading would occupy its connection forever.
    write: Option<Duration>,
}

/// Those of the router.
const TIMEOUTS: Timeouts = Timeouts {
    head: Duration::from_secs(15),
    write: Some(Duration::from_secs(60)),
};
/// Those of another service. Its clients may read as slowly as it lets them, and find a connection open that they have kept: they keep
/// them for up to 90 seconds.
const SERVICE_TIMEOUTS: Timeouts = Timeouts {
    head: Duration::from_secs(5 * 60),
    write: None,
};
/// Pause after a failed accept (out of file descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An HTTP server for an [`ActivityRouter`], or for another service.
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
    connections: Connections,
    timeouts: Timeouts,
}

impl Server {
    /// Listens on an address such as `127.0.0.1:8787`.
    ///
    /// # Errors
    ///
    /// If the address cannot be resolved or bound, or is reachable from other machines and the router has neither a token
    /// nor [`auth`](ActivityRouter::auth).
    pub async fn bind(address: &str, router: ActivityRouter) -> Result<Self> {
        let check = |addresses: &[_]| router.check_addresses(addresses);
        let (listener, address) = listen(address, check).await?;
        Ok(Server {
            listener,
            address,
            router: router.built(),
            connections: Connections::shared_fairly(),
            timeouts: TIMEOUTS,
        })
    }

    /// Listens on an address, to serve another service: a proxy, say. Its requests are authorized as
    /// [`ServiceAccess`] says. The number of connections with authorized requests is not limited, nor the time for reading a response;
    /// a connection without a request is closed after 5 minutes.
    ///
    /// # Errors
    ///
    /// If the address cannot be resolved or bound, or is reachable from other machines and there is no token.
    pub async fn bind_service<S>(address: &str, access: &ServiceAccess, service: S) -> Result<Self>
    where
        S: Service<http::Request<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        let check = |addresses: &[_]| access.check_addresses(addresses);
        let (listener, address) = listen(address, check).await?;
        Ok(Server {
            listener,
            address,
            router: access.protect(service),
            connections: Connections::unlimited(),
            timeouts: SERVICE_TIMEOUTS,
        })
    }

    /// Returns the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the future is dropped. Open connections then finish their responses.
    pub async fn run(self) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let connection = self.connections.add(Peer::from_ip(Some(peer.ip())));
                    let router = self.router.clone();
                    tokio::spawn(serve(stream, peer, connection, router, self.timeouts));
                    // Requests that have arrived come before new connections, which may close theirs.
                    tokio::task::yield_now().await;
                }
                Err(error) => {
                    tracing::warn!(target: "tower_activity::web", %error, "could not accept a connection");
                    time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Listens on an address that the check accepts.
async fn listen(
    address: &str,
    check: impl FnOnce(&[SocketAddr]) -> Result<()>,
) -> Result<(TcpListener, SocketAddr)> {
    let failed = |cause: std::io::Error| {
        Error::invalid(format!("cannot listen on {address:?}")).with_source(cause)
    };
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host(address)
        .await
        .map_err(failed)?
        .collect();
    check(&addresses)?;
    let listener = TcpListener::bind(addresses.as_slice())
        .await
        .map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    connection: Connection,
    router: Router,
    timeouts: Timeouts,
) {
    let open = connection.clone();
    let service = service_fn(move |request: http::Request<Incoming>| {
        let mut request = request.map(Body::new);
        let extensions = request.extensions_mut();
        extensions.insert(ConnectInfo(peer));
        extensions.insert(connection.clone());
        // A router is always ready.
        router.clone().call(request)
    });
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.head);
    let stream = TokioIo::new(WriteTimeoutStream::new(stream, timeouts.write));
    tokio::select! {
        biased;
        served = server.serve_connection(stream, service) => if let Err(error) = served {
            tracing::debug!(target: "tower_activity::web", %error, "connection closed early");
        },
        () = open.closed() => {
            tracing::debug!(target: "tower_activity::web", %peer, "unauthorized connection closed, to make room for others");
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
