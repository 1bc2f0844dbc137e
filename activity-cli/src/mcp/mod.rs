//! `activity mcp`: a read-only MCP server over stdio.

mod budget;
mod errors;
mod find;
mod get;
mod line;
mod recent;
mod server;
mod stats;

use std::{io, time::Duration};

use crate::{failure::Failure, source};
use rmcp::{ServiceExt, transport::stdio_pipes};

use self::server::Server;

/// How long a running query may delay the exit.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves the client that started this process until it closes stdin.
pub(crate) fn run(store: &str) -> Result<(), Failure> {
    // The store may be created after this starts; only an unusable name fails now.
    let store = source::at(store)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let served = runtime.block_on(async {
        let serving = Server::new(store).serve(stdio_pipes()).await;
        serving
            .map_err(io::Error::other)?
            .waiting()
            .await
            .map_err(io::Error::other)
    });
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    served?;
    Ok(())
}
