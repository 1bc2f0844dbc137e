//! Tool servers over HTTP.

use std::{net::SocketAddr, path::Path};

use axum::Router;
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};
use tokio::net::TcpListener;
use tower_activity::{ActivityLog, mcp::WithActivityExt};
use tower_mcp::HttpTransport;

use crate::outcomes::{
    Case, Ran, arrived,
    lines::{Http, call, cancel, hello, initialized},
    mcp::{Server, not, router, tool},
};

pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A server that is not wrapped, under the layer that reads the messages.
fn tapped(log: &ActivityLog, config: StreamableHttpServerConfig) -> Router {
    let service =
        StreamableHttpService::new(|| Ok(Server), LocalSessionManager::default().into(), config);
    Router::new()
        .nest_service("/mcp", service)
        .layer(log.tools().http_tap())
}

pub(crate) async fn tapped_stateful(case: Case, store: &Path) -> Ran {
    if let Some(why) = not_tapped(case) {
        return Err(why);
    }
    let log = ActivityLog::open(store).unwrap();
    let address = serve(tapped(&log, StreamableHttpServerConfig::default())).await;
    let session = begin(address).await;
    Ok(Box::new((
        log,
        run(case, store, address, Some(&session)).await,
    )))
}

pub(crate) async fn tapped_stateless(case: Case, store: &Path) -> Ran {
    if let Some(why) = not_tapped(case) {
        return Err(why);
    }
    let log = ActivityLog::open(store).unwrap();
    let mut config = StreamableHttpServerConfig::default();
    config.legacy_session_mode = false;
    let address = serve(tapped(&log, config)).await;
    Ok(Box::new((log, run(case, store, address, None).await)))
}

fn not_tapped(case: Case) -> Option<&'static str> {
    match case {
        Case::Panic => Some("this server catches it, and does not answer"),
        _ => not(case),
    }
}

fn rmcp(log: &ActivityLog, config: StreamableHttpServerConfig) -> Router {
    let log = log.clone();
    let service = StreamableHttpService::new(
        move || Ok(Server.with_activity(&log)),
        LocalSessionManager::default().into(),
        config,
    );
    Router::new().nest_service("/mcp", service)
}

/// Starts a session, and returns its id.
pub(crate) async fn begin(address: SocketAddr) -> String {
    let mut hello = Http::post(address, None, &hello()).await;
    let answer = hello.answer("protocolVersion").await;
    let header = |line: &str| line.strip_prefix("mcp-session-id: ").map(str::to_owned);
    let session = answer.lines().find_map(header).unwrap();
    let mut ready = Http::post(address, Some(&session), &initialized()).await;
    ready.closed().await;
    session
}

/// Runs a case.
async fn run(case: Case, store: &Path, address: SocketAddr, session: Option<&str>) -> Option<Http> {
    let mut client = Http::post(address, session, &call(tool(case))).await;
    match case {
        Case::Success | Case::Error => drop(client.answer("\"result\"").await),
        Case::CancelledBefore if session.is_some() => {
            arrived(store);
            Http::post(address, session, &cancel()).await.closed().await;
        }
        // A message cannot name a call of another request: the client can only disconnect.
        Case::CancelledBefore => {
            arrived(store);
            return None;
        }
        _ => arrived(store),
    }
    Some(client)
}

pub(crate) async fn stateful(case: Case, store: &Path) -> Ran {
    if let Some(why) = not(case) {
        return Err(why);
    }
    let log = ActivityLog::open(store).unwrap();
    let address = serve(rmcp(&log, StreamableHttpServerConfig::default())).await;
    let session = begin(address).await;
    Ok(Box::new((
        log,
        run(case, store, address, Some(&session)).await,
    )))
}

pub(crate) async fn stateless(case: Case, store: &Path) -> Ran {
    if let Some(why) = not(case) {
        return Err(why);
    }
    let log = ActivityLog::open(store).unwrap();
    let mut config = StreamableHttpServerConfig::default();
    config.legacy_session_mode = false;
    let address = serve(rmcp(&log, config)).await;
    Ok(Box::new((log, run(case, store, address, None).await)))
}

pub(crate) async fn tower_mcp(case: Case, store: &Path) -> Ran {
    if let Some(why) = not(case) {
        return Err(why);
    }
    let log = ActivityLog::open(store).unwrap();
    let transport = HttpTransport::new(router())
        .disable_origin_validation()
        .layer(log.tools().layer().detect_cancellation());
    let address = serve(Router::new().nest("/mcp", transport.into_router())).await;
    let session = begin(address).await;
    Ok(Box::new((
        log,
        run(case, store, address, Some(&session)).await,
    )))
}
