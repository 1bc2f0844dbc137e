//! With additions the layer changes lists of tools and arguments of calls, and no other byte.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_activity::{
    Activity,
    mcp::{HttpTapBody, HttpTapRequestBody, Intent},
    record::Capture,
};

use super::{
    EVENTS, Frames, JSON, Last, SESSION, Server, answer, call, event, frames, get, ok, post,
    request, response,
};

pub(super) fn server() -> Server {
    Server::with(|log| {
        let tools = log.tools().intent(Intent::optional()).missing_tool();
        tools.previews(Capture::Preview).http_tap()
    })
}

/// What passes in both directions.
pub(super) struct Passed {
    /// What the service gets, if it is called.
    pub(super) request: Option<(HeaderMap, String)>,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Passed {
    /// The length that headers say, if any.
    pub(super) fn length(headers: &HeaderMap) -> Option<usize> {
        headers.get("content-length")?.to_str().ok()?.parse().ok()
    }
}

impl Server {
    pub(super) async fn exchange(
        &self,
        request: Request<Frames>,
        response: Response<Frames>,
    ) -> Passed {
        let (seen, response) = self.open(request, response).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let request = seen.lock().unwrap().take();
        Passed {
            request,
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(super) async fn open(
        &self,
        request: Request<Frames>,
        response: Response<Frames>,
    ) -> (
        Arc<Mutex<Option<(HeaderMap, String)>>>,
        Response<HttpTapBody<Frames>>,
    ) {
        let seen = Arc::new(Mutex::new(None));
        let of_service = seen.clone();
        let response = Arc::new(Mutex::new(Some(response)));
        let service = service_fn(move |request: Request<HttpTapRequestBody<Frames>>| {
            let response = response.lock().unwrap().take().unwrap();
            let seen = of_service.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let body = String::from_utf8(body.to_vec()).unwrap();
                *seen.lock().unwrap() = Some((parts.headers, body));
                Activity::current().set("inside", true);
                Ok::<_, Infallible>(response)
            }
        });
        let response = self.layer.layer(service).oneshot(request).await.unwrap();
        (seen, response)
    }

    /// Passes a list of one tool, in the session.
    pub(super) async fn list(&self) -> Passed {
        self.exchange(post(&list(1)), ok(&answer(1, tools()))).await
    }
}

pub(super) fn list(id: u32) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"})
}

pub(super) fn tools() -> Value {
    json!({"tools": [{"name": "add", "inputSchema": {"type": "object"}}]})
}

pub(super) fn with_reason(id: u32, name: &str) -> Value {
    let mut call = call(id, name);
    call["params"]["arguments"] = json!({"a": 1, "call_intent": "sum up"});
    call
}

pub(super) fn report(id: u32) -> Value {
    let mut call = call(id, "report_missing_tool");
    call["params"]["arguments"] = json!({"missing": "subtract"});
    call
}

/// The names of the tools in a message, and whether each is asked for a reason.
pub(super) fn offered(message: &str) -> Vec<(String, bool)> {
    let message: Value = serde_json::from_str(message).unwrap();
    let tools = message["result"]["tools"].as_array().unwrap().iter();
    let offered = tools.map(|tool| {
        let parameter = &tool["inputSchema"]["properties"]["call_intent"];
        (
            tool["name"].as_str().unwrap().to_owned(),
            parameter.is_object(),
        )
    });
    offered.collect()
}

pub(super) fn both() -> Vec<(String, bool)> {
    ["add", "report_missing_tool"]
        .map(|name| (name.to_owned(), true))
        .to_vec()
}

/// With the length of its body.
pub(super) fn measured(headers: &[(&str, &str)], body: &str) -> (Vec<(String, String)>, Frames) {
    let mut all: Vec<_> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    all.push(("content-length".into(), body.len().to_string()));
    (all, frames(body))
}

pub(super) fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = headers.iter();
    pairs.map(|(name, value)| (&**name, &**value)).collect()
}

#[tokio::test]
async fn a_list_and_the_arguments_of_calls_change_with_their_lengths() {
    let server = server();
    let (headers, body) = measured(&[JSON], &answer(1, tools()).to_string());
    let of_list = response(200, &borrowed(&headers), body);
    let passed = server.exchange(post(&list(1)), of_list).await;
    assert_eq!(offered(&passed.body), both());
    assert_eq!(Passed::length(&passed.headers), Some(passed.body.len()));
    let (headers, sent) = passed.request.unwrap();
    assert_eq!(sent, list(1).to_string());
    assert_eq!(headers["accept-encoding"], "identity");

    // In another session, as clients do that remember a list.
    let (headers, body) = measured(
        &[JSON, ("mcp-session-id", "s2")],
        &format!(" {}\n", with_reason(2, "add")),
    );
    let of_call = request(Method::POST, &borrowed(&headers), body);
    let passed = server.exchange(of_call, ok(&answer(2, json!({})))).await;
    let mut expected = with_reason(2, "add");
    expected["params"]["arguments"] = json!({"a": 1});
    let (headers, sent) = passed.request.unwrap();
    assert_eq!(sent, format!(" {expected}\n"));
    assert_eq!(Passed::length(&headers), Some(sent.len()));
    assert_eq!(passed.body, answer(2, json!({})).to_string());

    let contents = server.contents();
    contents.count(1);
    let add = contents.one("add").succeeded().session("s2");
    let record = add
        .attribute("mcp.intent", "sum up")
        .attribute("inside", true)
        .record();
    assert_eq!(record.input.as_ref().unwrap().text, r#"{"a":1}"#);
}

#[tokio::test]
async fn all_other_bytes_pass_unchanged() {
    let server = server();
    server.list().await;
    let stream = || response(200, &[EVENTS], frames(event("7", &answer(3, json!({})))));
    let error = json!({"jsonrpc": "2.0", "id": 4, "error": {"code": -32601, "message": "no"}});
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}});
    let prompts = json!({"jsonrpc": "2.0", "id": 5, "method": "prompts/list"});
    // Of a tool that was not in a list, and so has no other parameter.
    let own = with_reason(6, "its_own");
    for (message, response) in [
        (&initialize, ok(&answer(0, json!({})))),
        (&call(3, "add"), stream()),
        (&list(4), ok(&error)),
        (&prompts, ok(&answer(5, tools()))),
        (&own, ok(&answer(6, json!({})))),
        (
            &json!([call(7, "add"), prompts]),
            ok(&json!([answer(7, 1)])),
        ),
        (&answer(8, json!({})), response(202, &[], Frames::default())),
    ] {
        server.send(post(message), response).await;
    }
    for text in ["", "{", "[1]", "null", "{\"id\":1}", "\u{feff}{}", " \n"] {
        let request = request(Method::POST, &[JSON, SESSION], frames(text));
        server
            .send(request, response(200, &[JSON], frames(text)))
            .await;
    }
    // A list that is not the answer to one.
    server
        .send(post(&call(9, "add")), ok(&answer(9, tools())))
        .await;
    server
        .send(
            get(),
            response(200, &[EVENTS], frames(event("8", &answer(1, tools())))),
        )
        .await;
    let calls = server.contents();
    calls.one("its_own").succeeded();
    assert_eq!(server.layer.counts().too_long, 0);
}

#[tokio::test]
async fn a_list_in_events_changes_wherever_frames_are_cut() {
    let progress = json!({"method": "notifications/progress"});
    let pretty = serde_json::to_string_pretty(&answer(1, tools())).unwrap();
    let lines: Vec<String> = pretty.lines().map(|line| format!("data: {line}")).collect();
    for end in ["\n", "\r", "\r\n"] {
        let before = format!(": hello{end}{end}id: 1{end}data: {progress}{end}{end}id: 2{end}");
        let after = format!("{end}{end}data: {progress}{end}{end}");
        let stream = [&*before, &lines.join(end), &after].concat();
        for size in [1, 2, 3, 7, 100, stream.len()] {
            let server = server();
            let cut = stream.as_bytes().chunks(size);
            let body = Frames {
                frames: cut.map(Bytes::copy_from_slice).collect(),
                last: Last::End,
            };
            let passed = server
                .exchange(post(&list(1)), response(200, &[EVENTS], body))
                .await;
            let rest = passed.body.strip_prefix(&before).unwrap();
            let data = rest.strip_suffix(&after).unwrap();
            let data: Vec<&str> = data
                .split(end)
                .map(|line| line.strip_prefix("data: ").unwrap())
                .collect();
            assert_eq!(offered(&data.join("\n")), both(), "{size} {end:?}");
        }
    }
}

#[tokio::test]
async fn an_event_passes_before_the_next_one() {
    let server = server();
    let progress = event("1", &json!({"method": "notifications/progress"}));
    let half = Frames {
        frames: vec![progress.clone().into(), "data: {".into()],
        last: Last::Error,
    };
    let (_, response) = server
        .open(post(&list(1)), response(200, &[EVENTS], half))
        .await;
    let mut body = response.into_body();
    let mut next = async || {
        body.frame()
            .await
            .unwrap()
            .map(|frame| frame.into_data().unwrap())
    };
    assert_eq!(next().await.unwrap(), progress);
    // What breaks off passes, too.
    assert_eq!(next().await.unwrap(), "data: {");
    assert!(next().await.is_err());
}

#[tokio::test]
async fn a_list_is_extended_on_the_stream_that_resumes() {
    let server = server();
    let primed = response(200, &[EVENTS], frames("id: 1\ndata:\n\n"));
    server.send(post(&list(1)), primed).await;
    let body = frames(format!("data: {}\n\n", answer(1, tools())));
    let passed = server.exchange(get(), response(200, &[EVENTS], body)).await;
    let data = passed.body.strip_prefix("data: ").unwrap();
    assert_eq!(offered(data.trim_end()), both());
}

/// The client has lost its connection, perhaps before it got the list.
#[tokio::test]
async fn a_list_that_is_replayed_on_a_stream_is_extended_again() {
    let server = server();
    let event = event("1", &answer(1, tools()));
    let first = frames(&event);
    let passed = server.exchange(post(&list(1)), response(200, &[EVENTS], first));
    let passed = passed.await;
    let mut resumed = get();
    let id = http::HeaderValue::from_static("0");
    resumed.headers_mut().insert("last-event-id", id);
    let other = format!("id: 2\ndata: {}\n\n", answer(2, tools()));
    let replayed = response(200, &[EVENTS], frames(format!("{event}{other}")));
    let replayed = server.exchange(resumed, replayed).await;
    assert_eq!(replayed.body, format!("{}{other}", passed.body));
    // Elsewhere the id may be that of another message.
    let elsewhere = response(200, &[EVENTS], frames(&event));
    assert_eq!(server.exchange(get(), elsewhere).await.body, event);
}

#[tokio::test]
async fn a_list_of_known_length_in_events_changes_with_it() {
    let server = server();
    let (headers, body) = measured(&[EVENTS], &event("1", &answer(1, tools())));
    let service = service_fn(move |request: Request<HttpTapRequestBody<Frames>>| {
        let (headers, body) = (headers.clone(), body.clone());
        async move {
            request.into_body().collect().await.unwrap();
            let body = http_body_util::Full::new(Bytes::from(body.frames.concat()));
            let mut response = Response::builder();
            for (name, value) in &headers {
                response = response.header(name, value);
            }
            Ok::<_, Infallible>(response.body(body).unwrap())
        }
    });
    let service = server.layer.layer(service);
    let response = service.oneshot(post(&list(1))).await.unwrap();
    let length = Passed::length(response.headers());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(length, Some(body.len()));
    let body = String::from_utf8(body.to_vec()).unwrap();
    let data = body.strip_prefix("id: 1\ndata: ").unwrap();
    assert_eq!(offered(data.trim_end()), both());
}

#[tokio::test]
async fn a_report_is_answered_without_the_server() {
    let server = server();
    // Before a list has got the tool, it would be the server's own.
    let passed = server
        .exchange(post(&report(1)), ok(&answer(1, json!({"isError": true}))))
        .await;
    assert!(passed.request.is_some());
    server.list().await;

    let unused = || ok(&json!({}));
    let passed = server.exchange(post(&report(2)), unused()).await;
    assert!(passed.request.is_none());
    assert_eq!(passed.status, 200);
    assert_eq!(passed.headers["content-type"], "application/json");
    let answered: Value = serde_json::from_str(&passed.body).unwrap();
    assert_eq!(
        (&answered["id"], &answered["result"]["isError"]),
        (&json!(2), &json!(false))
    );

    let passed = server
        .exchange(post(&json!([report(3), report(4)])), unused())
        .await;
    assert!(passed.request.is_none());
    let answered: Vec<Value> = serde_json::from_str(&passed.body).unwrap();
    assert_eq!(
        (&answered[0]["id"], &answered[1]["id"]),
        (&json!(3), &json!(4))
    );

    // The response to a batch is the server's.
    let mixed = json!([report(5), call(6, "add")]);
    let answers = json!([answer(5, json!({"isError": true})), answer(6, json!({}))]);
    server.send(post(&mixed), ok(&answers)).await;

    let contents = server.contents();
    let reports = contents.all("report_missing_tool").count(5);
    reports.nth(0).failed("tool_error");
    for nth in [1, 2, 3] {
        let report = contents.all("report_missing_tool").nth(nth).succeeded();
        report
            .session("s1")
            .attribute("mcp.missing_tool", "subtract");
    }
    contents
        .all("report_missing_tool")
        .nth(4)
        .failed("tool_error");
}

#[tokio::test]
async fn with_sse_of_2024_reasons_are_asked_and_no_tool_is_added() {
    let server = server();
    let accept = ("accept", "text/event-stream");
    let endpoint = "event: endpoint\ndata: /messages?session_id=7\n\n";
    let stream = Frames {
        frames: vec![endpoint.into(), event("1", &answer(1, tools())).into()],
        last: Last::Pending,
    };
    let (_, stream) = server
        .open(
            request(Method::GET, &[accept], Frames::default()),
            response(200, &[EVENTS], stream),
        )
        .await;
    let mut stream = stream.into_body();
    let mut next = async || {
        let data = stream.frame().await.unwrap().unwrap().into_data().unwrap();
        String::from_utf8(data.to_vec()).unwrap()
    };
    assert_eq!(next().await, endpoint);
    let mut of_list = request(Method::POST, &[JSON], frames(list(1).to_string()));
    *of_list.uri_mut() = "/messages?session_id=7".parse().unwrap();
    server
        .send(of_list, response(202, &[], Frames::default()))
        .await;
    let event = next().await;
    let data = event.strip_prefix("id: 1\ndata: ").unwrap();
    assert_eq!(offered(data.trim_end()), [("add".to_owned(), true)]);
}

#[tokio::test]
async fn a_request_that_breaks_off_reaches_the_service() {
    let server = server();
    server.list().await;
    let mut broken = post(&with_reason(1, "add"));
    broken.body_mut().last = Last::Error;
    let service = service_fn(async |request: Request<HttpTapRequestBody<Frames>>| {
        let mut body = request.into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, with_reason(1, "add").to_string());
        assert!(body.frame().await.unwrap().is_err());
        Ok::<_, Infallible>(response(400, &[], Frames::default()))
    });
    let service = server.layer.layer(service);
    let response = service.oneshot(broken).await.unwrap();
    assert_eq!(response.status(), 400);
    drop(response);
    server.contents().count(1).one("add").failed("400");

    // A client that leaves before it has sent its request has called nothing.
    let mut waits = post(&with_reason(2, "add"));
    waits.body_mut().last = Last::Pending;
    let service = service_fn(async |_: Request<HttpTapRequestBody<Frames>>| {
        Ok::<_, Infallible>(ok(&json!({})))
    });
    let mut call = Box::pin(server.layer.layer(service).oneshot(waits));
    tokio::select! {
        biased;
        _ = &mut call => panic!("it has called"),
        () = async {} => drop(call),
    }
    server.contents().count(1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// While the answer to a list is awaited, events are held, and none of their bytes changes.
    #[test]
    fn streams_without_a_list_pass_unchanged(
        frames in prop::collection::vec(
            prop::collection::vec(
                prop::sample::select(vec![
                    "data", "id", "event", "endpoint", ":", ": ", " ", "\n", "\r", "\r\n", "\n\n", "{", "}", "[]", "\"id\":1,",
                    "\"result\":{\"tools\":[]}", "{\"id\":2,\"result\":{\"tools\":[{}]}}", "\u{feff}", "é",
                ]),
                1..8,
            ),
            0..20,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let server = Server::with(|log| log.tools().intent(Intent::required()).http_tap());
            // It is answered on another stream.
            let primed = response(200, &[EVENTS], super::frames("id: 1\ndata:\n\n"));
            server.send(post(&list(1)), primed).await;
            let frames = frames.iter().map(|pieces| pieces.concat().into()).collect();
            let stream = Frames { frames, last: Last::End };
            server.send(get(), response(200, &[EVENTS], stream)).await;
        });
    }
}
