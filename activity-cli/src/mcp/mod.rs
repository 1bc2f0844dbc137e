//! `activity mcp`: what was done, for models that ask. An MCP server over stdio that only reads.

mod budget;
mod find;
mod get;
mod line;
mod recent;
mod server;
mod stats;

use std::{io, time::Duration};

use rmcp::{ServiceExt, transport::stdio_pipes};
use tower_activity::store::sqlite::SqliteStore;

use crate::{failure::Failure, source};

use self::server::Server;

/// How long a question that still reads may delay the end.
const PATIENCE: Duration = Duration::from_secs(1);

/// Serves the one client that started this process, until it closes our standard input.
pub(crate) fn run(store: &str) -> Result<(), Failure> {
    // The log may be made later than this starts; what can never be one is said at once.
    let store = SqliteStore::new(source::path(store)?)?;
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
    runtime.shutdown_timeout(PATIENCE);
    served?;
    Ok(())
}
