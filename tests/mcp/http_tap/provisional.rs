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
    Activity, ActivityLog, Describe, Outcome,
    mcp::{HttpTapLayer, HttpTapRequestBody},
    record::Filter,
};

use super::{Frames, Server, answer, call, ok, post};

fn ping() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})
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
    let log = ActivityLog::builder()
        .memory_limit(64 << 10)
        .open(":memory:")
        .unwrap();
    let layer = log.tools().http_tap();
    let mut running = Vec::new();
    let mut fill = |text: &str| loop {
        let one = log.start(Describe::job("filler").attribute("text", text));
        match one.id() {
            Some(_) => running.push(one),
            None => return,
        }
    };
    // Then there is no room for a small one either.
    fill(&"x".repeat(1_000));
    let large = log.accounting().activities.open as usize;
    fill("");
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
    assert!(counts().adds_up(), "{:?}", counts());
    let mut reader = log.reader().unwrap();
    let rows = reader.page(&Filter::default(), None, 100).unwrap().records;
    let call = rows.iter().find(|row| row.name == "add").unwrap();
    assert!(call.truncated && !call.attributes.contains_key("mcp.client.name"));
}
