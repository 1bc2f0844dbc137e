//! An MCP server whose tools do real work on real input, and whose calls are recorded.
//!
//! ```text
//! tool-server                          # over stdio, as MCP clients start it
//! tool-server --http 127.0.0.1:8000    # over streamable HTTP, at /mcp
//! ```
//!
//! The store is `ACTIVITY_STORE` [default: `activity.db`]. One line records the calls: `.with_activity(…)` in `server.rs`.
//! Standard output belongs to the protocol; the server prints to standard error.

mod root;
mod serve;
mod server;
mod tools;

use std::{error::Error, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use tokio::runtime::Runtime;
use tower_activity::{ActivityEvents, ActivityLog};
use tracing_subscriber::{layer::SubscriberExt, registry, util::SubscriberInitExt};

use crate::root::Root;

/// Timeout of the shutdown for tools that are running on blocking threads.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// An MCP server whose tools do real work, and whose calls are recorded.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Serve streamable HTTP at this loopback address, under /mcp, instead of stdio.
    #[arg(long, value_name = "ADDRESS", value_parser = loopback)]
    http: Option<SocketAddr>,
    /// The folder that the tools may read.
    #[arg(long, default_value = ".")]
    root: PathBuf,
}

/// Parses a loopback address: the tools read files, and there is no authentication.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "expected an address and a port, such as 127.0.0.1:8000")?;
    if !address.ip().is_loopback() {
        let ip = address.ip();
        return Err(format!(
            "{ip} is reachable from other machines, and there is no authentication"
        ));
    }
    Ok(address)
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tool-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let root = Root::new(&args.root)?;
    let log = ActivityLog::from_env()?;
    // Records the tools' log lines with their calls. To print them too, add another layer.
    registry().with(ActivityEvents::new()).try_init()?;
    let runtime = Runtime::new()?;
    let served = runtime.block_on(async {
        match args.http {
            Some(address) => serve::http(address, &log, &root).await,
            None => serve::stdio(&log, &root).await,
        }
    });
    // Drops the calls that are still running: they end as cancelled before the log shuts down.
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    eprintln!("tool-server: {}", log.shutdown().wait()?);
    served
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_served() {
        let check = |text: &str, expected| assert_eq!(loopback(text).is_ok(), expected, "{text}");
        check("127.0.0.1:8000", true);
        check("[::1]:0", true);
        check("0.0.0.0:8000", false);
        check("192.0.2.7:8000", false);
        check("127.0.0.1", false);
    }
}
