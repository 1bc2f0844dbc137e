//! The dashboard inside an application, with a week of history and endless simulated work:
//! `cargo run --example dashboard --features dashboard,recording,testing,time-zones [ADDRESS [PREFIX [STORE [RECORDS]]]]`. In a
//! clone `cargo xtask dashboard` builds its pages first.
//!
//! RECORDS is what a new store has: `week` (the default), `messy` (names and payloads that are hard to show), `empty`, or
//! `damaged` (a week, in a file that cannot be read).

mod history;
mod messy;
mod session;
mod work;

use std::{error::Error, fs, net::SocketAddr, path::Path, sync::Arc};

use axum::Router;
use tower_activity::{ActivityLog, store::sqlite::SqliteStore, web::ActivityRouter};

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
    let records = args.next().unwrap_or_else(|| "week".into());
    if !store.exists() {
        write(&records, &store).await?;
    }
    let log = ActivityLog::open(&store)?;
    let mut router = log.router();
    let mut working = None;
    match &*records {
        "week" => working = Some(tokio::spawn(work::run_forever(log.clone()))),
        "damaged" => {
            log.shutdown().await?;
            damage(&store)?;
            router = ActivityRouter::from_store(Arc::new(SqliteStore::new(&store)?));
        }
        _ => {}
    }

    let app: Router = match prefix.as_str() {
        "/" => Router::new().fallback_service(router),
        prefix => Router::new().nest_service(prefix.trim_end_matches('/'), router),
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
    if let Some(working) = working {
        working.abort();
    }
    log.shutdown().await?;
    Ok(())
}

/// Writes a new store with these records.
async fn write(records: &str, store: &Path) -> Result<(), Box<dyn Error>> {
    match records {
        "week" | "damaged" => history::write(store).await?,
        "messy" => {
            let log = ActivityLog::open(store)?;
            messy::write(&log).await;
            log.shutdown().await?;
        }
        "empty" => {}
        other => return Err(format!("no such records: {other:?}").into()),
    }
    Ok(())
}

/// Overwrites all but the first pages of a file.
fn damage(store: &Path) -> Result<(), Box<dyn Error>> {
    let mut bytes = fs::read(store)?;
    if let Some(rest) = bytes.get_mut(8_192..) {
        rest.fill(0xa5);
    }
    fs::write(store, bytes)?;
    Ok(())
}
