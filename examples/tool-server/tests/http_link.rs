//! An activity of the HTTP request that a tool call came in is the parent of the tool's.
#![allow(clippy::unwrap_used)]

use axum::Router;
use rmcp::{
    ServerHandler, ServiceExt,
    model::CallToolRequestParams,
    tool, tool_handler, tool_router,
    transport::{
        StreamableHttpClientTransport,
        streamable_http_server::{
            StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
        },
    },
};
use tokio::net::TcpListener;
use tower_activity::{ActivityLayer, ActivityLog, Kind, mcp::WithActivityExt, record::Filter};

#[derive(Debug, Clone)]
struct Server;

#[tool_router]
impl Server {
    #[tool]
    async fn hello(&self) -> String {
        "hello".into()
    }
}

#[tool_handler]
impl ServerHandler for Server {}

async fn link(sessions: bool) {
    let log = ActivityLog::open(":memory:").unwrap();
    let recorded = log.clone();
    let mut config = StreamableHttpServerConfig::default();
    config.legacy_session_mode = sessions;
    let service = StreamableHttpService::new(
        move || Ok(Server.with_activity(&recorded)),
        LocalSessionManager::default().into(),
        config,
    );
    let app = Router::new()
        .nest_service("/mcp", service)
        .layer(ActivityLayer::http(&log));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let client = ().serve(StreamableHttpClientTransport::from_uri(url)).await.unwrap();
    client
        .call_tool(CallToolRequestParams::new("hello"))
        .await
        .unwrap();
    log.flush().await.unwrap();
    let rows = log
        .reader()
        .unwrap()
        .page(&Filter::default(), None, 100)
        .unwrap()
        .records;
    let tool = rows.iter().find(|row| row.name == "hello").unwrap();
    let request = rows.iter().find(|row| Some(row.id) == tool.parent).unwrap();
    assert_eq!(
        (request.kind, request.name.as_str()),
        (Kind::Http, "POST /mcp")
    );
    assert_eq!(tool.root, request.id);
    assert_eq!(tool.scope.session.is_some(), sessions, "{tool:?}");
    let client = tool.attributes.get("mcp.client.name");
    assert_eq!(
        client.is_some(),
        sessions,
        "a client that rmcp makes up is none: {client:?}"
    );
}

#[tokio::test]
async fn with_sessions() {
    link(true).await;
}

#[tokio::test]
async fn without_sessions() {
    link(false).await;
}
