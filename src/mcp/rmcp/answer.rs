//! What a call was answered with, whichever type the answer has.

use rmcp::model::{
    CallToolResponse, CallToolResult, CreateTaskResult, GetPromptResponse, InputRequiredResult,
    ReadResourceResponse, ServerResult,
};

use crate::{
    activity::Activity,
    mcp::names,
    record::{Capture, Outcome},
};

/// What a call was answered with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer<'a> {
    /// The tool's result.
    Result(&'a CallToolResult),
    /// Questions to the client, who answers them with another call.
    InputRequired(&'a InputRequiredResult),
    /// A task that goes on by itself.
    Task(&'a CreateTaskResult),
    /// A prompt or a resource.
    Content,
}

/// An answer of the SDK.
pub(super) trait Answered {
    fn answer(&self) -> Answer<'_>;
}

impl Answered for CallToolResponse {
    fn answer(&self) -> Answer<'_> {
        match self {
            CallToolResponse::Complete(result) => Answer::Result(result),
            CallToolResponse::InputRequired(result) => Answer::InputRequired(result),
            CallToolResponse::Task(result) => Answer::Task(result),
            _ => Answer::Content,
        }
    }
}

impl Answered for GetPromptResponse {
    fn answer(&self) -> Answer<'_> {
        match self {
            GetPromptResponse::InputRequired(result) => Answer::InputRequired(result),
            _ => Answer::Content,
        }
    }
}

impl Answered for ReadResourceResponse {
    fn answer(&self) -> Answer<'_> {
        match self {
            ReadResourceResponse::InputRequired(result) => Answer::InputRequired(result),
            _ => Answer::Content,
        }
    }
}

impl Answered for ServerResult {
    fn answer(&self) -> Answer<'_> {
        match self {
            ServerResult::CallToolResult(result) => Answer::Result(result),
            ServerResult::InputRequiredResult(result) => Answer::InputRequired(result),
            ServerResult::CreateTaskResult(result) => Answer::Task(result),
            _ => Answer::Content,
        }
    }
}

/// How a tool says that it ended; keeps what it gave back.
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

/// The beginning of what an error said: more than is kept of it, and no copy of all.
fn head(text: &str) -> String {
    text[..text.floor_char_boundary(names::MESSAGE_BYTES)].to_owned()
}
