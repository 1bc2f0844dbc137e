//! Records calls: their description, their parent, and their outcome.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use http::request::Parts;
use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResult, ContentBlock, DetailedTask, GetPromptRequestParams,
        InputResponses, NumberOrString, PaginatedRequestParams, ReadResourceRequestParams,
        RequestMetaObject, Tool as Definition,
    },
    service::RequestContext,
};
use serde_json::Value;

use crate::{
    activity::{Activity, ActivityGuard, Describe},
    mcp::{
        ToolOptions,
        intent::{MissingTool, Reported, missing_tool},
        names,
        operations::ContinuationKey,
        rmcp::answer::{self, Accepted, AsResponse, Response},
        tools::Brand,
    },
    pipeline::Admission,
    record::{Capture, InstanceId, Kind, Outcome, Text},
};

/// The header with the session id of the streamable HTTP transport.
const SESSION_HEADER: &str = "mcp-session-id";

type Context = RequestContext<RoleServer>;

/// Records a server's requests as activities.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    tools: ToolOptions,
    /// The session of a transport without session ids: one for each wrapped server.
    session: Text,
    wrapped: Wrapped,
}

/// What is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapped {
    /// A handler, whose responses rmcp checks before it sends them.
    Handler,
    /// A service, whose responses are sent as they are.
    Service,
}

/// A call that has started.
#[derive(Debug)]
#[must_use]
pub(super) struct Call {
    running: ActivityGuard,
    details: CallDetails,
}

/// The details of a call that are needed at its end.
#[derive(Debug)]
struct CallDetails {
    name: Text,
    /// The session or conversation.
    session: Option<Text>,
    capture: Capture,
    /// The first call of the operation that this one continues.
    first: Option<Activity>,
    /// What the client accepts, if rmcp checks the response.
    accepted: Option<Accepted>,
}

/// The common parts of the requests of the SDK.
struct Request<'a> {
    kind: Kind,
    method: &'static str,
    name: Text,
    brand: Brand,
    uri: Option<&'a str>,
    state: Option<&'a str>,
    responses: Option<&'a InputResponses>,
    /// The session that an argument names.
    handle: Option<Text>,
    reported: Reported,
}

impl Recorder {
    pub(super) fn new(tools: ToolOptions, wrapped: Wrapped) -> Self {
        let now = chrono::Utc::now().timestamp_micros();
        let session = InstanceId::from_parts(now, fastrand::u64(..)).to_string();
        Recorder {
            tools,
            session: session.into(),
            wrapped,
        }
    }

    /// Adds to a list of tools what was asked for.
    pub(super) fn extend(&self, tools: &mut Vec<Definition>, is_first_page: bool) {
        let additions = &self.tools.additions;
        if additions.is_empty() {
            return;
        }
        let mut own = self.tools.own_tools.lock();
        tools.iter().for_each(|tool| own.add(&tool.name));
        if additions.adds_tool(&mut own, is_first_page) {
            tools.extend(serde_json::from_value::<Definition>(missing_tool()));
        }
        for tool in tools {
            let schema = Arc::make_mut(&mut tool.input_schema);
            additions.extend(&mut own, &tool.name, schema);
        }
    }

    /// Takes what a caller reports out of a call.
    pub(super) fn take(
        &self,
        request: &mut CallToolRequestParams,
        definition: impl FnOnce(&str) -> Option<Definition>,
    ) -> Reported {
        let name = request.name.clone();
        let own_schema = || Some(definition(&name)?.input_schema);
        let own = &self.tools.own_tools;
        let arguments = request.arguments.as_mut();
        self.tools.additions.take(own, &name, arguments, own_schema)
    }

    /// Starts the activity of a tool call.
    pub(super) async fn tool(
        &self,
        request: &CallToolRequestParams,
        reported: Reported,
        definition: impl FnOnce() -> Option<Definition>,
        context: &Context,
    ) -> Call {
        let capture = self.tools.capture(&request.name);
        let common = Request {
            kind: Kind::Tool,
            method: names::CALL_TOOL,
            name: request.name.clone().into(),
            brand: self.brand(request, definition),
            uri: None,
            state: request.request_state.as_deref(),
            responses: request.input_responses.as_ref(),
            handle: self.tools.session_handle(request.arguments.as_ref()),
            reported,
        };
        let call = self.start(common, capture, context).await;
        if capture != Capture::Off {
            call.running.set_input(&request.arguments, capture);
        }
        call
    }

    /// Starts the activity of a prompt, if prompts are recorded.
    pub(super) async fn prompt(
        &self,
        request: &GetPromptRequestParams,
        context: &Context,
    ) -> Option<Call> {
        let common = Request {
            kind: Kind::Prompt,
            method: names::GET_PROMPT,
            name: request.name.clone().into(),
            brand: Brand::None,
            uri: None,
            state: request.request_state.as_deref(),
            responses: request.input_responses.as_ref(),
            handle: None,
            reported: Reported::default(),
        };
        match self.tools.prompts {
            true => Some(self.start(common, Capture::Off, context).await),
            false => None,
        }
    }

    /// Starts the activity of a resource, if resources are recorded.
    pub(super) async fn resource(
        &self,
        request: &ReadResourceRequestParams,
        context: &Context,
    ) -> Option<Call> {
        let common = Request {
            kind: Kind::Resource,
            method: names::READ_RESOURCE,
            name: names::scheme(&request.uri).to_owned().into(),
            brand: Brand::None,
            uri: Some(&request.uri),
            state: request.request_state.as_deref(),
            responses: request.input_responses.as_ref(),
            handle: None,
            reported: Reported::default(),
        };
        match self.tools.resources {
            true => Some(self.start(common, Capture::Off, context).await),
            false => None,
        }
    }

    /// Runs a call to its end: `cancelled` if the client cancelled it or closed its session, `failed` with the JSON-RPC code for a protocol error,
    /// else as the response says.
    pub(super) async fn run<T, F>(
        &self,
        call: Call,
        context: Context,
        run: impl FnOnce(Context) -> F,
    ) -> Result<T, ErrorData>
    where
        T: AsResponse,
        F: Future<Output = Result<T, ErrorData>>,
    {
        let Call { running, details } = call;
        let activity = Activity::clone(&running);
        let cancelled = context.ct.clone();
        let session = http_session(&context);
        let is_closed = || {
            let session = session.as_ref();
            session.is_some_and(|session| self.tools.closed_sessions.contains(session))
        };
        let call = running.observe(
            async move { run(context).await },
            move |result| match result {
                // The tool runs on after the client has cancelled or left, and its response is dropped.
                _ if cancelled.is_cancelled() || is_closed() => Outcome::cancelled(),
                Ok(response) => self.outcome(response.as_response(), &activity, &details),
                Err(error) => protocol_error(error, &activity, &details),
            },
        );
        let mut call = pin!(call);
        poll_fn(|cx| {
            catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))).unwrap_or_else(|panic| {
                if self.tools.reply_on_panic {
                    Err(ErrorData::internal_error("the tool panicked", None)).into()
                } else {
                    resume_unwind(panic)
                }
            })
        })
        .await
    }

    /// Returns the outcome of a call from its response. If the operation is not finished, remembers the key of its continuation.
    fn outcome(
        &self,
        response: Response<'_>,
        activity: &Activity,
        details: &CallDetails,
    ) -> Outcome {
        let operations = &self.tools.operations;
        match response {
            Response::InputRequired(_) => activity.set(names::RESULT_TYPE, "input_required"),
            Response::Task(_) => activity.set(names::RESULT_TYPE, "task"),
            Response::Result(_) | Response::Content => {}
        }
        // The client gets neither the questions nor the task.
        let refusal = details
            .accepted
            .and_then(|accepted| accepted.refusal(response));
        if let Some(error) = refusal {
            return protocol_error(&error, activity, details);
        }
        match response {
            Response::Result(result) => return answer::outcome(activity, result, details.capture),
            Response::InputRequired(required) => {
                let first = details.first.as_ref().unwrap_or(activity).clone();
                let session = details.session.as_deref();
                let requests = required.input_requests.as_ref();
                let keys = requests.map(|requests| requests.keys());
                let state = required.request_state.as_deref();
                operations.wait_for_input(&details.name, session, state, keys, first);
            }
            Response::Task(created) => {
                let id = created.task.task_id.clone();
                let mut task = Describe::new(Kind::Job, details.name.clone())
                    .parent(activity)
                    .attribute(names::TASK_ID, id.clone());
                if let Some(ttl_ms) = created.task.ttl_ms {
                    task = task.timeout(Duration::from_millis(ttl_ms));
                }
                operations.add_task(id, self.tools.log.start(task), details.capture);
            }
            Response::Content => {}
        }
        Outcome::success()
    }

    /// Ends a task whose end the client has fetched.
    pub(super) fn task_fetched(&self, task: &DetailedTask) {
        answer::task_fetched(&self.tools.operations, task);
        self.tools.operations.end_expired();
    }

    /// Notes that the server has accepted a client's cancellation of a task, which may still end otherwise.
    pub(super) fn task_cancelling(&self, id: &str) {
        self.tools.operations.cancelling(id);
    }

    async fn start(&self, request: Request<'_>, capture: Capture, context: &Context) -> Call {
        self.tools.operations.end_expired();
        let name = request.name.clone();
        let session = self.session_of(context);
        let keys = request.responses.map(|responses| responses.keys());
        let conversation = session.clone().or_else(|| self.conversation(&context.meta));
        let conversation = conversation.or_else(|| request.handle.clone());
        let first = ContinuationKey::new(conversation.as_deref(), request.state, keys)
            .and_then(|key| self.tools.operations.first(&name, &key));
        let describe = self.describe(request, session, first.as_ref(), context);
        let accepted = (self.wrapped == Wrapped::Handler).then(|| Accepted::new(context));
        let mut admission = Admission::default();
        poll_fn(|cx| self.tools.log.poll_admission(&mut admission, cx)).await;
        Call {
            running: self.tools.log.start_with(describe, admission.take()),
            details: CallDetails {
                name,
                session: conversation,
                capture,
                first,
                accepted,
            },
        }
    }

    fn describe(
        &self,
        request: Request<'_>,
        session: Option<Text>,
        first: Option<&Activity>,
        context: &Context,
    ) -> Describe {
        let mut describe = names::describe(
            request.kind,
            request.method,
            request.name,
            context.id.to_string(),
        );
        describe = request.brand.add_to(describe);
        describe = request.reported.add_to(&self.tools.log, describe);
        if let Some(uri) = request.uri {
            describe = describe.attribute(names::RESOURCE_URI, uri);
        }
        if let Some(version) = context.protocol_version() {
            describe = describe.attribute(names::PROTOCOL_VERSION, version.to_string());
        }
        // Over HTTP without sessions rmcp invents a client if the request does not name one.
        let client = match session {
            Some(_) => context.client_info(),
            None => context.meta.client_info(),
        };
        if let Some(client) = client {
            describe = describe
                .attribute(names::CLIENT_NAME, client.name)
                .attribute(names::CLIENT_VERSION, client.version);
        }
        if let Some(token) = context.meta.get_progress_token() {
            let token = match token.0 {
                NumberOrString::Number(number) => Value::from(number),
                NumberOrString::String(text) => Value::from(&*text),
            };
            describe = describe.attribute(names::PROGRESS_TOKEN, token);
        }
        if let Some(session) = &session {
            describe = describe.on_span(names::SESSION_ID, session);
        }
        // A conversation may span sessions of the transport, a session of the server may be one of several, and users search for calls by it.
        let named = self.conversation(&context.meta).or(request.handle);
        describe = match (named, session) {
            (Some(named), Some(session)) => describe
                .attribute(names::SESSION_ID, session.as_str())
                .session(named),
            (Some(one), None) | (None, Some(one)) => describe.session(one),
            (None, None) => describe,
        };
        let meta = &context.meta;
        describe = names::of_meta(describe, |key| meta.get(key).and_then(Value::as_str));
        let parts = context.extensions.get::<Parts>();
        // An HTTP layer puts its activity here, because another task runs the call.
        let request = parts.and_then(|parts| parts.extensions.get::<Activity>());
        if let (Some(_), Some(id)) = (first, request.and_then(Activity::id)) {
            describe = describe.attribute(names::LINK, id.to_string());
        }
        if let Some(parent) = first.or(request) {
            describe = describe.parent(parent);
        }
        let transport = if parts.is_some() { "tcp" } else { "pipe" };
        describe.attribute(names::TRANSPORT, transport)
    }

    /// The session of the transport; `None` over HTTP without sessions.
    fn session_of(&self, context: &Context) -> Option<Text> {
        match context.extensions.get::<Parts>() {
            Some(_) => http_session(context),
            None => Some(self.session.clone()),
        }
    }

    fn conversation(&self, meta: &RequestMetaObject) -> Option<Text> {
        let id = meta.get(self.tools.conversation.as_str())?.as_str()?;
        Some(Text::from(id.to_owned()))
    }

    fn brand(
        &self,
        request: &CallToolRequestParams,
        definition: impl FnOnce() -> Option<Definition>,
    ) -> Brand {
        let meta = || Some(definition()?.meta?.0);
        let arguments = request.arguments.as_ref();
        self.tools.brand_of(&request.name, arguments, meta)
    }
}

/// True for a request of the beginning of a list.
pub(super) fn is_first_page(request: Option<&PaginatedRequestParams>) -> bool {
    request.is_none_or(|request| request.cursor.is_none())
}

/// Returns the answer to a report of a missing tool.
pub(super) fn answer(report: &MissingTool) -> CallToolResult {
    let (text, is_error) = report.answer();
    let content = vec![ContentBlock::text(text)];
    match is_error {
        true => CallToolResult::error(content),
        false => CallToolResult::success(content),
    }
}

/// The outcome of a call that is answered with a protocol error.
fn protocol_error(error: &ErrorData, activity: &Activity, details: &CallDetails) -> Outcome {
    let accepted = details.accepted;
    let code = accepted.map_or(error.code, |accepted| accepted.code(error));
    let code = code.0.to_string();
    activity.set(names::STATUS_CODE, code.as_str());
    Outcome::failed(code).with_message(&error.message)
}

/// The session of a call over HTTP.
fn http_session(context: &Context) -> Option<Text> {
    let parts = context.extensions.get::<Parts>()?;
    let session = parts.headers.get(SESSION_HEADER)?.to_str().ok()?;
    Some(Text::from(session.to_owned()))
}
