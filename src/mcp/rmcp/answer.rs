//! The responses to calls, whichever type the SDK has for them.

use rmcp::model::{
    CallToolResponse, CallToolResult, CreateTaskResult, GetPromptResponse, InputRequiredResult,
    ReadResourceResponse, ServerResult,
};

use crate::{
    activity::Activity,
    mcp::names,
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

/// The beginning of an error's text: more than is kept, without a copy of all of it.
fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(names::MESSAGE_BYTES)]
}
