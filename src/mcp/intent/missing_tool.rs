//! The tool with which a caller reports that a tool is missing.

use serde_json::{Value, json};

/// Its name.
pub(in crate::mcp) const NAME: &str = "report_missing_tool";
const PARAMETER: &str = "missing";

/// A report of a missing tool.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::mcp) struct MissingTool {
    /// What is missing; `None` if the caller does not say it.
    pub(in crate::mcp) missing: Option<String>,
}

impl MissingTool {
    pub(super) fn new(argument: impl FnOnce(&str) -> Option<Value>) -> Self {
        let missing = match argument(PARAMETER) {
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text),
            _ => None,
        };
        MissingTool { missing }
    }

    /// Returns the answer: its text, and whether it is an error.
    pub(in crate::mcp) fn answer(&self) -> (&'static str, bool) {
        match self.missing {
            Some(_) => (
                "Recorded. No tool was added: go on without it, and tell the user what you cannot do.",
                false,
            ),
            None => (
                "Nothing was recorded: describe in `missing` what no tool does.",
                true,
            ),
        }
    }
}

/// Returns the definition of the tool.
pub(in crate::mcp) fn definition() -> Value {
    json!({
        "name": NAME,
        "description": "Call this when you need something that no other tool here does. It is recorded for the authors of these \
            tools, who read it later; it adds no tool now.",
        "inputSchema": {
            "type": "object",
            "properties": {
                PARAMETER: {
                    "type": "string",
                    "description": "What a tool would have to do, in one or two sentences, without secrets and personal data.",
                },
            },
            "required": [PARAMETER],
        },
        "annotations": {
            "readOnlyHint": true,
            "destructiveHint": false,
            "idempotentHint": true,
            "openWorldHint": false,
        },
    })
}
