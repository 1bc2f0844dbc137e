//! An MCP server whose tools do real work on real input, every call on the record.
//!
//! ```text
//! tool-server                          # over stdio, as MCP clients start it
//! tool-server --http 127.0.0.1:8000    # over streamable HTTP, at /mcp
//! ```
//!
//! `ACTIVITY_STORE` says where the record is kept, `activity.db` in the working directory by default. What
//! makes it an example is one line: `.with_activity(..)` in `server.rs`. Standard output belongs to the
//! protocol; what the server has to say goes to standard error.

mod root;
mod server;
mod tools;

use std::{env, error::Error, net::SocketAddr, path::PathBuf, process::ExitCode};

use axum::Router;
use clap::Parser;
use rmcp::{
    ServiceExt,
    transport::{
        stdio,
        streamable_http_server::{
            StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
        },
    },
};
use tokio::net::TcpListener;
use tower_activity::ActivityLog;

use crate::{
    root::Root,
    server::{ToolServer, recorded},
};

/// An MCP server whose tools do real work, every call on the record.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Serve streamable HTTP at this address, under /mcp, instead of stdio.
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,
    /// The folder that the tools may read.
    #[arg(long, default_value = ".")]
    root: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tool-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let root = Root::new(&args.root)?;
    let store = env::var_os("ACTIVITY_STORE").unwrap_or_else(|| "activity.db".into());
    let log = ActivityLog::open(store)?;
    match args.http {
        Some(address) => serve_http(address, &log, &root).await?,
        None => serve_stdio(&log, &root).await?,
    }
    let report = log.shutdown().await?;
    eprintln!(
        "tool-server: {} activities committed, {} not recorded, {} lost",
        report.committed,
        report.rejected(),
        report.lost()
    );
    Ok(())
}

async fn serve_stdio(log: &ActivityLog, root: &Root) -> Result<(), Box<dyn Error>> {
    let server = recorded(ToolServer::new(log, root), log);
    let running = server.serve(stdio()).await?;
    let stop = running.cancellation_token();
    tokio::spawn(async move {
        stop_signal().await;
        stop.cancel();
    });
    // Ends when the client closes our standard input, or with the signal.
    running.waiting().await?;
    Ok(())
}

async fn serve_http(
    address: SocketAddr,
    log: &ActivityLog,
    root: &Root,
) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let (log, root) = (log.clone(), root.clone());
    let config = StreamableHttpServerConfig::default();
    let streams = config.cancellation_token.clone();
    let service = StreamableHttpService::new(
        move || Ok(recorded(ToolServer::new(&log, &root), &log)),
        LocalSessionManager::default().into(),
        config,
    );
    eprintln!("tool-server: http://{}/mcp", listener.local_addr()?);
    axum::serve(listener, Router::new().nest_service("/mcp", service))
        .with_graceful_shutdown(async move {
            stop_signal().await;
            // Clients keep event streams open for as long as they live: without this we would wait for them.
            streams.cancel();
        })
        .await?;
    Ok(())
}

/// Waits for ctrl-c, or on Unix for a request to terminate.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without the signal there is no other way to stop than to be killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
