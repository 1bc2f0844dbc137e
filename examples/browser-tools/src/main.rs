//! An MCP server over stdio whose tools drive a browser, with a replay of every call.
//!
//! ```text
//! browser-tools            # as MCP clients start it; needs a Chromium: CHROMIUM, or on the PATH
//! activity show ID         # a call with its recordings
//! activity recording ID    # a recording, as events for rrweb's player
//! ```
//!
//! The store is `ACTIVITY_STORE` [default: `activity.db`]. The tools use a small shop that the server itself serves on
//! localhost. Two lines in `session.rs` matter: one attaches a browser session to the call that opens it, the other links it
//! to the calls that continue it.

mod browser;
mod devtools;
mod server;
mod session;
mod shop;

use std::{error::Error, process::ExitCode};

use rmcp::{ServiceExt, transport::stdio_pipes};
use tower_activity::{ActivityLog, mcp::WithActivityExt};

use crate::{browser::Browser, server::ShopTools, session::Sessions, shop::Shop};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("browser-tools: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let browser = Browser::start().await?;
    let log = ActivityLog::from_env()?;
    let shop = Shop::open().await?;
    let sessions = Sessions::new(browser, shop);
    let server = ShopTools::new(sessions.clone()).with_activity(&log);
    server.serve(stdio_pipes()).await?.waiting().await?;
    sessions.close().await;
    eprintln!("browser-tools: {}", log.shutdown().await?);
    Ok(())
}
