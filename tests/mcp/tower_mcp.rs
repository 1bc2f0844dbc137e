//! Tool calls of servers built with `tower-mcp`: called directly, over stdio, over HTTP.

use std::{convert::Infallible, sync::Arc};

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf},
    sync::Semaphore,
};
use tower::{Layer, Service, ServiceExt};
use tower_activity::{
    Activity, ActivityLayer, ActivityLog, Describe, Kind, Outcome, Status,
    layer::DescribeRequest,
    mcp::{Intent, ToolsLayer},
    record::Capture,
};
use tower_mcp::{
    CallToolResult, Error, HttpTransport, McpRouter, StdioTransport, ToolBuilder,
    extract::{Context, RawArgs},
    protocol::{CallToolParams, McpNotification, McpRequest, RequestId},
    router::{RouterRequest, RouterResponse},
};

use crate::support::{self, rows, until};

fn tools(log: &ActivityLog, started: &Arc<Semaphore>) -> McpRouter {
    let inner = log.clone();
    let login = ToolBuilder::new("netflix_login")
        .description("Logs in.")
        .read_only()
        .extractor_handler((), move |RawArgs(args): RawArgs| {
            let log = inner.clone();
            async move {
                Activity::current().set("said", args["text"].clone());
                log.start(Describe::job("inner")).end(Outcome::success());
                Ok(CallToolResult::text("in"))
            }
        })
        .build();
    let fails = ToolBuilder::new("fails")
        .description("Fails.")
        .extractor_handler((), |RawArgs(_): RawArgs| async {
            Ok(CallToolResult::error("no such invoice"))
        })
        .build();
    let refuses = ToolBuilder::new("refuses")
        .description("Refuses.")
        .extractor_handler((), |RawArgs(_): RawArgs| async {
            Err::<CallToolResult, _>(Error::invalid_params("bad page"))
        })
        .build();
    let started = started.clone();
    let slow = ToolBuilder::new("slow")
        .description("Runs until it is cancelled.")
        .extractor_handler((), move |context: Context, RawArgs(_): RawArgs| {
            let started = started.clone();
            async move {
                started.add_permits(1);
                context.cancelled().await;
                Ok(CallToolResult::text("thrown away"))
            }
        })
        .build();
    McpRouter::new()
        .server_info("shop", "1.0.0")
        .tool(login)
        .tool(fails)
        .tool(refuses)
        .tool(slow)
}

fn router(log: &ActivityLog) -> McpRouter {
    tools(log, &Arc::new(Semaphore::new(0)))
}

/// A router with a client, so that it answers calls without a transport.
async fn connected(log: &ActivityLog) -> McpRouter {
    let router = router(log);
    let hello = McpRequest::Initialize(serde_json::from_value(hello()).unwrap());
    let hello = RouterRequest::new(RequestId::Number(0), hello);
    router.clone().oneshot(hello).await.unwrap();
    router.handle_notification(McpNotification::Initialized);
    router
}

fn hello() -> Value {
    json!({
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "tester", "version": "1"},
    })
}

fn request(name: &str, arguments: &Value) -> RouterRequest {
    let params: CallToolParams =
        serde_json::from_value(json!({"name": name, "arguments": arguments})).unwrap();
    RouterRequest::new(RequestId::Number(7), McpRequest::CallTool(params))
}

#[tokio::test]
async fn each_call_is_one_activity_and_nothing_else_is() {
    let log = ActivityLog::open(":memory:").unwrap();
    let router = connected(&log).await;
    let tools = log
        .tools()
        .brand(|tool| tool.split_once('_').map(|(brand, _)| brand))
        .preview("netflix_login", Capture::Preview);
    let server = tools.layer().layer(router.clone());
    let call = |mut request: RouterRequest| {
        request.extensions.insert(router.tool_annotations_map());
        server.clone().oneshot(request)
    };
    call(RouterRequest::new(RequestId::Number(1), McpRequest::Ping))
        .await
        .unwrap();
    let login = request("netflix_login", &json!({"text": "hello"}));
    assert!(call(login).await.unwrap().inner.is_ok());
    call(request("fails", &json!({}))).await.unwrap();
    call(request("missing", &json!({}))).await.unwrap();

    let rows = rows(&log);
    assert_eq!(rows.names(), ["netflix_login", "inner", "fails", "missing"]);
    let login = rows.one("netflix_login");
    assert_eq!((login.kind, login.status), (Kind::Tool, Status::Success));
    assert_eq!(login.scope.brand.as_deref(), Some("netflix"));
    assert_eq!(login.scope.request.as_deref(), Some("7"));
    assert_eq!(login.attributes["said"], json!("hello"));
    assert_eq!(login.attributes["mcp.method.name"], json!("tools/call"));
    assert_eq!(login.attributes["mcp.tool.read_only"], json!(true));
    assert_eq!(login.attributes["mcp.tool.open_world"], json!(true));
    assert_eq!(login.input.unwrap().text, r#"{"text":"hello"}"#);
    assert_eq!(rows.one("inner").parent, Some(login.id));
    let fails = rows.one("fails");
    assert_eq!(
        (fails.status, fails.error_type.as_deref()),
        (Status::Failed, Some("tool_error"))
    );
    assert_eq!(fails.message.as_deref(), Some("no such invoice"));
    assert!(!fails.attributes.contains_key("mcp.tool.read_only"));
    let missing = rows.one("missing");
    assert_eq!(missing.status, Status::Failed);
    assert!(missing.error_type.unwrap().parse::<i32>().is_ok());
}

#[tokio::test]
async fn the_handle_in_an_argument_is_the_session_of_a_call() {
    let log = ActivityLog::open(":memory:").unwrap();
    let tools = log.tools().session_argument("basket");
    let server = tools.session_argument("text").layer();
    let server = server.layer(connected(&log).await);
    for arguments in [
        json!({"text": "t", "basket": "b"}),
        json!({"text": "t"}),
        json!({}),
    ] {
        let request = request("netflix_login", &arguments);
        server.clone().oneshot(request).await.unwrap();
    }
    let mut rows = rows(&log).0;
    rows.retain(|row| row.kind == Kind::Tool);
    let sessions = rows.iter().map(|row| row.scope.session.as_deref());
    assert_eq!(sessions.collect::<Vec<_>>(), [Some("b"), Some("t"), None]);
}

/// Calls a router, wrapped or not. Returns its result or error as JSON.
async fn answer<S>(mut server: S, request: RouterRequest) -> Value
where
    S: Service<RouterRequest, Response = RouterResponse, Error = Infallible>,
{
    let answer = server.ready().await.unwrap().call(request).await.unwrap();
    match answer.inner {
        Ok(result) => serde_json::to_value(result).unwrap(),
        Err(error) => serde_json::to_value(error).unwrap(),
    }
}

#[tokio::test]
async fn responses_are_unchanged() {
    let log = ActivityLog::open(":memory:").unwrap();
    for name in ["netflix_login", "fails", "refuses", "missing"] {
        let bare = answer(connected(&log).await, request(name, &json!({"text": "x"}))).await;
        let wrapped = log.tools().layer().layer(connected(&log).await);
        let recorded = answer(wrapped, request(name, &json!({"text": "x"}))).await;
        assert_eq!(bare, recorded, "{name}");
        assert_eq!(bare["content"].is_array(), name != "missing", "{bare}");
    }
}

/// A client that speaks line by line.
struct Client {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    server: WriteHalf<DuplexStream>,
}

impl Client {
    async fn new(router: McpRouter, layer: ToolsLayer) -> Self {
        let (near, far) = tokio::io::duplex(64 << 10);
        tokio::spawn(async move {
            let (reader, writer) = tokio::io::split(far);
            let mut transport = StdioTransport::new(router).layer(layer);
            transport.run_with_streams(reader, writer).await.unwrap();
        });
        let (reader, server) = tokio::io::split(near);
        let lines = BufReader::new(reader).lines();
        let mut client = Client { lines, server };
        client.ask(0, "initialize", hello()).await;
        client.tell("notifications/initialized", json!({})).await;
        client
    }

    async fn send(&mut self, message: Value) {
        let line = format!("{message}\n");
        self.server.write_all(line.as_bytes()).await.unwrap();
    }

    async fn tell(&mut self, method: &str, params: Value) {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        self.send(message).await;
    }

    async fn begin(&mut self, id: u32, method: &str, params: Value) {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.send(message).await;
    }

    async fn ask(&mut self, id: u32, method: &str, params: Value) -> Value {
        self.begin(id, method, params).await;
        loop {
            let line = self.lines.next_line().await.unwrap().unwrap();
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer["id"] == id {
                return answer;
            }
        }
    }
}

#[tokio::test]
async fn calls_over_stdio_are_recorded() {
    let log = ActivityLog::open(":memory:").unwrap();
    let mut client = Client::new(router(&log), log.tools().layer()).await;
    client.ask(1, "tools/list", json!({})).await;
    let login = json!({
        "name": "netflix_login", "arguments": {"text": "hello"}, "_meta": {
            "progressToken": "half-way", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        },
    });
    let answer = client.ask(2, "tools/call", login).await;
    assert_eq!(answer["result"]["content"][0]["text"], json!("in"));
    let rows = rows(&log);
    assert_eq!(rows.names(), ["netflix_login", "inner"]);
    let login = rows.one("netflix_login");
    assert_eq!(login.scope.request.as_deref(), Some("2"));
    assert_eq!(login.attributes["mcp.progress.token"], json!("half-way"));
    assert_eq!(
        login.trace_id.to_string(),
        "0af7651916cd43dd8448eb211c80319c"
    );
    assert_eq!(login.remote_parent.unwrap().to_string(), "b7ad6b7169203331");
    assert_eq!(rows.one("inner").trace_id, login.trace_id);
    assert_eq!(login.attributes["mcp.tool.read_only"], json!(true));
    assert_eq!(login.attributes["mcp.client.name"], json!("tester"));
    assert_eq!(login.attributes["mcp.client.version"], json!("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_calls_are_detected_if_enabled() {
    let layers = |log: &ActivityLog| {
        let layer = log.tools().layer();
        [
            (layer.clone(), Status::Success),
            (layer.detect_cancellation(), Status::Cancelled),
        ]
    };
    for form in 0..2 {
        let log = ActivityLog::open(":memory:").unwrap();
        let (layer, expected) = layers(&log)[form].clone();
        let started = Arc::new(Semaphore::new(0));
        let mut client = Client::new(tools(&log, &started), layer).await;
        let slow = json!({"name": "slow", "arguments": {}});
        client.begin(3, "tools/call", slow).await;
        started.acquire().await.unwrap().forget();
        let cancel = json!({"requestId": 3});
        client.tell("notifications/cancelled", cancel).await;
        let rows = until(&log, |rows| rows.one("slow").status != Status::Running);
        assert_eq!(rows.one("slow").status, expected);
    }
}

/// Describes an HTTP request, and puts its activity into the extensions that the transport forwards.
#[derive(Debug, Clone)]
struct Http;

impl DescribeRequest<Request<Body>> for Http {
    fn describe(&self, request: &Request<Body>) -> Describe {
        Describe::new(Kind::Http, format!("{} /", request.method()))
    }

    fn inject(&self, request: &mut Request<Body>, activity: &Activity) {
        request.extensions_mut().insert(activity.clone());
    }
}

#[tokio::test]
async fn a_call_over_http_runs_inside_of_its_request() {
    let log = ActivityLog::open(":memory:").unwrap();
    let app = over_http(&log).layer(ActivityLayer::new(&log).describe_with(Http));
    let (rows, _) = logged_in(&log, app).await;
    assert_eq!(
        rows.names(),
        ["POST /", "POST /", "POST /", "netflix_login", "inner"]
    );
    let login = rows.one("netflix_login");
    let inner = rows.one("inner");
    let parent = rows.0.iter().find(|row| Some(row.id) == login.parent);
    let parent = parent.unwrap();
    assert_eq!((parent.kind, parent.name.as_str()), (Kind::Http, "POST /"));
    assert_eq!((login.root, inner.root), (parent.id, parent.id));
}

#[cfg(feature = "http")]
#[tokio::test]
async fn a_call_over_http_has_its_session() {
    let log = ActivityLog::open(":memory:").unwrap();
    let app = over_http(&log).layer(ActivityLayer::http(&log));
    let (rows, session) = logged_in(&log, app).await;
    let login = rows.one("netflix_login");
    assert_eq!(login.scope.session.as_deref(), Some(session.as_str()));
}

fn over_http(log: &ActivityLog) -> axum::Router {
    HttpTransport::new(router(log))
        .disable_origin_validation()
        .bridge_extension::<Activity>()
        .layer(log.tools().layer())
        .into_router()
}

/// Calls a tool within a session. Returns the records, and the session.
async fn logged_in(log: &ActivityLog, app: axum::Router) -> (support::Rows, String) {
    let post = |session: Option<&str>, id: Option<u32>, method: &str, params: Value| {
        let mut message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        if let Some(id) = id {
            message["id"] = id.into();
        }
        let mut request = Request::post("/")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        if let Some(session) = session {
            request = request.header("mcp-session-id", session);
        }
        let request = request.body(Body::from(message.to_string())).unwrap();
        app.clone().oneshot(request)
    };
    let greeted = post(None, Some(0), "initialize", hello()).await.unwrap();
    let session = greeted.headers()["mcp-session-id"].to_str().unwrap();
    let id = session.to_owned();
    let done = post(Some(session), None, "notifications/initialized", json!({}));
    done.await.unwrap();
    let login = json!({"name": "netflix_login", "arguments": {"text": "hello"}});
    let answer = post(Some(session), Some(1), "tools/call", login)
        .await
        .unwrap();
    let body = axum::body::to_bytes(answer.into_body(), 1 << 20)
        .await
        .unwrap();
    assert!(String::from_utf8_lossy(&body).contains("in"));
    (rows(log), id)
}

#[tokio::test]
async fn callers_are_asked_for_their_reason_and_report_missing_tools() {
    let log = ActivityLog::open(":memory:").unwrap();
    let options = log.tools().intent(Intent::required()).missing_tool();
    let server = options.layer().layer(connected(&log).await);
    let send = async |request: RouterRequest| {
        let response = server.clone().oneshot(request).await.unwrap();
        serde_json::to_value(response.inner.unwrap()).unwrap()
    };
    let params = serde_json::from_value(json!({})).unwrap();
    let list = RouterRequest::new(RequestId::Number(1), McpRequest::ListTools(params));
    let list = send(list).await;
    let tools = list["tools"].as_array().unwrap();
    let last = tools.last().unwrap();
    assert_eq!(
        (tools.len(), &last["name"]),
        (5, &json!("report_missing_tool"))
    );
    for tool in tools {
        let schema = &tool["inputSchema"];
        assert!(schema["properties"]["call_intent"].is_object(), "{tool}");
        let required = schema["required"].as_array().unwrap();
        assert!(required.contains(&json!("call_intent")), "{tool}");
    }
    send(request(
        "netflix_login",
        &json!({"text": "x", "call_intent": "watch"}),
    ))
    .await;
    let report = send(request(
        "report_missing_tool",
        &json!({"missing": "log out"}),
    ))
    .await;
    assert!(
        report["content"][0]["text"]
            .as_str()
            .unwrap()
            .starts_with("Recorded.")
    );
    let rows = rows(&log).0;
    let row = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
    assert_eq!(row("netflix_login").attributes["mcp.intent"], "watch");
    assert_eq!(row("netflix_login").attributes["said"], "x");
    let report = row("report_missing_tool");
    assert_eq!(report.attributes["mcp.missing_tool"], "log out");
    assert_eq!(report.status, Status::Success);
}
