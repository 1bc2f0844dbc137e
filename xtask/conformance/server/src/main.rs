//! The server that the official MCP conformance suite requires: `conformance-server [STORE]`.
//!
//! With a store its calls are recorded there, without one it is unwrapped. It prints its address, and the name of each called
//! tool to stderr, one per line, and exits at the end of its standard input. With `--stdio` it serves one client over its
//! standard streams, unwrapped.

mod answers;
mod server;

use std::{env, error::Error};

use axum::Router;
use rmcp::{
    ServiceExt,
    transport::{
        stdio,
        streamable_http_server::{
            StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
        },
    },
};
use tokio::{
    io::{AsyncReadExt, stdin},
    net::TcpListener,
};
use tower_activity::{ActivityLog, mcp::WithActivityExt};

use crate::server::Server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    if env::args().nth(1).as_deref() == Some("--stdio") {
        Server.serve(stdio()).await?.waiting().await?;
        return Ok(());
    }
    let log = env::args_os().nth(1).map(ActivityLog::open).transpose()?;
    let (sessions, config) = (
        LocalSessionManager::default,
        StreamableHttpServerConfig::default,
    );
    let app = match &log {
        Some(log) => {
            let log = log.clone();
            let factory = move || Ok(Server.with_activity(&log));
            let service = StreamableHttpService::new(factory, sessions().into(), config());
            Router::new().nest_service("/mcp", service)
        }
        None => {
            let service = StreamableHttpService::new(|| Ok(Server), sessions().into(), config());
            Router::new().nest_service("/mcp", service)
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/mcp", listener.local_addr()?);
    let (mut input, mut nothing) = (stdin(), Vec::new());
    tokio::select! {
        served = axum::serve(listener, app) => served?,
        read = input.read_to_end(&mut nothing) => drop(read?),
    }
    if let Some(log) = log {
        log.shutdown().await?;
    }
    Ok(())
}
