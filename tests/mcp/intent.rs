//! The caller's reason for a call and missing tools are on record, and the tools of a server never see them.

use rmcp::{
    ErrorData, RoleClient, RoleServer, ServerHandler, ServiceExt,
    handler::server::{router::Router, wrapper::Parameters},
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    schemars,
    service::{RequestContext, RunningService},
    tool, tool_router,
};
use serde_json::{Value, json};
use tower_activity::{
    ActivityLog, Status,
    mcp::{Intent, ToolOptions, WithActivityExt},
    record::{ActivityRecord, Capture},
};

use crate::support::rows;

/// Echoes the arguments of each call. It lists its tools on two pages, and cannot be asked for one.
#[derive(Debug, Clone)]
struct Echo(Vec<Value>);

impl Echo {
    fn new() -> Self {
        let tool = |name: &str, schema: Value| json!({"name": name, "inputSchema": schema});
        Echo(vec![
            tool(
                "strict",
                json!({
                    "type": "object", "properties": {"b": {}, "a": {}},
                    "required": ["a"], "additionalProperties": false,
                }),
            ),
            tool("bare", json!({"type": "object"})),
            tool(
                "own",
                json!({"type": "object", "properties": {"call_intent": {"type": "number"}}}),
            ),
            tool(
                "composed",
                json!({"type": "object", "oneOf": [{"maxProperties": 1}]}),
            ),
        ])
    }
}

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let is_first = request.is_none_or(|request| request.cursor.is_none());
        let (from, to) = if is_first { (0, 2) } else { (2, self.0.len()) };
        let page = json!({"tools": self.0[from..to], "nextCursor": is_first.then_some("2")});
        Ok(serde_json::from_value(page).unwrap())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = json!(request.arguments).to_string();
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}

/// The same with rmcp's router, which knows the definitions of its tools.
#[derive(Debug, Clone)]
struct Routed;

#[derive(Debug, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Strict {
    a: u32,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Own {
    call_intent: u32,
}

#[tool_router]
impl Routed {
    #[tool]
    async fn strict(&self, Parameters(strict): Parameters<Strict>) -> String {
        json!(strict).to_string()
    }

    #[tool]
    async fn own(&self, Parameters(own): Parameters<Own>) -> String {
        format!("own {}", own.call_intent)
    }
}

impl ServerHandler for Routed {}

type Client = RunningService<RoleClient, ()>;

async fn connect(server: impl ServerHandler, tools: ToolOptions) -> Client {
    let (near, far) = tokio::io::duplex(64 << 10);
    tokio::spawn(async move {
        let running = server.with_activity(tools).serve(far).await.unwrap();
        running.waiting().await.unwrap();
    });
    ().serve(near).await.unwrap()
}

async fn call(client: &Client, name: &'static str, arguments: Value) -> (String, bool) {
    let arguments = arguments.as_object().unwrap().clone();
    let call = CallToolRequestParams::new(name).with_arguments(arguments);
    let result = client.call_tool(call).await.unwrap();
    let text = result.content[0].as_text().unwrap().text.clone();
    (text, result.is_error == Some(true))
}

fn schema<'a>(tools: &'a [Tool], name: &str) -> &'a serde_json::Map<String, Value> {
    &tools
        .iter()
        .find(|tool| tool.name == name)
        .unwrap()
        .input_schema
}

/// The newest call of a tool.
fn record(log: &ActivityLog, name: &str) -> ActivityRecord {
    let rows = rows(log).0.into_iter();
    let calls = rows.filter(|row| row.name == name);
    calls.max_by_key(|row| row.id).unwrap()
}

#[tokio::test]
async fn without_a_choice_nothing_is_added() {
    let log = ActivityLog::open(":memory:").unwrap();
    let client = connect(Echo::new(), log.tools()).await;
    let listed = json!(client.list_all_tools().await.unwrap());
    assert_eq!(listed, json!(Echo::new().0));
    let (text, _) = call(&client, "bare", json!({"call_intent": "mine"})).await;
    assert_eq!(text, r#"{"call_intent":"mine"}"#);
    let (text, _) = call(&client, "report_missing_tool", json!({"missing": "x"})).await;
    assert_eq!(text, r#"{"missing":"x"}"#);
    let call = record(&log, "bare");
    assert!(!call.attributes.contains_key("mcp.intent"), "{call:?}");
}

#[tokio::test]
async fn the_reason_of_a_call_is_recorded_and_the_tool_does_not_see_it() {
    let log = ActivityLog::open(":memory:").unwrap();
    let tools = log
        .tools()
        .intent(Intent::required())
        .previews(Capture::Preview);
    let client = connect(Echo::new(), tools).await;

    // Before a list it might be the tool's own.
    let (text, _) = call(&client, "bare", json!({"call_intent": "early"})).await;
    assert_eq!(text, r#"{"call_intent":"early"}"#);

    let tools = client.list_all_tools().await.unwrap();
    let strict = schema(&tools, "strict");
    assert_eq!(strict["properties"]["call_intent"]["type"], "string");
    assert_eq!(strict["required"], json!(["a", "call_intent"]));
    assert_eq!(strict["additionalProperties"], false);
    let bare = schema(&tools, "bare");
    assert_eq!(bare["required"], json!(["call_intent"]));
    for left_alone in ["own", "composed"] {
        let before = Echo::new().0;
        let before = before
            .iter()
            .find(|tool| tool["name"] == left_alone)
            .unwrap();
        assert_eq!(json!(schema(&tools, left_alone)), before["inputSchema"]);
    }

    let secret = "refund order 7 for ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let arguments = json!({"b": 2, "call_intent": secret, "a": 1.5, "c": 3});
    let (text, _) = call(&client, "strict", arguments).await;
    assert_eq!(
        text, r#"{"b":2,"a":1.5,"c":3}"#,
        "in the order of the caller"
    );
    let (text, _) = call(&client, "own", json!({"call_intent": 7})).await;
    assert_eq!(
        text, r#"{"call_intent":7}"#,
        "a parameter of the tool itself"
    );

    let strict = record(&log, "strict");
    let intent = strict.attributes["mcp.intent"].as_str().unwrap();
    assert!(
        intent.starts_with("refund order 7 for ") && !intent.contains("ghp_"),
        "{intent}"
    );
    let input = strict.input.unwrap().text;
    assert!(!input.contains("call_intent"), "{input}");
    let own = record(&log, "own");
    assert!(!own.attributes.contains_key("mcp.intent"));
    let early = record(&log, "bare");
    assert!(!early.attributes.contains_key("mcp.intent"), "{early:?}");
}

#[tokio::test]
async fn a_reason_of_any_kind_and_length_is_taken_and_a_missing_one_harms_no_call() {
    let log = ActivityLog::open(":memory:").unwrap();
    let tools = log.tools().intent(Intent::required().parameter("why"));
    let client = connect(Echo::new(), tools).await;
    client.list_all_tools().await.unwrap();
    let check = async |arguments: Value, expected: Option<&str>| {
        let (text, is_error) = call(&client, "bare", arguments.clone()).await;
        assert_eq!((text.as_str(), is_error), ("{}", false), "{arguments}");
        let row = record(&log, "bare");
        let intent = row.attributes.get("mcp.intent").and_then(Value::as_str);
        assert_eq!(intent, expected, "{arguments}");
    };
    check(json!({}), None).await;
    check(json!({"why": null}), None).await;
    check(json!({"why": " "}), None).await;
    check(json!({"why": {"goal": 1}}), Some(r#"{"goal":1}"#)).await;
    let long = "ü".repeat(1 << 20);
    let (text, _) = call(&client, "bare", json!({"why": long})).await;
    assert_eq!(text, "{}");
    let row = record(&log, "bare");
    let intent = row.attributes["mcp.intent"].as_str().unwrap();
    // 2 KiB and an ellipsis.
    assert!((1_000..=2_051).contains(&intent.len()), "{}", intent.len());
}

#[tokio::test]
async fn a_missing_tool_is_reported_and_recorded() {
    let log = ActivityLog::open(":memory:").unwrap();
    let tools = log.tools().missing_tool().intent(Intent::optional());
    let client = connect(Echo::new(), tools).await;
    let names: Vec<_> = client.list_all_tools().await.unwrap();
    let names: Vec<_> = names.iter().map(|tool| tool.name.as_ref()).collect();
    assert_eq!(
        names,
        ["strict", "bare", "report_missing_tool", "own", "composed"]
    );

    let report = json!({"missing": "send an invoice", "call_intent": "bill Ann"});
    let (text, is_error) = call(&client, "report_missing_tool", report).await;
    assert!(text.starts_with("Recorded.") && !is_error, "{text}");
    let row = record(&log, "report_missing_tool");
    assert_eq!(row.status, Status::Success);
    assert_eq!(row.attributes["mcp.missing_tool"], "send an invoice");
    assert_eq!(row.attributes["mcp.intent"], "bill Ann");

    let (text, is_error) = call(&client, "report_missing_tool", json!({})).await;
    assert!(text.contains("`missing`") && is_error, "{text}");
    let rows = rows(&log).0;
    assert!(
        rows.iter().any(|row| row.status == Status::Failed),
        "{rows:?}"
    );
}

#[tokio::test]
async fn a_server_keeps_its_own_tool_of_that_name() {
    let log = ActivityLog::open(":memory:").unwrap();
    let mut server = Echo::new();
    server.0[0]["name"] = json!("report_missing_tool");
    let client = connect(server.clone(), log.tools().missing_tool()).await;
    let listed = json!(client.list_all_tools().await.unwrap());
    assert_eq!(listed, json!(server.0));
    let (text, _) = call(&client, "report_missing_tool", json!({"missing": "x"})).await;
    assert_eq!(text, r#"{"missing":"x"}"#);
}

#[tokio::test]
async fn a_router_has_the_same_additions() {
    let log = ActivityLog::open(":memory:").unwrap();
    let tools = log.tools().missing_tool().intent(Intent::optional());
    let router = Router::new(Routed).with_tools(Routed::tool_router());
    let (near, far) = tokio::io::duplex(64 << 10);
    tokio::spawn(async move {
        let running = router.with_activity(tools).serve(far).await.unwrap();
        running.waiting().await.unwrap();
    });
    let client = ().serve(near).await.unwrap();

    // Before a list: the router knows that the parameter is the tool's own.
    let (text, _) = call(&client, "own", json!({"call_intent": 7})).await;
    assert_eq!(text, "own 7");
    let (text, _) = call(&client, "strict", json!({"a": 1, "call_intent": "add"})).await;
    assert_eq!(text, r#"{"a":1}"#);
    let tools = client.list_all_tools().await.unwrap();
    assert_eq!(tools.len(), 3);
    let (text, _) = call(&client, "report_missing_tool", json!({"missing": "x"})).await;
    assert!(text.starts_with("Recorded."), "{text}");
    assert!(schema(&tools, "strict")["properties"]["call_intent"].is_object());
    assert!(schema(&tools, "report_missing_tool")["properties"]["call_intent"].is_object());
    assert_eq!(record(&log, "strict").attributes["mcp.intent"], "add");
    let report = record(&log, "report_missing_tool");
    assert_eq!(report.attributes["mcp.missing_tool"], "x");
}
