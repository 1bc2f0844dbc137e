//! A gRPC server whose calls are recorded.
//!
//! ```text
//! tonic-greeter                       # at 127.0.0.1:50051
//! tonic-greeter 127.0.0.1:0           # at any free port, which it prints
//! ```
//!
//! The store is `ACTIVITY_STORE` [default: `activity.db`]. One line in `lib.rs` records the calls.

use std::{env, error::Error};

use tokio::net::TcpListener;
use tonic_greeter::{Polite, serve};
use tower_activity::ActivityLog;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:50051".into());
    let log = ActivityLog::from_env()?;
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    println!("tonic-greeter: http://{}", listener.local_addr()?);
    let stop = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            eprintln!("tonic-greeter: cannot wait for ctrl-c: {error}");
        }
    };
    serve(Polite::default(), listener, &log, stop).await?;
    println!("{}", log.shutdown().await?);
    Ok(())
}
