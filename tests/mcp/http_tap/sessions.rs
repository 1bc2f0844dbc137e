//! Answers on other streams, ends without an answer, and bytes of any form.

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_activity::{Describe, Outcome, mcp::HttpTapRequestBody, record::Capture};

use super::{
    EVENTS, Frames, JSON, Last, SESSION, Server, answer, call, event, frames, get, ok, post,
    request, response,
};

#[tokio::test]
async fn an_answer_may_arrive_on_a_later_stream_of_the_session() {
    let server = Server::new();
    let primed = || response(200, &[EVENTS], frames("id: 1\ndata:\n\n"));
    server.send(post(&call(1, "resumed")), primed()).await;
    let mut dropped = primed();
    dropped.body_mut().last = Last::Pending;
    let mut dropped = server.begin(post(&call(2, "reconnected")), dropped).await;
    dropped.body_mut().frame().await.unwrap().unwrap();
    drop(dropped);
    server.send(post(&call(3, "forgotten")), primed()).await;
    let stream = [
        event("2", &answer(1, json!({}))),
        event("3", &answer(2, json!({}))),
    ]
    .concat();
    server
        .send(get(), response(200, &[EVENTS], frames(stream)))
        .await;
    let contents = server.contents();
    contents.one("resumed").succeeded();
    contents.one("reconnected").succeeded();
    contents.one("forgotten").running();

    server.clock.advance(Duration::from_secs(301));
    server
        .send(post(&call(4, "next")), ok(&answer(4, json!({}))))
        .await;
    server.contents().one("forgotten").failed("unanswered");
}

#[tokio::test]
async fn a_call_ends_with_its_response_if_that_has_no_answer() {
    let server = Server::new();
    server.send(post(&call(1, "silent")), ok(&json!({}))).await;
    server
        .send(post(&call(2, "other")), ok(&answer(1, json!({}))))
        .await;
    let mut broken = response(200, &[EVENTS], frames(": hello\n\n"));
    broken.body_mut().last = Last::Error;
    server.send(post(&call(3, "broken")), broken).await;
    let mut left = response(200, &[EVENTS], frames(": hello\n\n"));
    left.body_mut().last = Last::Pending;
    drop(server.begin(post(&call(4, "left")), left).await);
    let elsewhere = [("location", "/mcp/")];
    server
        .send(
            post(&call(5, "redirected")),
            response(307, &elsewhere, Frames::default()),
        )
        .await;
    let contents = server.contents();
    contents
        .one("redirected")
        .skipped()
        .attribute("http.response.status_code", 307);
    contents.one("silent").failed("unanswered");
    contents.one("other").failed("unanswered");
    contents.one("broken").failed("connection_reset");
    contents.one("left").cancelled();
}

#[tokio::test]
async fn a_client_cancels_a_call_or_closes_its_session() {
    let server = Server::new();
    let running = || {
        let mut response = response(200, &[EVENTS], frames("id: 1\ndata:\n\n"));
        response.body_mut().last = Last::Pending;
        response
    };
    let first = server.begin(post(&call(1, "stopped")), running()).await;
    let cancel = json!({"method": "notifications/cancelled", "params": {"requestId": 1, "reason": "too slow"}});
    server
        .send(post(&cancel), response(202, &[], Frames::default()))
        .await;
    let second = server.begin(post(&call(2, "closed")), running()).await;
    let delete = request(Method::DELETE, &[SESSION], Frames::default());
    server
        .send(delete, response(204, &[], Frames::default()))
        .await;
    let contents = server.contents();
    contents.count(2);
    contents.one("stopped").cancelled().message("too slow");
    contents.one("closed").cancelled();
    drop((first, second));
}

/// A proxy that ends loses its connections in any order.
#[tokio::test]
async fn what_is_open_at_the_close_ends_with_it() {
    let server = Server::new();
    let open = |last| {
        let mut response = response(200, &[EVENTS], frames("id: 1\ndata:\n\n"));
        response.body_mut().last = last;
        response
    };
    let single =
        |id: u64, name: &str| request(Method::POST, &[JSON], frames(call(id, name).to_string()));
    let in_session = server.begin(post(&call(1, "in_session")), open(Last::Error));
    let in_session = in_session.await;
    let broken = server.begin(single(2, "broken"), open(Last::Error)).await;
    let cut_off = server.begin(single(3, "cut_off"), open(Last::End)).await;
    let left = server.begin(single(4, "left"), open(Last::Pending)).await;
    let refused = response(502, &[], frames("cannot reach it"));
    let refused = server.begin(single(5, "refused"), refused).await;
    let answered = server.begin(single(6, "answered"), ok(&answer(6, json!({}))));
    let answered = answered.await;
    server.layer.close(&Outcome::cancelled());

    in_session.into_body().collect().await.unwrap_err();
    broken.into_body().collect().await.unwrap_err();
    cut_off.into_body().collect().await.unwrap();
    drop(left);
    refused.into_body().collect().await.unwrap();
    answered.into_body().collect().await.unwrap();
    // A request that arrived before, of which the service reads the body only now.
    server.send(post(&call(7, "late")), open(Last::End)).await;
    let contents = server.contents();
    contents.count(7).one("answered").succeeded();
    for name in ["in_session", "broken", "cut_off", "left", "refused", "late"] {
        contents.one(name).cancelled();
    }
}

#[tokio::test]
async fn a_service_that_fails_or_panics_fails_the_call() {
    let server = Server::new();
    let failing = service_fn(async |request: Request<HttpTapRequestBody<Frames>>| {
        request.into_body().collect().await.unwrap();
        Err::<Response<Frames>, _>(io::Error::from(io::ErrorKind::ConnectionRefused))
    });
    server
        .layer
        .layer(failing)
        .oneshot(post(&call(1, "fails")))
        .await
        .unwrap_err();
    let panicking = service_fn(async |request: Request<HttpTapRequestBody<Frames>>| {
        request.into_body().collect().await.unwrap();
        assert!(request_is_fine(), "it panicked");
        Ok::<_, Infallible>(Response::new(Frames::default()))
    });
    let service = server.layer.layer(panicking);
    tokio::spawn(service.oneshot(post(&call(2, "panics"))))
        .await
        .unwrap_err();
    let mut body = ok(&json!({}));
    body.body_mut().last = Last::Panic;
    let response = server.begin(post(&call(3, "body_panics")), body).await;
    tokio::spawn(response.into_body().collect())
        .await
        .unwrap_err();
    let contents = server.contents();
    contents.one("fails").failed("connection_refused");
    contents.one("panics").panicked().message("it panicked");
    contents.one("body_panics").panicked();
}

fn request_is_fine() -> bool {
    false
}

#[tokio::test]
async fn a_request_in_which_something_is_recorded_is_on_record() {
    let server = Server::new();
    let log = server.log.clone();
    let service = service_fn(move |request: Request<HttpTapRequestBody<Frames>>| {
        let log = log.clone();
        async move {
            log.start(Describe::job("before")).end(Outcome::success());
            request.into_body().collect().await.unwrap();
            log.start(Describe::job("after")).end(Outcome::success());
            Ok::<_, Infallible>(ok(&answer(1, json!({}))))
        }
    });
    let mut service = server.layer.layer(service);
    for message in [json!({"id": 1, "method": "ping"}), call(1, "tool")] {
        let response = service
            .ready()
            .await
            .unwrap()
            .call(post(&message))
            .await
            .unwrap();
        response.into_body().collect().await.unwrap();
    }
    let contents = server.contents();
    contents.count(6);
    contents
        .one("POST")
        .succeeded()
        .attribute("mcp.method.name", "ping")
        .children(["before", "after"]);
    contents.one("tool").children(["before", "after"]);
}

/// A line refers to its activity, which would put each `ping` on record.
#[cfg(feature = "subscriber")]
#[tokio::test]
async fn lines_before_a_call_is_known_are_counted() {
    use tower_activity::ActivityEvents;
    use tracing_subscriber::{layer::SubscriberExt, registry};

    let lines = registry().with(ActivityEvents::new());
    let _lines = tracing::subscriber::set_default(lines);
    let server = Server::new();
    let service = service_fn(async |request: Request<HttpTapRequestBody<Frames>>| {
        tracing::info!("early");
        if request.headers().contains_key("authorization") {
            return Ok(response(401, &[], Frames::default()));
        }
        request.into_body().collect().await.unwrap();
        tracing::info!("late");
        Ok::<_, Infallible>(ok(&answer(1, json!({}))))
    });
    let mut refused = post(&call(2, "refused"));
    let token = "Bearer wrong".parse().unwrap();
    refused.headers_mut().insert("authorization", token);
    let ping = post(&json!({"id": 1, "method": "ping"}));
    for request in [ping, post(&call(1, "tool")), refused] {
        let service = server.layer.layer(service);
        let response = service.oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    let contents = server.contents();
    contents.count(2);
    for name in ["tool", "POST"] {
        contents.one(name).attribute("log.dropped_count", 1);
    }
    contents.one("tool").event("log").summary("late");
    // As outside of any activity, those of the ping are ignored.
    let events = server.log.accounting().events;
    assert_eq!((events.recorded, events.rejected_limit), (3, 2));
    assert!(events.adds_up(), "{events:?}");
}

/// The transport of 2024-11-05.
#[tokio::test]
async fn answers_arrive_on_the_stream_that_names_the_endpoint() {
    let server = Server::new();
    let endpoint = "event: endpoint\r\ndata: /messages/?session_id=abc\r\n\r\n";
    let stream = [
        endpoint.into(),
        event("", &answer(1, json!({}))),
        event("", &answer(2, json!({}))),
    ];
    let mut events = response(
        200,
        &[EVENTS],
        Frames {
            frames: stream.map(Bytes::from).into(),
            last: Last::End,
        },
    );
    events.body_mut().last = Last::End;
    let open = request(
        Method::GET,
        &[("accept", "text/event-stream")],
        Frames::default(),
    );
    let mut events = server.begin(open, events).await;
    events.body_mut().frame().await.unwrap().unwrap();
    let send = async |message: Value| {
        let mut request = request(Method::POST, &[JSON], frames(message.to_string()));
        *request.uri_mut() = "/messages/?session_id=abc".parse().unwrap();
        server
            .send(request, response(202, &[], frames("Accepted")))
            .await;
    };
    send(call(1, "first")).await;
    send(call(2, "second")).await;
    send(call(3, "third")).await;
    server.contents().one("first").running();
    events.body_mut().frame().await.unwrap().unwrap();
    server.contents().one("first").succeeded();
    while events.body_mut().frame().await.is_some() {}
    let contents = server.contents();
    contents.one("second").succeeded();
    contents.one("third").failed("unanswered");
}

#[tokio::test]
async fn what_is_not_understood_passes_and_is_counted() {
    let server = Server::new();
    let gzip = ("content-encoding", "gzip");
    let others: [&[u8]; 6] = [
        b"not json",
        b"{\"a\":",
        b"[1,2]",
        b"\xff\xfe",
        b"{} {}",
        b"\"text\"",
    ];
    for other in others {
        for headers in [&[JSON][..], &[EVENTS]] {
            let body = Frames {
                frames: vec![Bytes::from_static(other)],
                last: Last::End,
            };
            let request = request(Method::POST, &[JSON, SESSION], body.clone());
            server.send(request, response(200, headers, body)).await;
        }
    }
    let before = server.layer.counts().others;
    assert!(before >= 2 * others.len() as u64, "{before}");
    let zipped = request(Method::POST, &[JSON, gzip], frames("\u{1f}\u{8b}"));
    server
        .send(zipped, response(200, &[JSON, gzip], frames("\u{1f}\u{8b}")))
        .await;
    assert_eq!(server.layer.counts().others, before + 2);
    server.contents().count(0);
    assert_eq!(server.log.accounting().activities.recorded, 0);
}

#[tokio::test]
async fn the_sessions_that_are_remembered_are_bounded() {
    let server = Server::new();
    let primed = || response(200, &[EVENTS], frames("id: 1\ndata:\n\n"));
    server.send(post(&call(1, "first")), primed()).await;
    for session in 0..10_000 {
        let ping = json!({"id": 1, "method": "ping"}).to_string();
        let id = session.to_string();
        let request = request(Method::POST, &[JSON, ("mcp-session-id", &id)], frames(ping));
        server.send(request, ok(&answer(1, json!({})))).await;
    }
    assert_eq!(server.layer.counts().unanswered, 1);
    let contents = server.contents();
    contents.count(1).one("first").failed("unanswered");
}

/// A real server with sessions, which calls its tools in a task of the session.
#[cfg(feature = "rmcp")]
#[tokio::test]
async fn the_calls_of_a_server_with_sessions_are_on_record() {
    use http_body_util::Full;
    use rmcp::transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    };

    let server = Server::new();
    let service = StreamableHttpService::new(
        || Ok(crate::operations::Server::new(None)),
        LocalSessionManager::default().into(),
        StreamableHttpServerConfig::default(),
    );
    let service = server.layer.layer(service);
    let mut session = None;
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}});
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    for message in [initialize, initialized, list, call(2, "nonsense")] {
        let mut request = Request::post("http://localhost/mcp")
            .header("host", "localhost")
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json");
        if let Some(session) = &session {
            request = request.header("mcp-session-id", session);
        }
        let request = request
            .body(Full::new(Bytes::from(message.to_string())))
            .unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert!(response.status().is_success(), "{response:?}");
        let id = response.headers().get("mcp-session-id").cloned();
        session = session.or(id);
        response.into_body().collect().await.unwrap();
    }
    let session = session.unwrap();
    let contents = server.contents();
    let call = contents.count(1).one("nonsense").failed("-32602");
    call.session(session.to_str().unwrap())
        .attribute("mcp.client.name", "test");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However the bytes arrive, and whatever they are, the record is the same, and nothing panics.
    #[test]
    fn the_record_does_not_depend_on_how_bodies_are_split(
        pieces in prop::collection::vec(1_usize..40, 1..100),
        noise in prop::collection::vec(any::<u8>(), 0..100),
        line_end in prop::sample::select(vec!["\n", "\r", "\r\n"]),
    ) {
        let calls: Vec<Value> = (0..5).map(|id| {
            let mut call = call(id, "\"a\\ü");
            call["params"]["arguments"] = json!({"a": [1.5, "\u{1f600}"]});
            call
        }).collect();
        let asked = serde_json::to_string_pretty(&calls).unwrap();
        let mut answered = b"event: message\n".to_vec();
        for id in 0..4 {
            let answer = serde_json::to_string_pretty(&answer(id, json!({"content": []}))).unwrap();
            for line in answer.lines() {
                answered.extend(format!("data: {line}{line_end}").bytes());
            }
            answered.extend(line_end.bytes());
        }
        answered.extend(line_end.bytes());
        answered.extend(&noise);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = |sizes: &mut dyn Iterator<Item = usize>| {
            let mut split = |bytes: &[u8]| {
                let (mut frames, mut rest) = (Vec::new(), bytes);
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
                    frames.push(Bytes::copy_from_slice(now));
                    rest = later;
                }
                Frames { frames, last: Last::End }
            };
            let server = Server::with(|log| log.tools().previews(Capture::Preview).http_tap());
            let request = request(Method::POST, &[JSON], split(asked.as_bytes()));
            let response = response(200, &[EVENTS], split(&answered));
            runtime.block_on(server.send(request, response));
            let contents = server.contents();
            let rows = contents.activities().iter();
            let mut rows: Vec<_> = rows.map(|one| {
                let input = one.input.as_ref().map(|input| input.text.clone());
                (one.name.clone(), one.scope.request.clone(), one.status, one.error_type.clone(), input)
            }).collect();
            rows.sort_by_key(|row| row.1.clone());
            (server.layer.counts(), rows)
        };
        let whole = read(&mut std::iter::repeat(usize::MAX));
        prop_assert_eq!(&whole, &read(&mut std::iter::repeat(1)));
        prop_assert_eq!(&whole, &read(&mut pieces.into_iter().cycle()));
        prop_assert_eq!(whole.1.len(), 6);
    }
}
