//! The server ends on a signal, even with calls running, and their ends are recorded.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use rmcp::{
    RoleClient, ServiceExt,
    model::{ClientRequest, Request},
    service::{PeerRequestOptions, RequestHandle},
    transport::{StreamableHttpClientTransport, TokioChildProcess},
};
use serde_json::{Value, json};
use support::{Client, Fixture, call};
use tokio::{process::Command, time::timeout};
use tower_activity::{Status, record::ActivityRecord};

/// A query that has no last row to find.
const ENDLESS: &str =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

/// Longer than a shutdown may take, shorter than the running call.
const SOON: Duration = Duration::from_secs(10);

fn endless() -> Value {
    json!({"database": "shop.db", "sql": ENDLESS})
}

async fn begin(client: &Client, name: &'static str, arguments: Value) -> RequestHandle<RoleClient> {
    let request = ClientRequest::CallToolRequest(Request::new(call(name, arguments)));
    client
        .send_cancellable_request(request, PeerRequestOptions::no_options())
        .await
        .unwrap()
}

async fn signal(name: &str, id: u32) {
    let id = id.to_string();
    let sent = Command::new("kill").args(["-s", name, &id]).status().await;
    assert!(sent.unwrap().success());
}

fn running(count: usize) -> impl Fn(&[ActivityRecord]) -> bool {
    move |rows| rows.len() == count && rows.iter().all(|row| row.status == Status::Running)
}

fn statuses(rows: &[ActivityRecord]) -> Vec<Status> {
    rows.iter().map(|row| row.status).collect()
}

#[tokio::test]
async fn over_stdio_with_its_client_still_there() {
    let fixture = Fixture::new();
    let process = TokioChildProcess::new(fixture.server()).unwrap();
    let id = process.id().unwrap();
    let client = ().serve(process).await.unwrap();
    let _slow = begin(&client, "slow_count", json!({"pause_ms": 60_000})).await;
    let _endless = begin(&client, "query_sqlite", endless()).await;
    fixture.until(running(2)).await;
    signal("TERM", id).await;
    let rows = fixture
        .until(|rows| rows.iter().all(|row| row.status != Status::Running))
        .await;
    assert_eq!(statuses(&rows), [Status::Cancelled; 2], "{rows:#?}");
    timeout(SOON, client.waiting()).await.unwrap().unwrap();
}

#[tokio::test]
async fn over_http_with_its_client_still_there() {
    for name in ["TERM", "INT"] {
        let fixture = Fixture::new();
        let (mut server, url) = fixture.over_http().await;
        let client = ().serve(StreamableHttpClientTransport::from_uri(url)).await.unwrap();
        let _slow = begin(&client, "slow_count", json!({"pause_ms": 60_000})).await;
        let _endless = begin(&client, "query_sqlite", endless()).await;
        fixture.until(running(2)).await;
        signal(name, server.id().unwrap()).await;
        let ended = timeout(SOON, server.wait()).await.unwrap().unwrap();
        assert!(ended.success(), "{ended}");
        let rows = fixture.rows();
        assert_eq!(statuses(&rows), [Status::Cancelled; 2], "{rows:#?}");
    }
}

#[tokio::test]
async fn a_query_without_end_stops_when_its_client_cancels_it() {
    let fixture = Fixture::new();
    let (mut server, url) = fixture.over_http().await;
    let client = ().serve(StreamableHttpClientTransport::from_uri(url)).await.unwrap();
    let query = begin(&client, "query_sqlite", endless()).await;
    fixture.until(running(1)).await;
    query.cancel(None).await.unwrap();
    let rows = fixture
        .until(|rows| rows.iter().all(|row| row.status != Status::Running))
        .await;
    assert_eq!(statuses(&rows), [Status::Cancelled]);
    server.kill().await.unwrap();
}
