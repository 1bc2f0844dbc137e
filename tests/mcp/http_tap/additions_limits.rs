//! What is not extended or answered: compressed, too long, too much at once, or not accepted by the server.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};
use tower_activity::mcp::HttpTapRequestBody;
use tracing::Level;
use tracing_subscriber::{layer::SubscriberExt, registry};

use super::{
    EVENTS, Frames, JSON, Last, SESSION, Server,
    additions::{Passed, borrowed, list, measured, offered, report, server, tools, with_reason},
    answer, call, event, frames, ok, post, request, response,
};
use crate::support::captured_events::CapturedEvents;

const COMPRESSED: [(&str, &str); 2] = [JSON, ("content-encoding", "gzip")];

/// Polls it once. Returns true if it is not ready.
async fn is_pending(future: &mut (impl Future + Unpin)) -> bool {
    tokio::select! {
        biased;
        _ = future => false,
        () = async {} => true,
    }
}

#[tokio::test]
async fn what_is_too_long_is_not_extended() {
    let server = server();
    server.list().await;
    let mut long = tools();
    long["_meta"] = json!({"pad": "x".repeat(4 << 20)});
    server.send(post(&list(2)), ok(&answer(2, long))).await;
    let mut long = with_reason(3, "add");
    long["params"]["arguments"]["b"] = json!("y".repeat(4 << 20));
    server.send(post(&long), ok(&answer(3, json!({})))).await;
    assert_eq!(server.layer.counts().too_long, 2);
    server.contents().count(1).one("add").succeeded();
}

#[tokio::test]
async fn compressed_lists_are_counted_and_nothing_else_is() {
    let server = server();
    let captured = CapturedEvents::default();
    let _capturing = tracing::subscriber::set_default(registry().with(captured.clone()));
    let body = || frames(answer(1, tools()).to_string());
    server
        .send(post(&list(1)), response(200, &COMPRESSED, body()))
        .await;
    assert_eq!(server.layer.counts().compressed_lists, 1);
    let (level, text) = captured.one();
    assert!(
        level == Level::WARN && text.contains("compressed"),
        "{text}"
    );

    // Lists without an answer: the server refuses one, breaks one off, and forgets one.
    server
        .send(post(&list(2)), response(503, &[JSON], Frames::default()))
        .await;
    let mut broken = response(200, &[JSON], frames("{"));
    broken.body_mut().last = Last::Error;
    server.send(post(&list(3)), broken).await;
    server.send(post(&list(4)), ok(&answer(5, json!({})))).await;
    for id in 6..9 {
        let body = frames(answer(id, json!({})).to_string());
        server
            .send(post(&call(id, "add")), response(200, &COMPRESSED, body))
            .await;
    }
    let long = json!({"pad": "x".repeat(5 << 20)});
    server
        .send(post(&call(9, "add")), ok(&answer(9, long.clone())))
        .await;
    let stream = frames(event("1", &answer(10, long)));
    server
        .send(post(&call(10, "add")), response(200, &[EVENTS], stream))
        .await;
    let counts = server.layer.counts();
    assert_eq!((counts.compressed_lists, counts.too_long), (1, 0));

    // The head of an answer passes before its body.
    let mut slow = ok(&answer(11, json!({})));
    slow.body_mut().last = Last::Pending;
    let mut opened = Box::pin(server.open(post(&call(11, "add")), slow));
    assert!(!is_pending(&mut opened).await);

    server
        .send(post(&list(12)), response(200, &COMPRESSED, body()))
        .await;
    assert_eq!(server.layer.counts().compressed_lists, 2);
    captured.one();
}

#[tokio::test]
async fn a_stream_with_a_length_in_its_head_changes_with_it() {
    let server = server();
    let (headers, body) = measured(&[EVENTS], &event("1", &answer(1, tools())));
    let of_list = response(200, &borrowed(&headers), body);
    let passed = server.exchange(post(&list(1)), of_list).await;
    assert_eq!(Passed::length(&passed.headers), Some(passed.body.len()));
    let data = passed.body.strip_prefix("id: 1\ndata: ").unwrap();
    assert_eq!(offered(data.trim_end()).len(), 2);
}

#[tokio::test]
async fn requests_that_are_held_hold_at_most_64_mib_together() {
    let server = server();
    let service = service_fn(async |_: Request<HttpTapRequestBody<Frames>>| {
        Ok::<_, Infallible>(response(202, &[], Frames::default()))
    });
    let send = || {
        let mut slow = post(&list(1));
        *slow.body_mut() = Frames {
            frames: vec![Bytes::from(vec![b' '; 4 << 20])],
            last: Last::Pending,
        };
        Box::pin(server.layer.layer(service).oneshot(slow))
    };
    let mut held = Vec::new();
    for _ in 0..16 {
        let mut slow = send();
        assert!(is_pending(&mut slow).await);
        held.push(slow);
    }
    assert_eq!(server.layer.counts().too_long, 0);
    assert!(!is_pending(&mut send()).await);
    assert_eq!(server.layer.counts().too_long, 1);
    // A client that leaves makes room.
    held.pop();
    assert!(is_pending(&mut send()).await);
    assert_eq!(server.layer.counts().too_long, 1);
}

#[tokio::test]
async fn reports_reach_a_server_that_has_not_accepted_their_session() {
    let server = server();
    let of_list = frames(answer(1, tools()).to_string());
    server
        .exchange(post(&list(1)), response(200, &[JSON, SESSION], of_list))
        .await;
    let unused = || response(500, &[], Frames::default());
    let is_answered = async |server: &Server| {
        let passed = server.exchange(post(&report(2)), unused()).await;
        passed.request.is_none()
    };
    assert!(is_answered(&server).await);

    let refuses = || response(401, &[], Frames::default());
    // More than there are sessions that are remembered.
    for number in 0..10_001 {
        let id = format!("made-up-{number}");
        let headers = [JSON, ("mcp-session-id", &*id)];
        let invented = request(Method::POST, &headers, frames(report(3).to_string()));
        let passed = server.exchange(invented, refuses()).await;
        assert!(passed.request.is_some() && passed.status == 401);
    }
    let without = request(Method::POST, &[JSON], frames(report(4).to_string()));
    assert!(server.exchange(without, refuses()).await.request.is_some());
    assert!(is_answered(&server).await, "its session is remembered");

    // The server has forgotten the session.
    let gone = response(404, &[], Frames::default());
    server.send(post(&call(5, "add")), gone).await;
    assert!(!is_answered(&server).await);
}
