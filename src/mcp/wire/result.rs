//! Results of tool calls.

use serde_json::Value;

use super::fields::{Field, Fields};
use crate::{
    activity::Activity,
    mcp::names,
    record::{Capture, Outcome},
};

/// The result of a call.
#[derive(Debug)]
pub(super) enum Answer {
    Result,
    /// The client is to call again, with what the server asks for.
    InputRequired,
    /// A task that goes on, and the time that it is kept for.
    Task {
        id: String,
        ttl_ms: Option<u64>,
    },
}

impl Answer {
    pub(super) fn new(fields: &Fields) -> Self {
        let kind = fields.text(Field::ResultType);
        if kind.as_deref() == Some("input_required") {
            return Answer::InputRequired;
        }
        // In 2025-11-25 a task is an object of its own, since 2026-07-28 the result is the task.
        let task = fields.value(Field::Task);
        let (id, ttl) = match &task {
            Some(task) => (
                task["taskId"].as_str().map(str::to_owned),
                task["ttl"].as_u64(),
            ),
            None if kind.as_deref() == Some("task") => {
                let ttl = fields.value(Field::TaskTtl);
                (fields.text(Field::TaskId), ttl.and_then(|ttl| ttl.as_u64()))
            }
            None => (None, None),
        };
        match id {
            Some(id) => Answer::Task { id, ttl_ms: ttl },
            None => Answer::Result,
        }
    }
}

/// The outcome of the result of a tool.
pub(super) fn outcome(fields: &Fields) -> Outcome {
    if fields.value(Field::IsError) != Some(Value::Bool(true)) {
        return Outcome::success();
    }
    failed(fields.text(Field::Text).as_deref())
}

/// The outcome of a tool's result that is part of a task.
pub(super) fn outcome_of(result: &Value) -> Outcome {
    if result["isError"] != true {
        return Outcome::success();
    }
    let content = result["content"].as_array().into_iter().flatten();
    let mut texts = content.filter_map(|block| block["text"].as_str());
    failed(texts.next())
}

fn failed(text: Option<&str>) -> Outcome {
    let outcome = Outcome::failed(names::TOOL_ERROR);
    match text {
        Some(text) => outcome.with_message(&text[..text.floor_char_boundary(names::MESSAGE_BYTES)]),
        None => outcome,
    }
}

/// The outcome of a protocol error.
pub(super) fn protocol_error(fields: &Fields, activity: &Activity) -> Outcome {
    let code = fields.value(Field::ErrorCode).map(|code| code.to_string());
    let code = code.unwrap_or_else(|| String::from("_OTHER"));
    activity.set(names::STATUS_CODE, code.as_str());
    let outcome = Outcome::failed(code);
    match fields.text(Field::ErrorMessage) {
        Some(message) => outcome.with_message(message),
        None => outcome,
    }
}

/// Returns the text of a protocol error.
pub(in crate::mcp) fn error_message(fields: &Fields) -> Option<String> {
    fields.text(Field::ErrorMessage)
}

/// Captures the result of a call.
pub(super) fn capture(fields: &Fields, activity: &Activity, capture: Capture) {
    if capture != Capture::Off
        && let Some(kept) = fields.get(Field::Result)
        && let Some(result) = kept.parse()
    {
        match kept.is_cut {
            true => activity.set_cut_output(&result, capture),
            false => activity.set_output(&result, capture),
        }
    }
}
