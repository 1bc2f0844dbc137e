//! A web application whose requests are recorded.
//!
//! ```text
//! axum-app                       # at http://127.0.0.1:3000
//! axum-app 127.0.0.1:0           # at any free port, which it prints
//! ```
//!
//! The store is `ACTIVITY_STORE` [default: `activity.db`]. One line in `lib.rs` records the requests.

use std::{env, error::Error, net::SocketAddr};

use axum_app::app;
use tokio::net::TcpListener;
use tower_activity::ActivityLog;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    let log = ActivityLog::from_env()?;
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    println!("axum-app: http://{}", listener.local_addr()?);
    let stop = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            eprintln!("axum-app: cannot wait for ctrl-c: {error}");
        }
    };
    // With the address of the client, which is then recorded too.
    let service = app(&log).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(stop)
        .await?;
    println!("{}", log.shutdown().await?);
    Ok(())
}
