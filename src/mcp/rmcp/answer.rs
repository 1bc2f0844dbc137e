//! The responses to calls, whichever type the SDK has for them.

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolResponse, CallToolResult, ClientCapabilities, CreateTaskResult, DetailedTask,
        ErrorCode, GetPromptResponse, InputRequiredResult, ProtocolVersion, ReadResourceResponse,
        ServerResult, TaskPayload,
    },
    service::RequestContext,
};
use serde_json::Value;

use crate::{
    activity::Activity,
    mcp::{names, operations::Operations},
    record::{Capture, Outcome},
};

/// The response to a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Response<'a> {
    /// The tool's result.
    Result(&'a CallToolResult),
    /// A request for input, which the client sends with another call.
    InputRequired(&'a InputRequiredResult),
    /// A task that continues by itself.
    Task(&'a CreateTaskResult),
    /// A prompt or a resource.
    Content,
}

/// A response type of the SDK.
pub(super) trait AsResponse {
    fn as_response(&self) -> Response<'_>;
}

impl AsResponse for CallToolResponse {
    fn as_response(&self) -> Response<'_> {
        match self {
            CallToolResponse::Complete(result) => Response::Result(result),
            CallToolResponse::InputRequired(result) => Response::InputRequired(result),
            CallToolResponse::Task(result) => Response::Task(result),
            _ => Response::Content,
        }
    }
}

impl AsResponse for GetPromptResponse {
    fn as_response(&self) -> Response<'_> {
        match self {
            GetPromptResponse::InputRequired(result) => Response::InputRequired(result),
            _ => Response::Content,
        }
    }
}

impl AsResponse for ReadResourceResponse {
    fn as_response(&self) -> Response<'_> {
        match self {
            ReadResourceResponse::InputRequired(result) => Response::InputRequired(result),
            _ => Response::Content,
        }
    }
}

impl AsResponse for ServerResult {
    fn as_response(&self) -> Response<'_> {
        match self {
            ServerResult::CallToolResult(result) => Response::Result(result),
            ServerResult::InputRequiredResult(result) => Response::InputRequired(result),
            ServerResult::CreateTaskResult(result) => Response::Task(result),
            _ => Response::Content,
        }
    }
}

/// What the client of a call accepts. rmcp checks it after a handler has responded, and may send an error instead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Accepted {
    /// It declared the extension for tasks.
    tasks: bool,
    /// Its protocol version has requests for input, and another code for missing resources.
    newest: bool,
}

impl Accepted {
    pub(super) fn new(context: &RequestContext<RoleServer>) -> Self {
        let capabilities = context.client_capabilities();
        let version = context.protocol_version();
        Accepted {
            tasks: capabilities.is_some_and(|capabilities| capabilities.supports_tasks()),
            // Versions are dates.
            newest: version
                .is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str()),
        }
    }

    /// The error that rmcp sends in place of this response; `None` if it sends the response.
    pub(super) fn refusal(self, response: Response<'_>) -> Option<ErrorData> {
        match response {
            Response::Task(_) if !self.tasks => {
                let tasks = ClientCapabilities::builder().enable_tasks().build();
                Some(ErrorData::missing_required_client_capability(tasks))
            }
            Response::InputRequired(_) if !self.newest => Some(ErrorData::invalid_request(
                "the client's protocol version has no requests for input",
                None,
            )),
            _ => None,
        }
    }

    /// The code that rmcp sends for an error of a handler.
    pub(super) fn code(self, error: &ErrorData) -> ErrorCode {
        match error.code {
            ErrorCode::RESOURCE_NOT_FOUND if self.newest => ErrorCode::INVALID_PARAMS,
            code => code,
        }
    }
}

/// Returns the outcome of a tool's result, and captures the result.
pub(super) fn outcome(activity: &Activity, result: &CallToolResult, capture: Capture) -> Outcome {
    activity.set_output(result, capture);
    if result.is_error != Some(true) {
        return Outcome::success();
    }
    let outcome = Outcome::failed(names::TOOL_ERROR);
    let first = result.content.iter().find_map(|block| block.as_text());
    match first {
        Some(text) => outcome.with_message(head(&text.text)),
        None => outcome,
    }
}

/// Ends a task whose end the client has fetched.
pub(super) fn task_fetched(operations: &Operations, task: &DetailedTask) {
    let id = &task.task.task_id;
    match &task.payload {
        TaskPayload::Completed { result } => operations.completed(id, |running, capture| {
            match serde_json::from_value::<CallToolResult>(Value::Object(result.clone())) {
                Ok(result) => outcome(running, &result, capture),
                Err(_) => Outcome::success(),
            }
        }),
        TaskPayload::Failed { error } => operations.failed(id, error),
        TaskPayload::Cancelled => operations.cancelled(id),
        _ => {}
    }
}

/// The beginning of an error's text: more than is kept, without a copy of all of it.
fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(names::MESSAGE_BYTES)]
}
