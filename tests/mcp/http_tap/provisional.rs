//! Requests that are not known to be calls yet: what refers to them, and what they cost.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_activity::{
    Activity, ActivityLog, Describe, Kind, Outcome,
    activity::ActivityGuard,
    mcp::{HttpTapLayer, HttpTapRequestBody},
    record::Filter,
};

use super::{Frames, Server, answer, call, ok, post};

fn ping() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})
}

fn small_log() -> ActivityLog {
    let builder = ActivityLog::builder().memory_limit(64 << 10);
    builder.open(":memory:").unwrap()
}

/// Starts activities with this attribute until there is no memory for another.
fn fill(log: &ActivityLog, running: &mut Vec<ActivityGuard>, text: &str) {
    loop {
        let one = log.start(Describe::job("filler").attribute("text", text));
        match one.id() {
            Some(_) => running.push(one),
            None => return,
        }
    }
}

/// Sends a request, with this work inside the service.
async fn send(layer: &HttpTapLayer, message: &Value, inside: impl Fn() + Clone) {
    let service = service_fn(move |request: Request<HttpTapRequestBody<Frames>>| {
        let inside = inside.clone();
        async move {
            request.into_body().collect().await.unwrap();
            inside();
            Ok::<_, Infallible>(ok(&answer(1, json!({}))))
        }
    });
    let service = layer.layer(service);
    let response: Response<_> = service.oneshot(post(message)).await.unwrap();
    response.into_body().collect().await.unwrap();
}

#[tokio::test]
async fn what_comes_after_a_request_that_is_not_recorded_stands_alone() {
    let server = Server::new();
    let kept = Arc::new(Mutex::new(Activity::default()));
    let of_service = kept.clone();
    send(&server.layer, &ping(), move || {
        *of_service.lock().unwrap() = Activity::current();
    })
    .await;
    // A task that it has started goes on.
    let kept = kept.lock().unwrap().clone();
    let copy = kept.clone();
    let late = server.log.start(Describe::job("late").parent(&copy));
    late.end(Outcome::success());
    drop(kept.event("deployment").record());
    assert!(kept.trace_context().is_none());

    let contents = server.contents();
    contents.count(1).one("late").top_level();
    let events = contents.events();
    assert_eq!((events.len(), events[0].activity), (1, None));
}

#[cfg(feature = "subscriber")]
#[tokio::test]
async fn lines_after_a_request_that_is_not_recorded_are_ignored() {
    use tower_activity::ActivityEvents;
    use tracing_subscriber::{layer::SubscriberExt, registry};

    let lines = registry().with(ActivityEvents::new());
    let _lines = tracing::subscriber::set_default(lines);
    let server = Server::new();
    let kept = Arc::new(Mutex::new(Activity::default()));
    let of_service = kept.clone();
    send(&server.layer, &ping(), move || {
        *of_service.lock().unwrap() = Activity::current();
    })
    .await;
    kept.lock()
        .unwrap()
        .enter(|| tracing::info!("of a task that goes on"));
    let events = server.log.accounting().events;
    assert_eq!((events.recorded, events.rejected_limit), (0, 0));
    server.contents().count(0);
}

#[tokio::test]
async fn a_request_whose_trace_is_passed_on_is_recorded() {
    let server = Server::new();
    send(&server.layer, &ping(), || {
        assert!(Activity::current().trace_context().is_some());
    })
    .await;
    server.contents().count(1).one("POST").succeeded();
}

#[tokio::test]
async fn without_memory_calls_are_counted_and_other_requests_are_not() {
    let log = small_log();
    let layer = log.tools().http_tap();
    let mut running = Vec::new();
    // Then there is no room for a small one either.
    fill(&log, &mut running, &"x".repeat(1_000));
    let large = log.accounting().activities.open as usize;
    fill(&log, &mut running, "");
    let counts = || log.accounting().activities;
    let before = counts();
    assert_eq!(before.rejected(), 2);
    for _ in 0..10 {
        send(&layer, &ping(), || {
            assert!(Activity::current().id().is_none());
        })
        .await;
    }
    assert_eq!(counts(), before);
    send(&layer, &call(1, "add"), || ()).await;
    assert_eq!(counts().rejected(), 3);
    assert_eq!(counts().recorded, before.recorded + 1);

    // There is room for a call, but not for all that is known of it.
    running.remove(large - 1).end(Outcome::success());
    log.flush().await.unwrap();
    let mut described = call(1, "add");
    described["params"]["_meta"] = json!({
        "io.modelcontextprotocol/clientInfo": {"name": "y".repeat(4_000), "version": "1"}});
    send(&layer, &described, || ()).await;
    log.flush().await.unwrap();
    described["params"]["name"] = json!("long".repeat(100));
    send(&layer, &described, || ()).await;
    log.flush().await.unwrap();
    assert!(counts().adds_up(), "{:?}", counts());
    let mut reader = log.reader().unwrap();
    let rows = reader.page(&Filter::default(), None, 100).unwrap().records;
    let add = rows.iter().find(|row| row.name == "add").unwrap();
    assert!(add.truncated && !add.attributes.contains_key("mcp.client.name"));
    let long = rows.iter().find(|row| row.name.starts_with("longlong"));
    let long = long.unwrap();
    assert!(long.truncated && long.kind == Kind::Tool, "{long:?}");
}

#[tokio::test]
async fn the_reason_of_a_rejection_is_that_of_the_start() {
    let log = small_log();
    let mut running = Vec::new();
    fill(&log, &mut running, "");
    let before = log.accounting().activities;
    let closing = log.clone();
    let service = service_fn(move |request: Request<HttpTapRequestBody<Frames>>| {
        let closing = closing.clone();
        async move {
            closing.shutdown().await.unwrap();
            request.into_body().collect().await.unwrap();
            Ok::<_, Infallible>(ok(&answer(1, json!({}))))
        }
    });
    let service = log.tools().http_tap().layer(service);
    let response: Response<_> = service.oneshot(post(&call(1, "add"))).await.unwrap();
    response.into_body().collect().await.unwrap();
    let after = log.accounting().activities;
    assert_eq!(
        (after.rejected_memory, after.rejected_closed),
        (before.rejected_memory + 1, before.rejected_closed)
    );
}
