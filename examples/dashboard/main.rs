//! The dashboard inside an application, with a week of history and endless simulated work:
//! `cargo run --example dashboard --features dashboard,recording,testing,time-zones [ADDRESS [PREFIX [STORE]]]`. In a clone
//! `cargo xtask dashboard` builds its pages first.

mod history;
mod session;
mod work;

use std::{error::Error, net::SocketAddr};

use axum::Router;
use tower_activity::{ActivityLog, web::ActivityRouter};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8787".into());
    let prefix = args.next().unwrap_or_else(|| "/ops/activity/".into());
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .map_err(|error| format!("cannot listen at {address}, name another address: {error}"))?;
    let folder = tempfile::tempdir()?;
    let store = match args.next() {
        Some(store) => store.into(),
        None => folder.path().join("activity.db"),
    };
    if !store.exists() {
        history::write(&store).await?;
    }
    let log = ActivityLog::open(&store)?;
    let working = tokio::spawn(work::run_forever(log.clone()));

    let app: Router = match prefix.as_str() {
        "/" => Router::new().fallback_service(log.router()),
        prefix => Router::new().nest_service(prefix.trim_end_matches('/'), log.router()),
    };
    println!("http://{}{prefix}", listener.local_addr()?);
    if !ActivityRouter::has_pages() {
        println!(
            "only the API: this build has no pages, `cargo xtask dashboard` builds them first"
        );
    }
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        served = axum::serve(listener, service) => served?,
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    working.abort();
    log.shutdown().await?;
    Ok(())
}
