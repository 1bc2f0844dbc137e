//! The real server, called by a real client, and its records.
#![allow(clippy::unwrap_used)]

mod support;

use std::{path::Path, time::Duration};

use rmcp::{
    ServiceExt,
    model::{CallToolResult, ClientRequest, Request},
    service::PeerRequestOptions,
    transport::StreamableHttpClientTransport,
};
use serde_json::{Value, json};
use support::{Client, Fixture, call};
use tokio::process::Command;
use tower_activity::{
    Status,
    query::ActivityReader,
    record::{ActivityRecord, EventRecord},
};

fn text(result: &CallToolResult) -> &str {
    &result.content[0].as_text().unwrap().text
}

/// Calls every tool once, and checks what they answer.
async fn call_every_tool(client: &Client) {
    client.list_all_tools().await.unwrap();
    let found = client
        .call_tool(call("search_source", json!({"text": "needle"})))
        .await
        .unwrap();
    assert!(text(&found).contains("hello.txt"), "{found:?}");
    let read = client
        .call_tool(call("read_file", json!({"path": "hello.txt"})))
        .await
        .unwrap();
    assert!(text(&read).contains("needle here"));
    let sql = json!({"database": "shop.db", "sql": "SELECT name FROM item WHERE price > 3"});
    let rows = client.call_tool(call("query_sqlite", sql)).await.unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(text(&rows)).unwrap(),
        json!([{"name": "cup"}])
    );
    let count = client
        .call_tool(call("slow_count", json!({"pause_ms": 1})))
        .await
        .unwrap();
    assert!(text(&count).contains("files"));
    let failed = client
        .call_tool(call("fetch_invoice", json!({"number": 8})))
        .await
        .unwrap();
    assert_eq!(
        (failed.is_error, text(&failed)),
        (Some(true), "there is no invoice 8")
    );
    client
        .call_tool(call("fetch_invoice", json!({"number": 0})))
        .await
        .unwrap_err();
    let both = client
        .call_tool(call("find_and_read", json!({"text": "needle"})))
        .await
        .unwrap();
    assert!(text(&both).contains("needle here"));
}

/// Checks that the record has exactly what [`call_every_tool`] did.
fn check_record(rows: &[ActivityRecord], transport: &str) {
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.name.as_str(),
                row.status,
                row.error_type.as_deref(),
                row.parent.is_some(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("search_source", Status::Success, None, false),
            ("read_file", Status::Success, None, false),
            ("query_sqlite", Status::Success, None, false),
            ("slow_count", Status::Success, None, false),
            ("fetch_invoice", Status::Failed, Some("tool_error"), false),
            ("fetch_invoice", Status::Failed, Some("-32602"), false),
            ("find_and_read", Status::Success, None, false),
            ("search_source", Status::Success, None, true),
            ("read_file", Status::Success, None, true),
        ]
    );
    let outer = &rows[6];
    assert!(
        rows[7..]
            .iter()
            .all(|row| row.parent == Some(outer.id) && row.root == outer.id)
    );
    assert!(
        rows.iter()
            .all(|row| row.duration_ns.is_some() && row.scope.session == outer.scope.session)
    );
    assert!(outer.scope.session.is_some());
    assert!(
        rows[..7]
            .iter()
            .all(|row| row.attributes["network.transport"] == json!(transport))
    );
    let requests: std::collections::HashSet<_> = rows[..7]
        .iter()
        .map(|row| row.scope.request.clone())
        .collect();
    assert_eq!(requests.len(), 7, "each call has a request id of its own");
}

#[tokio::test]
async fn every_call_over_stdio_is_recorded_and_nothing_else() {
    let fixture = Fixture::new();
    let client = fixture.over_stdio().await;
    call_every_tool(&client).await;
    client.cancel().await.unwrap();
    let rows = fixture
        .until(|rows| rows.len() == 9 && rows.iter().all(|row| row.seq.is_some()))
        .await;
    check_record(&rows, "pipe");
}

#[tokio::test]
async fn every_call_over_http_is_recorded_and_nothing_else() {
    let fixture = Fixture::new();
    let (_server, url) = fixture.over_http().await;
    let client = ().serve(StreamableHttpClientTransport::from_uri(url.clone())).await.unwrap();
    call_every_tool(&client).await;
    client.cancel().await.unwrap();
    let rows = fixture
        .until(|rows| rows.len() == 9 && rows.iter().all(|row| row.seq.is_some()))
        .await;
    check_record(&rows, "tcp");

    let other = ().serve(StreamableHttpClientTransport::from_uri(url)).await.unwrap();
    other
        .call_tool(call("read_file", json!({"path": "hello.txt"})))
        .await
        .unwrap();
    let rows = fixture.until(|rows| rows.len() == 10).await;
    assert_ne!(
        rows[9].scope.session, rows[0].scope.session,
        "another client, another session"
    );
}

#[tokio::test]
async fn log_lines_of_a_tool_are_recorded_with_its_call() {
    let fixture = Fixture::new();
    let client = fixture.over_stdio().await;
    for (name, arguments) in [
        ("fetch_invoice", json!({"number": 7})),
        ("slow_count", json!({"pause_ms": 0})),
        ("read_file", json!({"path": "hello.txt"})),
    ] {
        client.call_tool(call(name, arguments)).await.unwrap();
    }
    client.cancel().await.unwrap();
    let rows = fixture
        .until(|rows| rows.len() == 3 && rows.iter().all(|row| row.seq.is_some()))
        .await;
    let mut reader = ActivityReader::open(fixture.store()).unwrap();
    let mut said = |row: &ActivityRecord| -> Vec<(String, Value)> {
        let events = reader.events_of(row.id, 10).unwrap().into_iter();
        let line = |event: EventRecord| {
            let fields = event.data.unwrap()["fields"].take();
            (event.summary.unwrap().to_string(), fields)
        };
        events.map(line).collect()
    };
    assert_eq!(
        said(&rows[0]),
        [("looking up an invoice".into(), json!({"number": 7}))]
    );
    assert_eq!(said(&rows[1]), [("counting".into(), json!({"files": 3}))]);
    assert_eq!(said(&rows[2]), []);
}

#[tokio::test]
async fn a_call_that_the_client_cancels_ends_as_cancelled() {
    let fixture = Fixture::new();
    let client = fixture.over_stdio().await;
    let slow = Request::new(call("slow_count", json!({"pause_ms": 60_000})));
    let handle = client
        .send_cancellable_request(
            ClientRequest::CallToolRequest(slow),
            PeerRequestOptions::no_options(),
        )
        .await
        .unwrap();
    fixture
        .until(|rows| rows.iter().any(|row| row.status == Status::Running))
        .await;
    handle.cancel(None).await.unwrap();
    let rows = fixture
        .until(|rows| rows.iter().all(|row| row.seq.is_some()))
        .await;
    assert_eq!(rows[0].status, Status::Cancelled);
    assert_eq!(rows[0].attributes["files"], json!(0));
}

#[tokio::test]
async fn a_killed_server_leaves_its_running_call_abandoned_and_the_others_complete() {
    let fixture = Fixture::new();
    let (mut server, url) = fixture.over_http().await;
    let client = ().serve(StreamableHttpClientTransport::from_uri(url)).await.unwrap();
    client
        .call_tool(call("read_file", json!({"path": "hello.txt"})))
        .await
        .unwrap();
    let slow = Request::new(call("slow_count", json!({"pause_ms": 60_000})));
    let _handle = client
        .send_cancellable_request(
            ClientRequest::CallToolRequest(slow),
            PeerRequestOptions::no_options(),
        )
        .await
        .unwrap();
    let rows = fixture
        .until(|rows| rows.len() == 2 && rows[0].seq.is_some() && rows[1].status == Status::Running)
        .await;
    let (read, slow) = (rows[0].id, rows[1].id);
    server.kill().await.unwrap();
    assert_eq!(
        fixture.rows()[1].status,
        Status::Abandoned,
        "readers see it at once"
    );

    // The next server writes it down.
    let client = fixture.over_stdio().await;
    client
        .call_tool(call("read_file", json!({"path": "hello.txt"})))
        .await
        .unwrap();
    let rows = fixture
        .until(|rows| rows.len() == 3 && rows.iter().all(|row| row.seq.is_some()))
        .await;
    assert_eq!((rows[0].id, rows[0].status), (read, Status::Success));
    assert_eq!(
        (rows[1].id, rows[1].status, rows[1].duration_ns),
        (slow, Status::Abandoned, None)
    );
    client.cancel().await.unwrap();
    check_whole(&fixture.store(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_exits_on_a_signal_although_a_client_holds_a_stream_open() {
    let fixture = Fixture::new();
    let (mut server, url) = fixture.over_http().await;
    let client = ().serve(StreamableHttpClientTransport::from_uri(url)).await.unwrap();
    client
        .call_tool(call("read_file", json!({"path": "hello.txt"})))
        .await
        .unwrap();
    let pid = server.id().unwrap().to_string();
    let asked = Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .await
        .unwrap();
    assert!(asked.success());
    let ended = tokio::time::timeout(Duration::from_secs(20), server.wait()).await;
    assert!(ended.unwrap().unwrap().success());
    assert_eq!(fixture.rows()[0].status, Status::Success);
    check_whole(&fixture.store(), 0);
}

fn check_whole(store: &Path, abandoned: u64) {
    let mut reader = ActivityReader::open(store).unwrap();
    assert_eq!(reader.integrity_errors().unwrap(), [""; 0]);
    let health = reader.health().unwrap();
    assert_eq!((health.abandoned, health.running), (abandoned, 0));
    assert!(
        health
            .instances
            .iter()
            .all(|instance| instance.accounting.adds_up()),
        "{health:#?}"
    );
}

#[tokio::test]
async fn no_path_leads_the_tools_out_of_their_folder() {
    let fixture = Fixture::new();
    let client = fixture.over_stdio().await;
    let link = if cfg!(unix) {
        "link.txt"
    } else {
        "../outside.txt"
    };
    for path in ["../outside.txt", "/etc/hostname", link, "missing.txt", ""] {
        let result = client
            .call_tool(call("read_file", json!({"path": path})))
            .await
            .unwrap();
        assert_eq!(result.is_error, Some(true), "{path}: {result:?}");
        assert!(!text(&result).contains("secret"));
    }
    let write = json!({"database": "shop.db", "sql": "DELETE FROM item"});
    let result = client.call_tool(call("query_sqlite", write)).await.unwrap();
    assert_eq!(result.is_error, Some(true));
}
