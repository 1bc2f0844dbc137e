//! Tool calls of a real server by a real client become activities with the right outcomes.

use std::{sync::Arc, time::Duration};

use rmcp::{
    ErrorData, RoleClient, RoleServer, ServerHandler, ServiceExt,
    handler::server::wrapper::Parameters,
    model::{
        CallToolRequestParams, CallToolResult, ClientRequest, ContentBlock, GetPromptRequestParams,
        GetPromptResponse, GetPromptResult, ReadResourceRequestParams, ReadResourceResponse,
        ReadResourceResult, Request, ServerCapabilities, ServerConfig, ServerResult,
    },
    schemars,
    service::{PeerRequestOptions, RequestContext, RunningService},
    tool, tool_handler, tool_router,
};
use serde_json::json;
use tokio::sync::Semaphore;
use tower_activity::{
    Activity, ActivityLog, Describe, Kind, Outcome, Status,
    mcp::{ToolOptions, WithActivityExt},
    record::Capture,
};

use crate::support::{rows, until};

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Say {
    text: String,
}

#[derive(Debug, Clone)]
struct Server {
    log: ActivityLog,
    started: Arc<Semaphore>,
}

#[tool_router]
impl Server {
    #[tool]
    async fn netflix_login(&self, Parameters(Say { text }): Parameters<Say>) -> String {
        Activity::current().set("said", text.clone());
        self.log
            .start(Describe::job("inner"))
            .end(Outcome::success());
        text
    }

    #[tool]
    async fn fails(&self) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text("no such invoice")])
    }

    #[tool]
    async fn refuses(&self) -> Result<CallToolResult, ErrorData> {
        Err(ErrorData::invalid_params("bad page", None))
    }

    #[tool]
    async fn panics(&self) -> String {
        panic!("lost my mind")
    }

    #[tool]
    async fn slow(&self, context: RequestContext<RoleServer>) -> String {
        self.started.add_permits(1);
        context.ct.cancelled().await;
        "thrown away".into()
    }

    #[tool(meta = rmcp::model::MetaObject(json!({"tags": ["general"]}).as_object().unwrap().clone()))]
    async fn web_search(&self) -> String {
        "found".into()
    }
}

#[tool_handler]
impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let all = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources();
        ServerConfig::new(all.build())
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        match request.name.as_str() {
            "greet" => Ok(GetPromptResult::new(Vec::new()).into()),
            _ => Err(ErrorData::invalid_params("no such prompt", None)),
        }
    }

    async fn read_resource(
        &self,
        _: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Ok(ReadResourceResult::new(Vec::new()).into())
    }
}

type Client = RunningService<RoleClient, ()>;

struct Setup {
    client: Client,
    started: Arc<Semaphore>,
    server: tokio::task::JoinHandle<()>,
}

async fn serve(log: &ActivityLog, tools: ToolOptions) -> Setup {
    let started = Arc::new(Semaphore::new(0));
    let server = Server {
        log: log.clone(),
        started: started.clone(),
    };
    let (near, far) = tokio::io::duplex(64 << 10);
    let server = tokio::spawn(async move {
        let running = server.with_activity(tools).serve(far).await.unwrap();
        running.waiting().await.unwrap();
    });
    let client = ().serve(near).await.unwrap();
    Setup {
        client,
        started,
        server,
    }
}

fn call(name: &'static str) -> CallToolRequestParams {
    CallToolRequestParams::new(name)
}

fn say(text: &str) -> CallToolRequestParams {
    call("netflix_login").with_arguments(json!({"text": text}).as_object().unwrap().clone())
}

#[tokio::test]
async fn each_call_is_one_activity_and_nothing_else_is() {
    let log = ActivityLog::open(":memory:").unwrap();
    let Setup { client, server, .. } = serve(&log, log.tools()).await;
    client.list_all_tools().await.unwrap();
    client.call_tool(say("hello")).await.unwrap();
    assert_eq!(
        client.call_tool(call("fails")).await.unwrap().is_error,
        Some(true)
    );
    assert!(client.call_tool(call("refuses")).await.is_err());
    client.cancel().await.unwrap();
    server.await.unwrap();

    let rows = rows(&log);
    assert_eq!(rows.names(), ["netflix_login", "inner", "fails", "refuses"]);
    let login = rows.one("netflix_login");
    assert_eq!((login.kind, login.status), (Kind::Tool, Status::Success));
    assert_eq!(login.attributes["said"], json!("hello"));
    assert_eq!(login.attributes["mcp.method.name"], json!("tools/call"));
    assert_eq!(login.attributes["network.transport"], json!("pipe"));
    assert_eq!(login.attributes["mcp.client.name"], json!("rmcp"));
    assert!(
        login.input.is_none() && login.output.is_none(),
        "previews are off by default"
    );
    assert_eq!(rows.one("inner").parent, Some(login.id));

    let fails = rows.one("fails");
    assert_eq!(
        (fails.status, fails.error_type.as_deref()),
        (Status::Failed, Some("tool_error"))
    );
    assert_eq!(fails.message.as_deref(), Some("no such invoice"));
    let refuses = rows.one("refuses");
    assert_eq!(
        (refuses.status, refuses.error_type.as_deref()),
        (Status::Failed, Some("-32602"))
    );
    assert_eq!(refuses.message.as_deref(), Some("bad page"));

    // One session, one request id per call.
    assert!(login.scope.session.is_some());
    assert_eq!(login.scope.session, fails.scope.session);
    assert!(login.scope.request.is_some() && login.scope.request != fails.scope.request);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_the_client_cancels_is_cancelled() {
    let log = ActivityLog::open(":memory:").unwrap();
    let Setup {
        client, started, ..
    } = serve(&log, log.tools()).await;
    let request = ClientRequest::CallToolRequest(Request::new(call("slow")));
    let handle = client
        .send_cancellable_request(request, PeerRequestOptions::no_options())
        .await
        .unwrap();
    started.acquire().await.unwrap().forget();
    log.flush().await.unwrap();
    assert_eq!(rows(&log).one("slow").status, Status::Running);
    handle.cancel(Some("enough".into())).await.unwrap();
    let rows = until(&log, |rows| rows.one("slow").status != Status::Running);
    assert_eq!(rows.one("slow").status, Status::Cancelled);
}

#[tokio::test]
async fn a_panic_is_recorded_and_answered_if_enabled() {
    let log = ActivityLog::open(":memory:").unwrap();
    let Setup { client, .. } = serve(&log, log.tools().reply_on_panic()).await;
    let error = client.call_tool(call("panics")).await.unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");
    let row = rows(&log).one("panics");
    assert_eq!(
        (row.status, row.error_type.as_deref()),
        (Status::Failed, Some("panic"))
    );
    assert_eq!(row.message.as_deref(), Some("lost my mind"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_propagates_as_without_the_wrapper() {
    let log = ActivityLog::open(":memory:").unwrap();
    let Setup { client, .. } = serve(&log, log.tools()).await;
    let request = ClientRequest::CallToolRequest(Request::new(call("panics")));
    let handle = client
        .send_cancellable_request(request, PeerRequestOptions::no_options())
        .await
        .unwrap();
    let rows = until(&log, |rows| {
        rows.0.iter().any(|row| row.status == Status::Failed)
    });
    assert_eq!(rows.one("panics").error_type.as_deref(), Some("panic"));
    // The server keeps running; only this call is never answered.
    client.call_tool(say("still there")).await.unwrap();
    drop(handle);
}

#[tokio::test]
async fn brands_come_from_names_or_tags() {
    let log = ActivityLog::open(":memory:").unwrap();
    let tools = log.tools().brand(|tool| {
        if tool.has_tag("general") {
            return None;
        }
        tool.split_once('_').map(|(brand, _)| brand)
    });
    let Setup { client, .. } = serve(&log, tools).await;
    client.call_tool(say("hello")).await.unwrap();
    client.call_tool(call("web_search")).await.unwrap();
    let rows = rows(&log);
    assert_eq!(
        rows.one("netflix_login").scope.brand.as_deref(),
        Some("netflix")
    );
    assert_eq!(
        rows.one("inner").scope.brand.as_deref(),
        Some("netflix"),
        "children inherit it"
    );
    assert_eq!(rows.one("web_search").scope.brand, None);
}

/// A server whose definitions cannot be looked up.
#[derive(Clone)]
struct Undefined;

impl ServerHandler for Undefined {
    fn get_tool(&self, name: &str) -> Option<rmcp::model::Tool> {
        panic!("no definition of {name}")
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<rmcp::model::CallToolResponse, ErrorData> {
        Ok(CallToolResult::success(vec![ContentBlock::text("well")]).into())
    }
}

#[tokio::test]
async fn a_definition_is_looked_up_only_for_a_rule_and_may_panic() {
    let log = ActivityLog::open(":memory:").unwrap();
    let by_name = log
        .tools()
        .brand(|tool| tool.split_once('_').map(|(brand, _)| brand));
    let by_tag = log
        .tools()
        .brand(|tool| tool.has_tag("shop").then_some("shop"));
    for tools in [log.tools(), by_name, by_tag] {
        let (near, far) = tokio::io::duplex(64 << 10);
        tokio::spawn(async move {
            let running = Undefined.with_activity(tools).serve(far).await.unwrap();
            running.waiting().await.unwrap();
        });
        let client = ().serve(near).await.unwrap();
        client.call_tool(call("netflix_login")).await.unwrap();
    }
    let rows = rows(&log).0;
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            let panicked = row.attributes.get("activity.panicked_rule");
            (row.status, row.scope.brand.as_deref(), panicked.is_some())
        })
        .collect();
    assert_eq!(
        told,
        [
            (Status::Success, None, false),
            (Status::Success, Some("netflix"), false),
            (Status::Success, None, true),
        ]
    );
}

#[tokio::test]
async fn payloads_are_stored_if_enabled() {
    let log = ActivityLog::open(":memory:").unwrap();
    let tools = log.tools().preview("netflix_login", Capture::Preview);
    let Setup { client, .. } = serve(&log, tools).await;
    client.call_tool(say("hello")).await.unwrap();
    client.call_tool(call("web_search")).await.unwrap();
    let rows = rows(&log);
    let login = rows.one("netflix_login");
    assert_eq!(login.input.unwrap().text, r#"{"text":"hello"}"#);
    assert!(login.output.unwrap().text.contains("hello"));
    assert!(rows.one("web_search").output.is_none());
}

#[tokio::test]
async fn prompts_and_resources_are_recorded_by_choice() {
    let log = ActivityLog::open(":memory:").unwrap();
    for tools in [log.tools(), log.tools().prompts().resources()] {
        let Setup { client, .. } = serve(&log, tools).await;
        client
            .get_prompt(GetPromptRequestParams::new("greet"))
            .await
            .unwrap();
        client
            .get_prompt(GetPromptRequestParams::new("shout"))
            .await
            .unwrap_err();
        let uri = "file:///a.txt?token=t0psecret";
        client
            .read_resource(ReadResourceRequestParams::new(uri))
            .await
            .unwrap();
    }
    let rows = rows(&log);
    let told: Vec<_> = rows
        .0
        .iter()
        .map(|row| (row.kind, row.name.as_str(), row.status))
        .collect();
    assert_eq!(
        told,
        [
            (Kind::Prompt, "greet", Status::Success),
            (Kind::Prompt, "shout", Status::Failed),
            (Kind::Resource, "file", Status::Success),
        ]
    );
    assert_eq!(
        rows.0[2].attributes["mcp.resource.uri"],
        json!("file:///a.txt?token=[redacted]")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_calls_never_mix() {
    let log = ActivityLog::open(":memory:").unwrap();
    let Setup { client, .. } = serve(&log, log.tools().previews(Capture::Full)).await;
    let calls = (0..50).map(|i| {
        let client = client.peer().clone();
        tokio::spawn(async move { client.call_tool(say(&format!("call {i}"))).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    let rows = rows(&log);
    let logins: Vec<_> = rows
        .0
        .iter()
        .filter(|row| row.name == "netflix_login")
        .collect();
    assert_eq!(logins.len(), 50);
    for login in logins {
        let said = login.attributes["said"].as_str().unwrap();
        assert_eq!(
            login.input.as_ref().unwrap().text,
            json!({"text": said}).to_string()
        );
        assert_eq!(
            rows.0
                .iter()
                .filter(|row| row.parent == Some(login.id))
                .count(),
            1
        );
    }
}

#[tokio::test]
async fn responses_are_unchanged_even_after_a_shutdown() {
    let log = ActivityLog::open(":memory:").unwrap();
    let Setup { client, .. } = serve(&log, log.tools()).await;
    let before = client.call_tool(say("hello")).await.unwrap();
    log.shutdown()
        .timeout(Duration::from_secs(5))
        .await
        .unwrap();
    assert_eq!(client.call_tool(say("hello")).await.unwrap(), before);
    assert_eq!(
        log.accounting().activities.rejected_closed,
        2,
        "the call and the job inside it"
    );
    let request = ClientRequest::PingRequest(Default::default());
    assert!(matches!(
        client.send_request(request).await,
        Ok(ServerResult::EmptyResult(_))
    ));
}
