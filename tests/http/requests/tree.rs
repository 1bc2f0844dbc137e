//! An HTTP request, its tool call and the spawned work are one tree.

use axum::Router;
use http::header;
use rmcp::{
    ServerHandler, tool, tool_handler, tool_router,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_activity::{
    Activity, ActivityLayer, ActivityLog, Describe, Status, mcp::WithActivityExt,
    query::ActivityReader,
};

use crate::{
    requests::app::{send, serve},
    support::Rows,
};

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"import","arguments":{}}}"#;

#[derive(Debug, Clone)]
struct Server(ActivityLog);

#[tool_router]
impl Server {
    #[tool]
    async fn import(&self) -> String {
        let log = self.0.clone();
        let work = async move { log.start(Describe::job("parse")).run(|| "imported") };
        Activity::current().spawn(work).await.unwrap().into()
    }
}

#[tool_handler]
impl ServerHandler for Server {}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_its_tool_call_and_the_spawned_work_are_one_tree() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("activity.db");
    let log = ActivityLog::open(&store).unwrap();
    let recorded = log.clone();
    let mut config = StreamableHttpServerConfig::default();
    config.legacy_session_mode = false;
    let service = StreamableHttpService::new(
        move || Ok(Server(recorded.clone()).with_activity(&recorded)),
        LocalSessionManager::default().into(),
        config,
    );
    let app = Router::new()
        .nest_service("/mcp", service)
        .layer(ActivityLayer::http(&log));

    let headers = format!(
        "connection: close\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n{}: {}\r\n",
        header::CONTENT_LENGTH,
        CALL.len(),
    );
    let mut connection = send(serve(app).await, "POST", "/mcp", &headers).await;
    connection.write_all(CALL.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("imported"), "{answer}");
    log.shutdown().await.unwrap();

    let root = Rows::open(&store).one("POST /mcp").id;
    let tree = ActivityReader::open(&store).unwrap().tree(root).unwrap();
    let names: Vec<_> = tree.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["POST /mcp", "import", "parse"]);
    assert!(tree.iter().all(|one| one.status == Status::Success));
    let parents: Vec<_> = tree.iter().map(|one| one.parent).collect();
    assert_eq!(parents, [None, Some(tree[0].id), Some(tree[1].id)]);
}
