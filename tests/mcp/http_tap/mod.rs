//! What the layer around an HTTP service records of the messages that pass.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_activity::{
    Activity, ActivityLog, Kind,
    mcp::{HttpTapBody, HttpTapLayer, HttpTapRequestBody},
    record::Capture,
    testing::{LogContents, ManualClock},
};

const JSON: (&str, &str) = ("content-type", "application/json");
const EVENTS: (&str, &str) = ("content-type", "text/event-stream");
const SESSION: (&str, &str) = ("mcp-session-id", "s1");

mod additions;
mod additions_limits;
mod endings;
mod provisional;
mod requests;
mod sessions;

/// A body of these frames; then it ends, fails, panics, or goes on for ever.
#[derive(Debug, Default, Clone)]
struct Frames {
    frames: Vec<Bytes>,
    last: Last,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Last {
    #[default]
    End,
    Error,
    Panic,
    Pending,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if !self.frames.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(self.frames.remove(0)))));
        }
        match self.last {
            Last::End => Poll::Ready(None),
            Last::Error => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
            Last::Panic => panic!("the body panicked"),
            Last::Pending => Poll::Pending,
        }
    }
}

fn frames(text: impl Into<String>) -> Frames {
    Frames {
        frames: vec![text.into().into()],
        last: Last::End,
    }
}

fn request(method: Method, headers: &[(&str, &str)], body: Frames) -> Request<Frames> {
    let mut request = Request::builder().method(method).uri("/mcp");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

fn post(message: &Value) -> Request<Frames> {
    request(Method::POST, &[JSON, SESSION], frames(message.to_string()))
}

fn get() -> Request<Frames> {
    let accept = ("accept", "text/event-stream");
    request(Method::GET, &[accept, SESSION], Frames::default())
}

fn response(status: u16, headers: &[(&str, &str)], body: Frames) -> Response<Frames> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body).unwrap()
}

fn answer(id: impl Into<Value>, result: impl Into<Value>) -> Value {
    let (id, result): (Value, Value) = (id.into(), result.into());
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

fn ok(message: &Value) -> Response<Frames> {
    response(200, &[JSON], frames(message.to_string()))
}

fn call(id: impl Into<Value>, name: &str) -> Value {
    let id: Value = id.into();
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name}})
}

fn event(id: &str, message: &Value) -> String {
    format!("id: {id}\ndata: {message}\n\n")
}

/// A server whose responses are given with each request.
struct Server {
    log: ActivityLog,
    clock: ManualClock,
    layer: HttpTapLayer,
}

impl Server {
    fn new() -> Self {
        Server::with(|log| log.tools().prompts().resources().http_tap())
    }

    fn with(layer: impl FnOnce(&ActivityLog) -> HttpTapLayer) -> Self {
        let (log, clock) = ActivityLog::test();
        let layer = layer(&log);
        Server { log, clock, layer }
    }

    /// Sends a request, to which the service sends this response once it has read it. Returns what the client gets, and checks that
    /// both bodies pass unchanged.
    async fn send(&self, request: Request<Frames>, response: Response<Frames>) -> StatusCode {
        let response = self.begin(request, response).await;
        let status = response.status();
        let sent = response.extensions().get::<Bytes>().unwrap().clone();
        // A body that fails has sent what came before.
        if let Ok(body) = response.into_body().collect().await {
            assert_eq!(body.to_bytes(), sent);
        }
        status
    }

    async fn begin(
        &self,
        request: Request<Frames>,
        mut response: Response<Frames>,
    ) -> Response<HttpTapBody<Frames>> {
        let expected = request.body().frames.concat();
        let seen = Arc::new(Mutex::new(None));
        let sent = Bytes::from(response.body().frames.concat());
        response.extensions_mut().insert(sent);
        let (of_service, response) = (seen.clone(), Arc::new(Mutex::new(Some(response))));
        let service = service_fn(move |request: Request<HttpTapRequestBody<Frames>>| {
            let response = response.lock().unwrap().take().unwrap();
            let seen = of_service.clone();
            async move {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                *seen.lock().unwrap() = Some(body);
                Activity::current().set("inside", true);
                Ok::<_, Infallible>(response)
            }
        });
        let response = self.layer.layer(service).oneshot(request).await.unwrap();
        assert_eq!(seen.lock().unwrap().take().unwrap(), expected);
        response
    }

    fn contents(&self) -> LogContents {
        let activities = self.log.accounting().activities;
        assert!(activities.adds_up(), "{activities:?}");
        self.log.assert().wait()
    }
}

#[tokio::test]
async fn a_call_becomes_the_activity_of_its_request() {
    let server = Server::with(|log| {
        let tools = log.tools().previews(Capture::Preview);
        tools
            .brand(|tool| tool.split_once('_').map(|(brand, _)| brand))
            .http_tap()
    });
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "clientInfo": {"name": "inspector", "version": "1.2"}}});
    let info =
        json!({"protocolVersion": "2025-06-18", "serverInfo": {"name": "files", "version": "9"}});
    let begin = request(Method::POST, &[JSON], frames(initialize.to_string()));
    let begun = frames(answer(0, info).to_string());
    server
        .send(begin, response(200, &[JSON, SESSION], begun))
        .await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let tools = json!({"tools": [{"name": "files_read", "annotations": {"readOnlyHint": true}}]});
    server.send(post(&list), ok(&answer(1, tools))).await;
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    server
        .send(post(&initialized), response(202, &[], Frames::default()))
        .await;

    let mut read = call(7, "files_read");
    read["params"]["arguments"] = json!({"path": "/a"});
    let content = json!({"content": [{"type": "text", "text": "hello"}]});
    server.send(post(&read), ok(&answer(7, content))).await;
    let failed = json!({"content": [{"type": "text", "text": "no such file"}], "isError": true});
    server
        .send(post(&call(8, "files_bad")), ok(&answer(8, failed)))
        .await;
    let error = json!({"id": 9, "error": {"code": -32602, "message": "bad page"}});
    server.send(post(&call(9, "files_page")), ok(&error)).await;

    let activities = server.log.accounting().activities;
    assert_eq!(activities.recorded, 3, "{activities:?}");
    let contents = server.contents();
    contents.count(3);
    contents
        .one("files_read")
        .kind(Kind::Tool)
        .succeeded()
        .top_level()
        .brand("files")
        .session("s1")
        .request("7")
        .attribute("inside", true)
        .attribute("url.path", "/mcp")
        .attribute("network.transport", "tcp")
        .attribute("http.response.status_code", 200)
        .attribute("mcp.client.name", "inspector")
        .attribute("mcp.server.name", "files")
        .attribute("mcp.protocol.version", "2025-06-18")
        .attribute("mcp.tool.read_only", true);
    let record = contents.one("files_read").record();
    assert_eq!(record.input.as_ref().unwrap().text, r#"{"path":"/a"}"#);
    assert!(record.output.as_ref().unwrap().text.contains("hello"));
    contents
        .one("files_bad")
        .failed("tool_error")
        .message("no such file");
    contents
        .one("files_page")
        .failed("-32602")
        .message("bad page");
}

#[tokio::test]
async fn without_sessions_each_request_says_who_calls() {
    let server = Server::new();
    let mut named = call(1, "named");
    named["params"]["_meta"] = json!({
        "io.modelcontextprotocol/clientInfo": {"name": "agent", "version": "3"},
        "io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let headers = [JSON, ("mcp-protocol-version", "2025-06-18")];
    for message in [named, call(1, "old")] {
        let request = request(Method::POST, &headers, frames(message.to_string()));
        server.send(request, ok(&answer(1, json!({})))).await;
    }
    let contents = server.contents();
    contents
        .one("named")
        .succeeded()
        .attribute("mcp.client.name", "agent")
        .attribute("mcp.protocol.version", "2026-07-28");
    let old = contents.one("old").succeeded();
    assert_eq!(
        old.attribute("mcp.protocol.version", "2025-06-18")
            .record()
            .scope
            .session,
        None
    );
}

#[tokio::test]
async fn a_handle_in_an_argument_is_the_session_and_passes() {
    let server = Server::with(|log| log.tools().session_argument("basket").http_tap());
    let mut add = call(1, "add");
    add["params"]["arguments"] = json!({"basket": "b-1"});
    server.send(post(&add), ok(&answer(1, json!({})))).await;
    let alone = request(Method::POST, &[JSON], frames(add.to_string()));
    server.send(alone, ok(&answer(1, json!({})))).await;
    server
        .send(post(&call(1, "without")), ok(&answer(1, json!({}))))
        .await;
    let contents = server.contents();
    let with = contents.all("add").nth(0).session("b-1");
    with.attribute("mcp.session.id", "s1");
    let alone = contents.all("add").nth(1).session("b-1").record();
    assert!(!alone.attributes.contains_key("mcp.session.id"));
    contents.one("without").session("s1");
}

#[tokio::test]
async fn what_a_transport_refuses_is_on_record() {
    let server = Server::new();
    let error = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32001, "message": "Session not found"}});
    let gone = response(404, &[JSON], frames(error.to_string()));
    server.send(post(&call(1, "late")), gone).await;
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}});
    server
        .send(
            post(&initialize),
            response(403, &[], frames("Invalid Host header")),
        )
        .await;
    server
        .send(get(), response(409, &[], Frames::default()))
        .await;
    // As the protocol has it.
    server
        .send(get(), response(405, &[], Frames::default()))
        .await;
    let delete = request(Method::DELETE, &[SESSION], Frames::default());
    server
        .send(delete, response(405, &[], Frames::default()))
        .await;
    // Not MCP.
    let other = request(Method::GET, &[], Frames::default());
    server
        .send(other, response(404, &[], Frames::default()))
        .await;

    let contents = server.contents();
    contents.count(3);
    contents
        .one("late")
        .kind(Kind::Tool)
        .failed("404")
        .message("Session not found");
    contents
        .one("POST")
        .kind(Kind::Http)
        .failed("denied")
        .attribute("mcp.method.name", "initialize")
        .attribute("http.response.status_code", 403);
    contents.one("GET").failed("409").session("s1");
}

/// The service responds before it reads the body.
#[tokio::test]
async fn a_request_that_is_refused_unread_is_on_record() {
    let server = Server::new();
    let service = service_fn(async |_: Request<HttpTapRequestBody<Frames>>| {
        Ok::<_, Infallible>(response(401, &[], Frames::default()))
    });
    server
        .layer
        .layer(service)
        .oneshot(post(&call(1, "secret")))
        .await
        .unwrap();
    server.contents().count(1).one("POST").failed("denied");
}

/// The server answers them with an error.
#[tokio::test]
async fn calls_with_invalid_parameters_and_long_ids_are_on_record() {
    let server = Server::with(|log| {
        let tools = log
            .tools()
            .brand(|tool| tool.split_once('/').map(|(brand, _)| brand));
        tools.prompts().resources().http_tap()
    });
    let error =
        |id: &Value| ok(&json!({"id": id, "error": {"code": -32602, "message": "invalid"}}));
    for (id, method) in ["tools/call", "prompts/get", "resources/read"]
        .iter()
        .enumerate()
    {
        for params in [json!(null), json!([1]), json!({"name": 7, "uri": {}})] {
            let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
            server.send(post(&message), error(&message["id"])).await;
        }
    }
    let long = Value::from("é".repeat(5_000));
    server
        .send(post(&call(long.clone(), "long")), error(&long))
        .await;
    let contents = server.contents();
    contents.count(10);
    for method in ["tools/call", "prompts/get", "resources/read"] {
        let calls = contents.all(method);
        for nth in 0..3 {
            let call = calls.nth(nth).failed("-32602").message("invalid");
            assert_eq!(call.record().scope.brand, None);
        }
    }
    let id = contents
        .one("long")
        .failed("-32602")
        .record()
        .scope
        .request
        .clone();
    let id = id.unwrap();
    assert!(
        id.as_str().starts_with("éé") && id.as_str().len() < 512,
        "{id:?}"
    );
}

#[tokio::test]
async fn a_batch_is_a_request_with_its_calls_as_children() {
    let server = Server::new();
    let ping = json!({"jsonrpc": "2.0", "id": 3, "method": "ping"});
    let batch = json!([call(1, "first"), ping, call(2, "second")]);
    let answers = json!([
        answer(2, json!({})),
        answer(3, json!({})),
        answer(1, json!({"isError": true}))
    ]);
    server.send(post(&batch), ok(&answers)).await;
    let pings = json!([ping]);
    server
        .send(post(&pings), ok(&json!([answer(3, json!({}))])))
        .await;
    let contents = server.contents();
    contents.count(3);
    contents
        .one("POST")
        .kind(Kind::Http)
        .succeeded()
        .children(["first", "second"]);
    contents.one("first").failed("tool_error");
    contents.one("second").succeeded();
}

#[tokio::test]
async fn an_answer_is_found_in_a_stream_of_events() {
    let server = Server::new();
    let progress = json!({"method": "notifications/progress", "params": {"progress": 1}});
    let ask = json!({"id": 1, "method": "elicitation/create", "params": {}});
    let pretty = serde_json::to_string_pretty(&answer(5, json!({"isError": true}))).unwrap();
    let lines: Vec<String> = pretty.lines().map(|line| format!("data:{line}")).collect();
    for end in ["\n", "\r", "\r\n"] {
        let stream = [
            "\u{feff}: a comment".into(),
            "event: message".into(),
            format!("data: {progress}"),
            String::new(),
            "retry: 3".into(),
            "data".into(),
            String::new(),
            format!("data: {ask}"),
            String::new(),
            lines.join(end),
            // Its end may be missing.
        ];
        let body = frames(stream.join(end));
        server
            .send(post(&call(5, "asks")), response(200, &[EVENTS], body))
            .await;
        server
            .send(
                post(&answer(1, json!({"action": "accept"}))),
                response(202, &[], Frames::default()),
            )
            .await;
    }
    assert_eq!(
        server.layer.counts().others,
        0,
        "{:?}",
        server.layer.counts()
    );
    let contents = server.contents();
    contents.all("asks").count(3);
    for nth in 0..3 {
        contents
            .all("asks")
            .nth(nth)
            .failed("tool_error")
            .children(["elicitation/create"]);
        contents.all("elicitation/create").nth(nth).succeeded();
    }
}
