//! `api/live`: new commits, and those missed since the last message.

use std::time::Duration;

use axum::Router;
use serde_json::Value;
use tower::ServiceExt;
use tower_activity::{ActivityLog, Describe, Outcome, web::Access};

use crate::web::{
    live_client::LiveClient,
    support::{get, log_with, request, router},
};

async fn record(log: &ActivityLog, name: &'static str) {
    log.start(Describe::tool(name)).end(Outcome::success());
    log.flush().await.unwrap();
}

#[tokio::test]
async fn commits_are_sent_live_and_missed_ones_after_reconnecting() {
    let log = log_with(&["before"]).await;
    let app = router(&log);
    let mut client = LiveClient::connect(&app, "/api/live", None).await;
    record(&log, "first").await;
    log.event("deployment").summary("v3").record();
    log.flush().await.unwrap();
    let first = client.next().await;
    assert_eq!(
        (first.event.as_str(), &first.data["name"]),
        ("activity", &Value::from("first"))
    );
    let event = client.next().await;
    assert_eq!(
        (event.event.as_str(), &event.data["summary"]),
        ("event", &Value::from("v3"))
    );
    drop(client);

    record(&log, "missed").await;
    for (path, last) in [
        ("/api/live", event.id.clone()),
        (&*format!("/api/live?after={}", event.id.unwrap()), None),
    ] {
        let mut client = LiveClient::connect(&app, path, last.as_deref()).await;
        assert_eq!(client.next().await.data["name"], "missed", "{path}");
    }
}

#[tokio::test]
async fn a_live_stream_has_log_lines_on_request() {
    let log = log_with(&[]).await;
    let app = router(&log);
    let mut quiet = LiveClient::connect(&app, "/api/live", None).await;
    let mut all = LiveClient::connect(&app, "/api/live?q=type:*", None).await;
    log.event("log").summary("a line").record();
    log.event("deployment").summary("v3").record();
    log.flush().await.unwrap();
    assert_eq!(quiet.next().await.data["summary"], "v3");
    assert_eq!(all.next().await.data["summary"], "a line");
    assert_eq!(all.next().await.data["summary"], "v3");
}

#[tokio::test]
async fn a_live_stream_is_filtered() {
    let log = log_with(&[]).await;
    let app = router(&log);
    let mut client = LiveClient::connect(&app, "/api/live?q=-name:noise%20kind:tool", None).await;
    log.event("deployment").record();
    record(&log, "noise").await;
    record(&log, "signal").await;
    assert_eq!(client.next().await.data["name"], "signal");

    let mut client = LiveClient::connect(&app, "/api/live?q=type:deployment", None).await;
    record(&log, "signal").await;
    log.event("deployment").record();
    log.flush().await.unwrap();
    assert_eq!(client.next().await.event, "event");

    let refused = get(&app, "/api/live?q=type:a%20kind:tool").await;
    refused.problem(400, "invalid");
}

#[tokio::test]
async fn an_activity_is_sent_while_running_and_again_when_it_ends() {
    let log = ActivityLog::builder()
        .flush_interval(Duration::from_millis(1))
        .open(":memory:")
        .unwrap();
    let app = router(&log);
    let running = log.start(Describe::tool("slow"));
    let mut client = LiveClient::connect(&app, "/api/live", None).await;
    let started = client.next().await;
    assert_eq!(
        (&started.data["status"], started.id),
        (&Value::from("running"), None)
    );
    running.end(Outcome::success());
    let ended = client.next().await;
    assert_eq!(ended.data["status"], "success");
    assert_eq!(ended.data["id"], started.data["id"]);
}

#[tokio::test]
async fn changes_are_sent_beside_records_or_instead_of_them() {
    let log = log_with(&["before"]).await;
    let app = router(&log);
    let mut also = LiveClient::connect(&app, "/api/live?changes=also&q=name:signal", None).await;
    let mut only = LiveClient::connect(&app, "/api/live?changes=only", None).await;
    for client in [&mut also, &mut only] {
        // Its ID is the position from which on nothing is missed.
        assert_eq!(client.next().await.event, "change");
    }
    record(&log, "noise").await;
    assert_eq!(also.next().await.event, "change");
    let noise = only.next().await;
    assert_eq!(noise.event, "change");
    record(&log, "signal").await;
    assert_eq!(also.next().await.data["name"], "signal");
    assert_eq!(only.next().await.event, "change");

    let path = format!("/api/live?changes=also&after={}", noise.id.unwrap());
    let mut client = LiveClient::connect(&app, &path, None).await;
    assert_eq!(client.next().await.data["name"], "signal");
    get(&app, "/api/live?changes=all")
        .await
        .problem(400, "invalid");
}

#[tokio::test]
async fn changes_do_not_report_commits_that_the_client_may_not_see() {
    let log = log_with(&[]).await;
    let app: Router = (log.router()).auth(|_| Access::projects(["acme"])).into();
    let commit = async |project: &'static str| {
        let hidden = log.start(Describe::tool("call").project(project));
        hidden.end(Outcome::success());
        log.flush().await.unwrap();
    };
    for changes in ["also", "only"] {
        let path = format!("/api/live?changes={changes}");
        let mut client = LiveClient::connect(&app, &path, None).await;
        let first = client.next().await;
        commit("nova").await;
        commit("acme").await;
        let next = client.next().await;
        let expected = if changes == "also" {
            "activity"
        } else {
            "change"
        };
        assert_eq!(
            (next.event.as_str(), first.event.as_str()),
            (expected, "change")
        );
    }
}

#[tokio::test]
async fn a_client_too_far_behind_gets_a_gap() {
    let log = log_with(&[]).await;
    for _ in 0..10_001 {
        log.start(Describe::tool("flood")).end(Outcome::success());
    }
    log.flush().await.unwrap();
    let app = router(&log);
    let mut client = LiveClient::connect(&app, "/api/live", Some("0-0")).await;
    let gap = client.next().await;
    assert_eq!(gap.event, "gap");
    let (activities, events) = gap.id.as_deref().unwrap().split_once('-').unwrap();
    assert!(activities.ends_with(".10001") && events.ends_with(".0"));
    record(&log, "after").await;
    assert_eq!(client.next().await.data["name"], "after");
}

#[tokio::test]
async fn one_client_takes_at_most_half_of_the_live_streams() {
    let log = log_with(&[]).await;
    let app = router(&log);
    let mut clients = Vec::new();
    for _ in 0..32 {
        clients.push(LiveClient::connect(&app, "/api/live", None).await);
    }
    get(&app, "/api/live").await.problem(503, "busy");
    let mut browser = request("GET", "/api/live");
    let headers = browser.headers_mut();
    headers.insert("sec-fetch-site", "same-origin".parse().unwrap());
    drop(LiveClient::send(&app, browser).await);
    // Other requests are not limited by it.
    assert_eq!(get(&app, "/api/activities").await.status, 200);
    clients.clear();
    // Closed connections are noticed at the next poll.
    loop {
        let again = app
            .clone()
            .oneshot(request("GET", "/api/live"))
            .await
            .unwrap();
        if again.status() == 200 {
            break;
        }
        // Another process: nothing notifies this one.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
