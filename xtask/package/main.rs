//! An application with a dashboard that uses the library from the registry.

use std::net::SocketAddr;

use axum::{Router, extract::Path, routing::get};
use tower_activity::{ActivityLayer, ActivityLog};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let log = ActivityLog::open(":memory:")?;
    let app = Router::new()
        .route(
            "/hello/{name}",
            get(async |Path(name): Path<String>| format!("hello, {name}")),
        )
        .layer(ActivityLayer::http(&log))
        .nest_service("/ops/activity", log.router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).await?;
    Ok(())
}
