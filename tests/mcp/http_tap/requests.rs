//! Which request an answer belongs to, and how long requests without an answer are remembered.

use std::time::Duration;

use http::{Method, Request};
use serde_json::{Value, json};

use super::{
    EVENTS, Frames, JSON, Last, Server, answer, call, event, frames, get, ok, post, request,
    response,
};

#[tokio::test]
async fn a_request_without_an_answer_takes_none_of_a_later_one() {
    let server = Server::new();
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    for refused in [500, 200, 307] {
        server
            .send(post(&list), response(refused, &[], Frames::default()))
            .await;
    }
    let mut broken = response(200, &[JSON], frames("{"));
    broken.body_mut().last = Last::Error;
    server.send(post(&list), broken).await;
    drop(server.begin(post(&list), ok(&json!({}))).await);
    server
        .send(post(&call(1, "later")), ok(&answer(1, json!({}))))
        .await;
    server.contents().one("later").succeeded();
}

#[tokio::test]
async fn an_answer_is_that_of_the_request_that_it_responds_to() {
    let server = Server::new();
    let failed = || ok(&answer(1, json!({"isError": true})));
    // Both wait, with one id: a client that numbers its requests anew.
    let first = server.begin(post(&call(1, "first")), failed()).await;
    let second = ok(&answer(1, json!({})));
    server.send(post(&call(1, "second")), second).await;
    server.contents().one("first").running();
    server.contents().one("second").succeeded();
    http_body_util::BodyExt::collect(first.into_body())
        .await
        .unwrap();
    server.contents().one("first").failed("tool_error");
}

#[tokio::test]
async fn a_request_of_the_server_that_is_sent_again_is_recorded_once() {
    let server = Server::new();
    let ask = json!({"id": 1, "method": "elicitation/create", "params": {}});
    let asks = || response(200, &[EVENTS], frames(event("1", &ask)));
    server.send(post(&call(5, "asks")), asks()).await;
    // The stream is resumed.
    server.send(get(), asks()).await;
    let accepted = answer(1, json!({"action": "accept"}));
    server
        .send(post(&accepted), response(202, &[], Frames::default()))
        .await;
    let contents = server.contents();
    contents.all("elicitation/create").count(1);
    contents.one("elicitation/create").succeeded();
}

#[tokio::test]
async fn a_call_waits_for_another_stream_only_for_a_time() {
    let server = Server::new();
    let open = || {
        let mut open = response(200, &[EVENTS], frames(": hello\n\n"));
        open.body_mut().last = Last::Pending;
        open
    };
    let listening = server.begin(get(), open()).await;
    let primed = response(200, &[EVENTS], frames("id: 1\ndata:\n\n"));
    server.send(post(&call(1, "forgotten")), primed).await;
    server.clock.advance(Duration::from_secs(301));
    server
        .send(post(&call(2, "next")), ok(&answer(2, json!({}))))
        .await;
    server.contents().one("forgotten").failed("unanswered");
    drop(listening);
}

#[tokio::test]
async fn a_call_of_a_stream_that_is_resumed_runs_as_long_as_that() {
    let server = Server::new();
    let primed = response(200, &[EVENTS], frames("id: 1\ndata:\n\n"));
    server.send(post(&call(1, "long")), primed).await;
    let mut resumed = get();
    resumed
        .headers_mut()
        .insert("last-event-id", "1".parse().unwrap());
    let stream = response(200, &[EVENTS], frames(event("2", &answer(1, json!({})))));
    let stream = server.begin(resumed, stream).await;
    server.clock.advance(Duration::from_secs(301));
    server
        .send(post(&call(2, "next")), ok(&answer(2, json!({}))))
        .await;
    server.contents().one("long").running();
    http_body_util::BodyExt::collect(stream.into_body())
        .await
        .unwrap();
    server.contents().one("long").succeeded();
}

#[tokio::test]
async fn what_requests_without_an_answer_hold_is_bounded_over_all_sessions() {
    let server = Server::new();
    let primed = response(200, &[EVENTS], frames("id: 1\ndata:\n\n"));
    server.send(post(&call(1, "first")), primed).await;
    // 24 MiB each.
    let task = "t".repeat(4_000);
    let tasks: Vec<Value> = (0..6_000)
        .map(|id| json!({"id": id, "method": "tasks/get", "params": {"taskId": task}}))
        .collect();
    let tasks = Value::from(tasks);
    for session in ["a", "b", "c"] {
        server.contents().one("first").running();
        let mut request = post(&tasks);
        let headers = request.headers_mut();
        headers.insert("mcp-session-id", session.parse().unwrap());
        let accepted = response(202, &[], Frames::default());
        server.send(request, accepted).await;
    }
    server.contents().one("first").failed("unanswered");
    assert_eq!(server.layer.counts().unanswered, 1);
}

fn to_path(path: &str, message: &Value) -> Request<Frames> {
    let mut request = request(Method::POST, &[JSON], frames(message.to_string()));
    *request.uri_mut() = path.parse().unwrap();
    request
}

#[tokio::test]
async fn each_path_has_a_server_of_its_own() {
    let server = Server::new();
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}});
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    for (path, name, hint) in [("/alpha", "alpha", true), ("/beta", "beta", false)] {
        let info = json!({"serverInfo": {"name": name, "version": "1"}});
        server
            .send(to_path(path, &initialize), ok(&answer(0, info)))
            .await;
        let tools = json!({"tools": [{"name": "read", "annotations": {"readOnlyHint": hint}}]});
        server
            .send(to_path(path, &list), ok(&answer(1, tools)))
            .await;
    }
    for path in ["/alpha", "/beta"] {
        server
            .send(to_path(path, &call(2, "read")), ok(&answer(2, json!({}))))
            .await;
    }
    let contents = server.contents();
    for (nth, name, hint) in [(0, "alpha", true), (1, "beta", false)] {
        contents
            .all("read")
            .nth(nth)
            .attribute("mcp.server.name", name)
            .attribute("mcp.tool.read_only", hint);
    }
}

#[tokio::test]
async fn a_session_has_the_server_that_it_began_with() {
    let server = Server::new();
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}});
    for name in ["alpha", "beta"] {
        let info = json!({"serverInfo": {"name": name, "version": "1"}});
        let begun = frames(answer(0, info).to_string());
        let begun = response(200, &[JSON, ("mcp-session-id", name)], begun);
        server.send(to_path("/mcp", &initialize), begun).await;
    }
    for name in ["alpha", "beta"] {
        let mut request = to_path("/mcp", &call(1, name));
        request
            .headers_mut()
            .insert("mcp-session-id", name.parse().unwrap());
        server.send(request, ok(&answer(1, json!({})))).await;
    }
    let contents = server.contents();
    for name in ["alpha", "beta"] {
        contents.one(name).attribute("mcp.server.name", name);
    }
}

/// The path of a hosted server may hold its user's key.
#[tokio::test]
async fn a_long_segment_of_a_path_is_redacted() {
    let server = Server::new();
    let path = "/api/mcp/s/c2VjcmV0LWtleS1vZi1hLXVzZXI/mcp";
    server
        .send(to_path(path, &call(1, "hosted")), ok(&answer(1, json!({}))))
        .await;
    server
        .contents()
        .one("hosted")
        .attribute("url.path", "/api/mcp/s/[redacted]/mcp");
}
