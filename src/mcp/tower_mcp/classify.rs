//! The outcome of a call, from its response.

use tower_mcp::{context::CancellationToken, protocol::McpResponse, router::RouterResponse};

use crate::{
    activity::{Activity, Classify},
    mcp::names,
    record::{Capture, Outcome},
};

/// Decides how a call ended: `cancelled` if its client cancelled it, `failed` with the JSON-RPC code for a protocol error,
/// else as the response says.
#[derive(Debug)]
pub(super) struct ByResponse {
    pub(super) activity: Activity,
    pub(super) capture: Capture,
    /// The request's token, if cancellation is detected.
    pub(super) token: Option<CancellationToken>,
}

impl<E: 'static> Classify<Result<RouterResponse, E>> for ByResponse {
    fn classify(&self, result: &Result<RouterResponse, E>) -> Outcome {
        // The tool runs on after the client has cancelled, and its response is dropped.
        if self
            .token
            .as_ref()
            .is_some_and(|token| token.is_cancelled())
        {
            return Outcome::cancelled();
        }
        match result {
            Ok(response) => match &response.inner {
                Ok(McpResponse::CallTool(result)) => {
                    self.activity.set_output(result, self.capture);
                    if !result.is_error {
                        return Outcome::success();
                    }
                    let outcome = Outcome::failed(names::TOOL_ERROR);
                    match result.first_text() {
                        Some(text) => {
                            let head = text.floor_char_boundary(names::MESSAGE_BYTES);
                            outcome.with_message(&text[..head])
                        }
                        None => outcome,
                    }
                }
                Ok(other) => {
                    match other {
                        McpResponse::InputRequired(_) => {
                            self.activity.set(names::RESULT_TYPE, "input_required");
                        }
                        McpResponse::FinalCreateTask(_) | McpResponse::CreateTask(_) => {
                            self.activity.set(names::RESULT_TYPE, "task");
                        }
                        _ => {}
                    }
                    Outcome::success()
                }
                Err(error) => {
                    let code = error.code.to_string();
                    self.activity.set(names::STATUS_CODE, code.as_str());
                    Outcome::failed(code).with_message(&error.message)
                }
            },
            // An inner layer has rejected it.
            Err(error) => Outcome::from_opaque(error),
        }
    }
}
