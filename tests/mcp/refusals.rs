//! Responses of a handler that rmcp does not send, because the client would not understand them.

use rmcp::{
    ClientHandler, ErrorData, RoleClient, RoleServer, ServerHandler, Service, ServiceError,
    model::{
        CallToolRequestParams, ClientCapabilities, ClientConfig, Implementation, ProtocolVersion,
        ReadResourceRequestParams, ReadResourceResponse,
    },
    service::{ClientLifecycleMode, ClientServiceExt, RequestContext, RunningService, ServiceExt},
};
use serde_json::json;
use tower_activity::{ActivityLog, Kind, Status, mcp::WithActivityExt};

use crate::{
    operations::{Server, call, routed},
    support::rows,
};

/// Serves it to a client without extensions that speaks this version.
async fn serve<C: ClientHandler>(
    server: impl Service<RoleServer>,
    client: C,
    version: ClientLifecycleMode,
) -> RunningService<RoleClient, C> {
    let (near, far) = tokio::io::duplex(64 << 10);
    tokio::spawn(async move { server.serve(far).await.unwrap().waiting().await.unwrap() });
    client.serve_with_lifecycle(near, version).await.unwrap()
}

fn newest() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    }
}

/// A client of the newest version that knows no tasks.
fn plain() -> ClientConfig {
    let capabilities = ClientCapabilities::builder().enable_elicitation();
    ClientConfig::new(capabilities.build(), Implementation::new("tester", "1"))
}

/// The code that the client gets.
fn code<T>(answer: Result<T, ServiceError>) -> String {
    match answer.err() {
        Some(ServiceError::McpError(error)) => error.code.0.to_string(),
        other => panic!("{other:?} is no protocol error"),
    }
}

fn export() -> CallToolRequestParams {
    call("export", json!({"end": "never"}))
}

#[tokio::test]
async fn a_task_that_its_client_does_not_get_is_not_running() {
    let log = ActivityLog::open(":memory:").unwrap();
    let server = Server::new(None).with_activity(&log);
    let client = serve(server, plain(), newest()).await;
    let refused = code(client.call_tool_once(export()).await);
    let rows = rows(&log);
    let row = rows.one("export");
    assert_eq!((row.kind, row.status), (Kind::Tool, Status::Failed));
    assert_eq!(row.error_type.as_deref(), Some(&*refused));
    assert_eq!(row.attributes["mcp.result.type"], json!("task"));
    assert_eq!(log.accounting().activities.open, 0);
}

#[tokio::test]
async fn a_task_that_a_router_sends_to_any_client_is_running() {
    let log = ActivityLog::open(":memory:").unwrap();
    let server = routed(Server::new(None)).with_activity(&log);
    let client = serve(server, plain(), newest()).await;
    client.call_tool_once(export()).await.unwrap();
    assert_eq!(log.accounting().activities.open, 1);
}

#[tokio::test]
async fn questions_that_a_client_of_an_older_version_does_not_get_are_a_failure() {
    let log = ActivityLog::open(":memory:").unwrap();
    let server = Server::new(Some("state")).with_activity(&log);
    let client = serve(server, (), ClientLifecycleMode::Initialize).await;
    let refused = code(client.call_tool_once(call("greet", json!({}))).await);
    let row = rows(&log).one("greet");
    assert_eq!(
        (row.status, row.error_type.as_deref()),
        (Status::Failed, Some(&*refused))
    );
}

/// A server without resources.
#[derive(Clone)]
struct Empty;

impl ServerHandler for Empty {
    async fn read_resource(
        &self,
        _: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Err(ErrorData::resource_not_found("no such file", None))
    }
}

#[tokio::test]
async fn a_missing_resource_has_the_code_that_its_client_gets() {
    let read = || ReadResourceRequestParams::new("file:///a.txt");
    let log = ActivityLog::open(":memory:").unwrap();
    let tools = log.tools().resources();
    let older = serve(
        Empty.with_activity(&tools),
        (),
        ClientLifecycleMode::Initialize,
    )
    .await;
    let newer = serve(Empty.with_activity(&tools), plain(), newest()).await;
    let codes = [
        code(older.read_resource(read()).await),
        code(newer.read_resource(read()).await),
    ];
    assert_ne!(codes[0], codes[1]);
    let rows = rows(&log).0;
    let types: Vec<_> = rows.iter().map(|row| row.error_type.as_deref()).collect();
    assert_eq!(types, codes.each_ref().map(|code| Some(code.as_str())));
}
