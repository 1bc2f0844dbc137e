//! With `tracing-opentelemetry`: the same ids in both, and the names of the semantic conventions.

use std::collections::BTreeMap;

use opentelemetry::trace::{SpanKind, Status as SpanStatus, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use rmcp::{
    ServerHandler, ServiceExt,
    model::{CallToolRequestParams, CallToolResult, ContentBlock, RequestMetaObject},
    tool, tool_handler, tool_router,
};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    mcp::WithActivityExt,
    record::{ActivityRecord, TraceContext},
};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{layer::SubscriberExt, registry};

use crate::support::rows;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// An exporter that keeps the spans.
struct Tracing {
    provider: SdkTracerProvider,
    exporter: InMemorySpanExporter,
    _guard: DefaultGuard,
}

impl Tracing {
    fn new() -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let guard = tracing::subscriber::set_default(registry().with(layer));
        Tracing {
            provider,
            exporter,
            _guard: guard,
        }
    }

    fn spans(&self) -> BTreeMap<String, SpanData> {
        self.provider.force_flush().unwrap();
        let spans = self.exporter.get_finished_spans().unwrap().into_iter();
        spans.map(|span| (span.name.to_string(), span)).collect()
    }
}

#[track_caller]
fn same(row: &ActivityRecord, span: &SpanData) {
    assert_eq!(
        row.trace_id.to_string(),
        span.span_context.trace_id().to_string()
    );
    assert_eq!(
        row.span_id.to_string(),
        span.span_context.span_id().to_string()
    );
}

#[test]
fn the_ids_are_the_same() {
    let tracing = Tracing::new();
    let log = ActivityLog::open(":memory:").unwrap();
    let asked = Describe::job("asked").remote_parent(TraceContext::parse(PARENT, None).unwrap());
    let mut asked = log.start(asked);
    let mut next = None;
    asked.enter(|| {
        log.start(Describe::job("inner")).run(|| {
            next = tower_activity::Activity::current().trace_context();
        });
    });
    // From another process, with an explicit parent.
    let far = log.start(Describe::job("far").parent(&asked));
    far.end(Outcome::failed("timeout"));
    asked.end(Outcome::success());
    log.start(Describe::job("own")).end(Outcome::success());

    let (rows, spans) = (rows(&log), tracing.spans());
    assert_eq!(spans.len(), 4, "each ends with its activity");
    for row in &rows.0 {
        same(row, &spans[row.name.as_str()]);
    }
    let remote = TraceContext::parse(PARENT, None).unwrap();
    let asked = &spans["asked"];
    assert_eq!(rows.one("asked").trace_id, remote.trace_id());
    assert_eq!(
        asked.parent_span_id.to_string(),
        remote.span_id().to_string()
    );
    for child in ["inner", "far"] {
        assert_eq!(spans[child].parent_span_id, asked.span_context.span_id());
        assert_eq!(rows.one(child).trace_id, remote.trace_id());
    }
    let next = next.unwrap();
    assert_eq!(
        next.span_id(),
        rows.one("inner").span_id,
        "the propagated context"
    );
    assert!(matches!(spans["far"].status, SpanStatus::Error { .. }));
    assert_ne!(rows.one("own").trace_id, remote.trace_id());
}

#[derive(Debug, Clone)]
struct Server;

#[tool_router]
impl Server {
    #[tool]
    async fn fails(&self) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text("no such invoice")])
    }
}

#[tool_handler]
impl ServerHandler for Server {}

#[tokio::test]
async fn a_tool_call_is_named_by_the_semantic_conventions() {
    let tracing = Tracing::new();
    let log = ActivityLog::open(":memory:").unwrap();
    let (near, far) = tokio::io::duplex(64 << 10);
    let server = Server.with_activity(&log);
    tokio::spawn(async move { server.serve(far).await.unwrap().waiting().await });
    let client = ().serve(near).await.unwrap();
    let mut call = CallToolRequestParams::new("fails");
    let mut meta = RequestMetaObject::new();
    meta.set_traceparent(PARENT);
    for (key, value) in [("gen_ai.agent.id", "a-7"), ("gen_ai.agent.name", "buyer")] {
        meta.insert(key.to_owned(), value.into());
    }
    call.meta = Some(meta);
    client.call_tool(call).await.unwrap();
    let missing = CallToolRequestParams::new("missing");
    client.call_tool(missing).await.unwrap_err();

    let row = rows(&log).one("fails");
    let span = &tracing.spans()["tools/call fails"];
    same(&row, span);
    assert_eq!(row.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(row.remote_parent.unwrap().to_string(), "b7ad6b7169203331");
    assert_eq!(span.parent_span_id.to_string(), "b7ad6b7169203331");
    assert_eq!(span.span_kind, SpanKind::Server);
    let attributes: BTreeMap<_, _> = span
        .attributes
        .iter()
        .map(|attribute| (attribute.key.as_str(), attribute.value.to_string()))
        .collect();
    let session = row.scope.session.unwrap().to_string();
    let request = row.scope.request.unwrap().to_string();
    let version = row.attributes["mcp.protocol.version"].as_str().unwrap();
    for (name, value) in [
        ("mcp.method.name", "tools/call"),
        ("mcp.protocol.version", version),
        ("mcp.session.id", &session),
        ("jsonrpc.request.id", &request),
        ("network.transport", "pipe"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "fails"),
        ("gen_ai.agent.id", "a-7"),
        ("gen_ai.agent.name", "buyer"),
        ("error.type", "tool_error"),
    ] {
        assert_eq!(
            attributes.get(name).map(String::as_str),
            Some(value),
            "{name}"
        );
    }
    for name in [
        "mcp.resource.uri",
        "gen_ai.prompt.name",
        "rpc.response.status_code",
    ] {
        assert!(!attributes.contains_key(name), "{name}");
    }
    assert_eq!(row.scope.agent.as_deref(), Some("a-7"));

    let row = rows(&log).one("missing");
    let span = &tracing.spans()["tools/call missing"];
    let mut attributes = span.attributes.iter();
    let code = attributes.find(|one| one.key.as_str() == "rpc.response.status_code");
    assert_eq!(code.unwrap().value.to_string(), "-32602");
    assert_eq!(row.attributes["rpc.response.status_code"], "-32602");
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_request_has_the_names_of_the_conventions_on_its_span() {
    use axum::{Router, body::Body, routing::get};
    use tower::ServiceExt;
    use tower_activity::ActivityLayer;

    let tracing = Tracing::new();
    let log = ActivityLog::open(":memory:").unwrap();
    let app = Router::new()
        .route("/down/{id}", get(async || http::StatusCode::BAD_GATEWAY))
        .layer(ActivityLayer::http(&log));
    let request = http::Request::get("http://shop.example/down/7?token=t0psecret")
        .header("user-agent", "curl/8")
        .body(Body::empty())
        .unwrap();
    drop(app.oneshot(request).await.unwrap());

    let spans = tracing.spans();
    let span = &spans["GET /down/{id}"];
    assert_eq!(span.span_kind, SpanKind::Server);
    assert!(matches!(span.status, SpanStatus::Error { .. }), "{span:?}");
    let attributes: BTreeMap<_, _> = span
        .attributes
        .iter()
        .map(|attribute| (attribute.key.as_str(), attribute.value.to_string()))
        .collect();
    for (name, value) in [
        ("error.type", "502"),
        ("http.request.method", "GET"),
        ("http.response.status_code", "502"),
        ("http.route", "/down/{id}"),
        ("network.protocol.version", "1.1"),
        ("url.path", "/down/7"),
        ("url.scheme", "http"),
        ("user_agent.original", "curl/8"),
    ] {
        assert_eq!(
            attributes.get(name).map(String::as_str),
            Some(value),
            "{name}"
        );
    }
    same(&rows(&log).one("GET /down/{id}"), span);
}
