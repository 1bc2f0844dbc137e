//! An MCP server over stdio whose tools drive a browser, and leave a replay of every call.
//!
//! ```text
//! browser-tools            # as MCP clients start it; needs a Chromium, named by CHROMIUM or on the PATH
//! activity show ID         # what a call did, with its recordings
//! activity recording ID    # one of them, as the events that rrweb's player takes
//! ```
//!
//! `ACTIVITY_STORE` says where the record is kept, `activity.db` in the working directory by default. The tools shop on
//! a small site that the server serves by itself, to this machine alone. What makes it an example are the two lines in
//! `session.rs` that attach a browser session to the call that opens it, and link it to those that go on with it.

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
