//! A tool server built with an SDK that is too old to be wrapped, below the layer that reads what passes.

mod served;

use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{CallToolRequestParams, CallToolResult},
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpService, session::local::LocalSessionManager,
    },
};
use tower::{Layer, ServiceExt};
use tower_activity::Kind;

#[derive(Clone)]
struct Shop;

impl ServerHandler for Shop {
    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        Ok(CallToolResult::success(Vec::new()))
    }
}

const INITIALIZE: &str = r#"{"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
    "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "matrix", "version": "1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#;
const CALL: &str =
    r#"{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add_to_cart"}}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = served::open()?;
    let service: StreamableHttpService<_, LocalSessionManager> =
        StreamableHttpService::new(|| Ok(Shop), Default::default(), Default::default());
    let service = log.tools().http_tap().layer(service);
    let mut session = None;
    for message in [INITIALIZE, INITIALIZED, CALL] {
        let mut request = http::Request::post("http://localhost/mcp")
            .header("host", "localhost")
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json");
        if let Some(session) = &session {
            request = request.header("mcp-session-id", session);
        }
        let request = request.body(Full::new(Bytes::from(message)))?;
        let response = service.clone().oneshot(request).await?;
        assert!(response.status().is_success(), "{response:?}");
        let id = response.headers().get("mcp-session-id").cloned();
        session = session.or(id);
        response.into_body().collect().await?;
    }
    served::check(log, Kind::Tool, "add_to_cart").await
}
