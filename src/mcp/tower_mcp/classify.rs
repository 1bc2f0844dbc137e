//! How a call ended, as its answer says.

use tower_mcp::{context::CancellationToken, protocol::McpResponse, router::RouterResponse};

use crate::{
    activity::{Activity, Classify},
    mcp::names,
    record::{Capture, Outcome},
};

/// Says how a call ended: cancelled where its client said so, failed with the JSON-RPC code where the answer is a
/// protocol error, else what the answer says.
#[derive(Debug)]
pub(super) struct ByAnswer {
    pub(super) activity: Activity,
    pub(super) capture: Capture,
    /// Cancelled when the client says so; only where that is to be seen.
    pub(super) token: Option<CancellationToken>,
}

impl<E> Classify<Result<RouterResponse, E>> for ByAnswer {
    fn classify(&self, answer: &Result<RouterResponse, E>) -> Outcome {
        // The body runs on after the client has cancelled, and its answer is thrown away.
        if self
            .token
            .as_ref()
            .is_some_and(|token| token.is_cancelled())
        {
            return Outcome::cancelled();
        }
        match answer {
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
                            outcome.with_message(text[..head].to_owned())
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
                    Outcome::failed(code).with_message(error.message.clone())
                }
            },
            // A layer between us and the router has refused it.
            Err(_) => Outcome::failed(std::any::type_name::<E>()),
        }
    }
}
