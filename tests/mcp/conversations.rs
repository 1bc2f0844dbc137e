//! Calls over HTTP without sessions: each request has a server of its own, and a conversation joins them.

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_activity::{
    ActivityLayer, ActivityLog, Kind, Status, mcp::WithActivityExt, record::ActivityRecord,
};
use tower_layer::Layer;

use crate::{operations::Server, support::rows};

const VERSION: &str = "2026-07-28";

/// Calls `greet`, which asks for a name twice.
async fn greet(
    log: &ActivityLog,
    state: Option<&'static str>,
    conversation: Option<&str>,
    arguments: &Value,
) {
    let tools = log.tools().session_argument("basket");
    let mut config = StreamableHttpServerConfig::default();
    config.legacy_session_mode = false;
    let service = StreamableHttpService::new(
        move || Ok(Server::new(state).with_activity(&tools)),
        LocalSessionManager::default().into(),
        config,
    );
    let mut meta = json!({
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
    });
    if let Some(conversation) = conversation {
        meta["gen_ai.conversation.id"] = conversation.into();
    }
    let mut params = json!({"name": "greet", "arguments": {}, "_meta": meta});
    params
        .as_object_mut()
        .unwrap()
        .extend(arguments.as_object().unwrap().clone());
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://localhost/mcp")
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header("mcp-protocol-version", VERSION)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "greet")
        .body(Full::new(Bytes::from(call.to_string())))
        .unwrap();
    let service = ActivityLayer::http(log).layer(service);
    let response = service.oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let answer = str::from_utf8(&body).unwrap();
    assert!(answer.contains("\"result\""), "{answer}");
}

/// What the client sends after the first question.
fn answer(state: Option<&str>) -> Value {
    let mut arguments = json!({"inputResponses": {"first": {"action": "accept", "content": {}}}});
    if let Some(state) = state {
        arguments["requestState"] = state.into();
    }
    arguments
}

/// The tool calls, oldest first.
fn tools(log: &ActivityLog) -> Vec<ActivityRecord> {
    let mut rows = rows(log).0;
    rows.retain(|row| row.kind == Kind::Tool);
    assert!(rows.iter().all(|row| row.status == Status::Success));
    rows
}

#[tokio::test]
async fn two_calls_are_joined_by_the_servers_state_or_by_their_conversation() {
    for (state, conversation) in [(Some("round trip"), None), (None, Some("chat-7"))] {
        let log = ActivityLog::open(":memory:").unwrap();
        greet(&log, state, conversation, &json!({})).await;
        greet(&log, state, conversation, &answer(state)).await;
        let rows = tools(&log);
        let [first, second] = rows.as_slice() else {
            panic!("two calls, not {rows:#?}");
        };
        assert_eq!(second.parent, Some(first.id));
        assert_eq!(second.root, first.root);
        // The request that made it is its other activity.
        assert!(second.attributes["activity.link"].is_string());
        for row in [first, second] {
            assert_eq!(row.scope.session.as_deref(), conversation);
        }
    }
}

#[tokio::test]
async fn calls_of_different_conversations_or_of_none_are_not_joined() {
    let pairs = [
        (Some("chat-7"), Some("chat-8")),
        (Some("chat-7"), None),
        (None, None),
    ];
    for (before, after) in pairs {
        let log = ActivityLog::open(":memory:").unwrap();
        greet(&log, None, before, &json!({})).await;
        greet(&log, None, after, &answer(None)).await;
        let rows = tools(&log);
        let requests = rows.iter().map(|row| row.parent.unwrap());
        assert_eq!(requests.collect::<std::collections::HashSet<_>>().len(), 2);
        assert!(rows.iter().all(|row| row.parent != Some(rows[0].id)));
    }
}

#[tokio::test]
async fn calls_of_one_conversation_that_answer_nothing_are_two_operations_in_one_session() {
    let log = ActivityLog::open(":memory:").unwrap();
    for _ in 0..2 {
        greet(&log, None, Some("chat-7"), &json!({})).await;
    }
    let rows = tools(&log);
    assert_ne!(rows[0].root, rows[1].root);
    assert_eq!(rows[0].scope.session, rows[1].scope.session);
}

#[tokio::test]
async fn the_handle_in_an_argument_is_the_session_of_a_call() {
    let log = ActivityLog::open(":memory:").unwrap();
    let handle = json!({"arguments": {"basket": "b-1"}});
    greet(&log, None, None, &handle).await;
    greet(&log, None, None, &json!({"arguments": {"basket": 7}})).await;
    greet(&log, None, Some("chat-7"), &handle).await;
    for arguments in [json!(""), json!(null), json!(["b"]), json!("b".repeat(513))] {
        greet(
            &log,
            None,
            None,
            &json!({"arguments": {"basket": arguments}}),
        )
        .await;
    }
    let rows = tools(&log);
    let sessions = rows.iter().map(|row| row.scope.session.as_deref());
    let expected = [
        Some("b-1"),
        Some("7"),
        Some("chat-7"),
        None,
        None,
        None,
        None,
    ];
    assert_eq!(sessions.collect::<Vec<_>>(), expected);
}
