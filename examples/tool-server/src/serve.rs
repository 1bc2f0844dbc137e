//! The two transports. Both end on a signal, even with clients connected.

use std::{error::Error, future::IntoFuture, io, net::SocketAddr, pin::pin, time::Duration};

use axum::Router;
use rmcp::{
    ServiceExt,
    transport::{
        stdio_pipes,
        streamable_http_server::{
            StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
        },
    },
};
use tokio::{net::TcpListener, time::timeout};
use tower_activity::ActivityLog;

use crate::{
    root::Root,
    server::{ToolServer, recorded},
};

/// How long connections may take to end after a signal.
const GRACE_PERIOD: Duration = Duration::from_secs(1);

/// Serves the client that started this process, until it closes standard input.
pub(crate) async fn stdio(log: &ActivityLog, root: &Root) -> Result<(), Box<dyn Error>> {
    let server = recorded(ToolServer::new(log, root), log);
    let serving = async {
        server.serve(stdio_pipes()).await?.waiting().await?;
        Ok(())
    };
    tokio::select! {
        served = serving => served,
        asked = stop_signal() => Ok(asked?),
    }
}

/// Serves any number of clients at `http://{address}/mcp`, until a signal.
pub(crate) async fn http(
    address: SocketAddr,
    log: &ActivityLog,
    root: &Root,
) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let (log, root) = (log.clone(), root.clone());
    let config = StreamableHttpServerConfig::default();
    let sessions = config.cancellation_token.clone();
    let service = StreamableHttpService::new(
        move || Ok(recorded(ToolServer::new(&log, &root), &log)),
        LocalSessionManager::default().into(),
        config,
    );
    eprintln!("tool-server: http://{}/mcp", listener.local_addr()?);
    let ended = sessions.clone().cancelled_owned();
    let mut serving = pin!(
        axum::serve(listener, Router::new().nest_service("/mcp", service))
            .with_graceful_shutdown(ended)
            .into_future()
    );
    tokio::select! {
        served = &mut serving => return Ok(served?),
        asked = stop_signal() => asked?,
    }
    // A client keeps a stream open for as long as its session lasts.
    sessions.cancel();
    match timeout(GRACE_PERIOD, serving).await {
        Ok(served) => Ok(served?),
        // A client that keeps its connection open does not keep the server running.
        Err(_) => Ok(()),
    }
}

/// Waits for ctrl-c, or on Unix for a request to terminate.
#[cfg(unix)]
async fn stop_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

/// Waits for ctrl-c, or on Unix for a request to terminate.
#[cfg(not(unix))]
async fn stop_signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
