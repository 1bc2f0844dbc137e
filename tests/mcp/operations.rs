//! Calls of a `Router`, and operations that take more than one request: calls that ask first, and tasks.

use rmcp::{
    ErrorData, RoleClient, RoleServer, ServerHandler, Service,
    handler::server::{
        router::Router,
        tool::{InputResponses as Responses, RequestState},
        wrapper::Parameters,
    },
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams,
        ClientCapabilities, ClientConfig, ContentBlock, CreateTaskResult, ElicitRequest,
        ElicitRequestParams, GetTaskParams, GetTaskResult, Implementation, InputRequest,
        InputRequiredResult, MetaObject, NumberOrString, ProgressToken, ProtocolVersion,
        RequestMetaObject, ServerCapabilities, ServerConfig,
    },
    schemars,
    service::{ClientLifecycleMode, ClientServiceExt, RequestContext, RunningService, ServiceExt},
    task_manager::{TaskExit, TaskManager, TaskOptions},
    tool, tool_handler, tool_router,
};
use serde_json::{Value, json};
use tower_activity::{
    Activity, ActivityLog, Kind, Status,
    mcp::{ToolOptions, WithActivityExt},
};

use crate::support::{self, rows, until};

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct SignIn {
    #[allow(dead_code)]
    brand: String,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Export {
    end: String,
}

#[derive(Clone)]
pub(crate) struct Server {
    /// The state that questions carry for the client to return, if any.
    state: Option<&'static str>,
    tasks: TaskManager,
}

impl Server {
    pub(crate) fn new(state: Option<&'static str>) -> Self {
        Server {
            state,
            tasks: TaskManager::new(),
        }
    }
}

fn general() -> MetaObject {
    json!({"tags": ["general"]})
        .as_object()
        .unwrap()
        .clone()
        .into()
}

#[tool_router]
impl Server {
    #[tool]
    async fn netflix_login(&self) -> String {
        Activity::current().set("seen", true);
        "in".into()
    }

    #[tool]
    async fn amazon_search(&self) -> String {
        "found".into()
    }

    #[tool(meta = general())]
    async fn web_search(&self) -> String {
        "found".into()
    }

    #[tool]
    async fn sign_in(&self, Parameters(_): Parameters<SignIn>) -> String {
        "in".into()
    }

    #[tool]
    async fn fails(&self) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text("no such invoice")])
    }

    /// Asks for a name, twice.
    #[tool]
    async fn greet(
        &self,
        RequestState(state): RequestState,
        Responses(responses): Responses,
    ) -> CallToolResponse {
        let round = responses.map_or(0, |responses| match responses.contains_key("first") {
            true => 1,
            false => 2,
        });
        assert!(round == 0 || state.as_deref() == self.state);
        let asked = match round {
            0 => "first",
            1 => "second",
            _ => return CallToolResult::success(vec![ContentBlock::text("hello")]).into(),
        };
        let schema = serde_json::from_value(json!({"type": "object", "properties": {}})).unwrap();
        let question = InputRequest::Elicitation(ElicitRequest::new(
            ElicitRequestParams::FormElicitationParams {
                meta: None,
                message: "name?".into(),
                requested_schema: schema,
            },
        ));
        let questions = [(asked.to_owned(), question)].into();
        InputRequiredResult::new(Some(questions), self.state.map(Into::into)).into()
    }

    /// Continues as a task, which ends as the argument says.
    #[tool]
    async fn export(&self, Parameters(Export { end }): Parameters<Export>) -> CallToolResponse {
        let options = TaskOptions::new().with_ttl_ms((end == "forgotten").then_some(60_000));
        let task = self.tasks.spawn(options, move |context| {
            Box::pin(async move {
                match end.as_str() {
                    "well" => Ok(CallToolResult::success(vec![])),
                    "badly" => Ok(CallToolResult::error(vec![ContentBlock::text("disk full")])),
                    "with an error" => {
                        Err(TaskExit::Error(ErrorData::internal_error("boom", None)))
                    }
                    "stubbornly" => {
                        context.cancelled().await;
                        Ok(CallToolResult::success(vec![]))
                    }
                    _ => {
                        context.cancelled().await;
                        Err(TaskExit::Cancelled)
                    }
                }
            })
        });
        CreateTaskResult::new(task).into()
    }
}

#[tool_handler]
impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let all = ServerCapabilities::builder().enable_tools().enable_tasks();
        let mut info = ServerConfig::new(all.build());
        info.protocol_version = ProtocolVersion::V_2026_07_28;
        info
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        Ok(GetTaskResult::new(self.tasks.get_task(&request.task_id)?))
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.tasks.cancel_task(&request.task_id)
    }
}

type Client = RunningService<RoleClient, ClientConfig>;

/// Serves it to a client with scripted answers that speaks the newest protocol version.
async fn serve(server: impl Service<RoleServer>) -> Client {
    let (near, far) = tokio::io::duplex(64 << 10);
    tokio::spawn(async move { server.serve(far).await.unwrap().waiting().await.unwrap() });
    let capabilities = ClientCapabilities::builder()
        .enable_tasks()
        .enable_elicitation();
    let config = ClientConfig::new(capabilities.build(), Implementation::new("tester", "1"));
    let newest = ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    };
    config.serve_with_lifecycle(near, newest).await.unwrap()
}

pub(crate) fn routed(server: Server) -> Router<Server> {
    Router::new(server).with_tools(Server::tool_router())
}

/// One client of a wrapped handler, one of a wrapped router.
async fn both(tools: &ToolOptions, server: &Server) -> [Client; 2] {
    let handler = server.clone().with_activity(tools);
    let router = routed(server.clone()).with_activity(tools);
    [serve(handler).await, serve(router).await]
}

pub(crate) fn call(name: &'static str, arguments: Value) -> CallToolRequestParams {
    match arguments {
        Value::Object(arguments) => CallToolRequestParams::new(name).with_arguments(arguments),
        other => panic!("arguments are an object, not {other}"),
    }
}

#[tokio::test]
async fn a_router_is_recorded_as_a_handler_is() {
    let mut told = Vec::new();
    for form in 0..2 {
        let log = ActivityLog::open(":memory:").unwrap();
        let client = &both(&log.tools(), &Server::new(None)).await[form];
        client.list_all_tools().await.unwrap();
        for name in ["netflix_login", "fails"] {
            client.call_tool(call(name, json!({}))).await.unwrap();
        }
        client
            .call_tool(call("missing", json!({})))
            .await
            .unwrap_err();
        let rows = rows(&log);
        assert_eq!(rows.one("netflix_login").attributes["seen"], json!(true));
        let ends = rows.0.into_iter().map(|row| {
            let keys: Vec<_> = row.attributes.keys().cloned().collect();
            (
                row.name,
                row.kind,
                row.status,
                row.error_type,
                row.message,
                keys,
            )
        });
        told.push(ends.collect::<Vec<_>>());
    }
    assert_eq!(told[0].len(), 3);
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn a_brand_comes_from_a_name_a_tag_or_an_argument() {
    let log = ActivityLog::open(":memory:").unwrap();
    let tools = log.tools().brand(|tool| {
        if tool.has_tag("general") {
            return None;
        }
        let told = tool.argument("brand");
        told.or_else(|| tool.split_once('_').map(|(brand, _)| brand))
    });
    for client in both(&tools, &Server::new(None)).await {
        for name in ["netflix_login", "amazon_search", "web_search"] {
            client.call_tool(call(name, json!({}))).await.unwrap();
        }
        let sign_in = call("sign_in", json!({"brand": "goodreads"}));
        client.call_tool(sign_in).await.unwrap();
    }
    let brands: Vec<_> = rows(&log)
        .0
        .into_iter()
        .map(|row| row.scope.brand)
        .collect();
    let brands: Vec<_> = brands.iter().map(Option::as_deref).collect();
    let each = [Some("netflix"), Some("amazon"), None, Some("goodreads")];
    assert_eq!(brands, [each, each].concat());
}

#[tokio::test]
async fn a_progress_token_and_a_conversation_are_kept() {
    let log = ActivityLog::open(":memory:").unwrap();
    let default = serve(Server::new(None).with_activity(&log)).await;
    let own = serve(Server::new(None).with_activity(log.tools().conversation("shop/chat"))).await;
    for (client, key) in [(&default, "gen_ai.conversation.id"), (&own, "shop/chat")] {
        let mut meta = RequestMetaObject::with_progress_token(ProgressToken(
            NumberOrString::String("half-way".into()),
        ));
        meta.insert(key.into(), json!("chat-7"));
        let mut login = call("netflix_login", json!({}));
        login.meta = Some(meta);
        client.call_tool(login).await.unwrap();
        client.call_tool(call("fails", json!({}))).await.unwrap();
    }
    let rows = rows(&log).0;
    assert_eq!(rows.len(), 4);
    for pair in rows.chunks(2) {
        let (told, plain) = (&pair[0], &pair[1]);
        assert!(
            told.attributes["mcp.progress.token"].is_string()
                || told.attributes["mcp.progress.token"].is_number()
        );
        assert_eq!(told.scope.session.as_deref(), Some("chat-7"));
        // The session of the transport is still there.
        assert_eq!(
            told.attributes["mcp.session.id"].as_str(),
            plain.scope.session.as_deref()
        );
        assert!(!plain.attributes.contains_key("mcp.session.id"));
    }
}

#[tokio::test]
async fn a_call_that_elicits_input_is_one_operation_with_its_continuations() {
    for state in [Some("round trip"), None] {
        let log = ActivityLog::open(":memory:").unwrap();
        for client in both(&log.tools(), &Server::new(state)).await {
            let mut greet = call("greet", json!({}));
            for answered in ["first", "second"] {
                let asked = client.call_tool_once(greet.clone()).await.unwrap();
                assert!(matches!(asked, CallToolResponse::InputRequired(_)));
                greet.request_state = state.map(Into::into);
                let answer = json!({"action": "accept", "content": {}});
                greet.input_responses = Some([(answered.to_owned(), answer)].into());
            }
            let done = client.call_tool_once(greet).await.unwrap();
            assert!(matches!(done, CallToolResponse::Complete(_)));
        }
        let rows = rows(&log).0;
        assert_eq!(rows.len(), 6);
        for rounds in rows.chunks(3) {
            let first = &rounds[0];
            assert_eq!(first.parent, None);
            assert_eq!(first.attributes["mcp.result.type"], json!("input_required"));
            assert_eq!(
                rounds[1].attributes["mcp.result.type"],
                json!("input_required")
            );
            assert!(!rounds[2].attributes.contains_key("mcp.result.type"));
            assert!(
                rounds[1..]
                    .iter()
                    .all(|row| row.parent == Some(first.id) && row.root == first.id)
            );
            assert!(rounds.iter().all(|row| row.status == Status::Success));
        }
    }
}

/// Polls a task until it has ended.
async fn poll(client: &Client, id: &str) {
    let asked = || client.get_task(GetTaskParams::new(id));
    while !asked().await.unwrap().task.status().is_terminal() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_task_ends_when_its_client_gets_the_result() {
    for form in 0..2 {
        let log = ActivityLog::open(":memory:").unwrap();
        let client = &both(&log.tools(), &Server::new(None)).await[form];
        for end in [
            "well",
            "badly",
            "with an error",
            "never",
            "stubbornly",
            "unseen",
        ] {
            let export = call("export", json!({"end": end}));
            let answer = client.call_tool_once(export).await.unwrap();
            let CallToolResponse::Task(created) = answer else {
                panic!("{answer:?} is no task");
            };
            let id = created.task.task_id;
            match end {
                "unseen" => client.cancel_task(CancelTaskParams::new(id)).await.unwrap(),
                // A task decides itself how it ends after a cancellation.
                "never" | "stubbornly" => {
                    let cancel = CancelTaskParams::new(id.clone());
                    client.cancel_task(cancel).await.unwrap();
                    poll(client, &id).await;
                }
                _ => poll(client, &id).await,
            }
        }
        let ended = |rows: &support::Rows| {
            let jobs = rows.0.iter().filter(|row| row.kind == Kind::Job);
            jobs.filter(|row| row.status != Status::Running).count() == 5
        };
        let rows = until(&log, ended).0;
        let calls: Vec<_> = rows.iter().filter(|row| row.kind == Kind::Tool).collect();
        assert_eq!(calls.len(), 6);
        let mut ends = Vec::new();
        for call in calls {
            assert_eq!(
                (call.name.as_str(), call.status),
                ("export", Status::Success)
            );
            assert_eq!(call.attributes["mcp.result.type"], json!("task"));
            let mut tasks = rows.iter().filter(|row| row.parent == Some(call.id));
            let task = tasks.next().unwrap();
            assert!(tasks.next().is_none() && task.name == "export");
            ends.push((
                task.status,
                task.error_type.as_deref(),
                task.message.as_deref(),
            ));
        }
        assert_eq!(
            ends,
            [
                (Status::Success, None, None),
                (Status::Failed, Some("tool_error"), Some("disk full")),
                (Status::Failed, Some("-32603"), Some("boom")),
                (Status::Cancelled, None, None),
                (Status::Success, None, None),
                (Status::Running, None, None),
            ]
        );
    }
}

#[cfg(feature = "testing")]
#[tokio::test]
async fn a_task_ends_when_its_server_may_forget_it() {
    for form in 0..2 {
        let (log, clock) = ActivityLog::test();
        let client = &both(&log.tools(), &Server::new(None)).await[form];
        let export = async |end| {
            let export = call("export", json!({"end": end}));
            client.call_tool_once(export).await.unwrap();
        };
        // The status of the first task.
        let first = || {
            let rows = support::rows(&log).0;
            let task = rows.into_iter().find(|row| row.kind == Kind::Job);
            let task = task.unwrap();
            (task.status, task.error_type)
        };
        export("forgotten").await;
        let cancelled = call("export", json!({"end": "forgotten"}));
        let cancelled = client.call_tool_once(cancelled).await.unwrap();
        let CallToolResponse::Task(created) = cancelled else {
            panic!("{cancelled:?} is no task");
        };
        let cancel = CancelTaskParams::new(created.task.task_id);
        client.cancel_task(cancel).await.unwrap();
        clock.advance(std::time::Duration::from_millis(59_999));
        export("never").await;
        assert_eq!(first(), (Status::Running, None));
        clock.advance(std::time::Duration::from_millis(1));
        export("never").await;
        assert_eq!(first(), (Status::Failed, Some("timeout".into())));
        // Its cancellation is the last that is known of it.
        let rows = support::rows(&log).0;
        let ends = rows.iter().filter(|row| row.status == Status::Cancelled);
        assert_eq!(ends.count(), 1);
        assert_eq!(
            log.accounting().activities.open,
            2,
            "tasks without a limit continue"
        );
    }
}
