//! What is added to the tools of a server.

use serde_json::Value;
use tower_mcp::{
    CallToolResult,
    protocol::{McpRequest, McpResponse, ToolDefinition},
    router::{RouterRequest, RouterResponse},
};

use crate::mcp::{
    ToolOptions,
    intent::{MissingTool, Reported, missing_tool},
};

/// What the answer to a request for a list of tools gets in addition.
#[derive(Debug)]
pub(super) struct ListAdditions {
    tools: ToolOptions,
    is_first_page: bool,
}

/// Takes what a caller reports out of a request.
pub(super) fn take(tools: &ToolOptions, request: &mut RouterRequest) -> Reported {
    match &mut request.inner {
        McpRequest::CallTool(params) => {
            let arguments = params.arguments.as_object_mut();
            let own = &tools.own_tools;
            // The definitions of its tools are not exposed.
            tools.additions.take(own, &params.name, arguments, || None)
        }
        _ => Reported::default(),
    }
}

/// Returns the answer to a report of a missing tool.
pub(super) fn answer(report: &MissingTool) -> CallToolResult {
    match report.answer() {
        (text, true) => CallToolResult::error(text),
        (text, false) => CallToolResult::text(text),
    }
}

/// Returns what the answer to this request gets; `None` if it is not a list of tools.
pub(super) fn list(tools: &ToolOptions, request: &RouterRequest) -> Option<ListAdditions> {
    match &request.inner {
        McpRequest::ListTools(params) if !tools.additions.is_empty() => Some(ListAdditions {
            tools: tools.clone(),
            is_first_page: params.cursor.is_none(),
        }),
        _ => None,
    }
}

impl ListAdditions {
    pub(super) fn add_to(&self, response: &mut RouterResponse) {
        let Ok(McpResponse::ListTools(list)) = &mut response.inner else {
            return;
        };
        let additions = &self.tools.additions;
        let mut own = self.tools.own_tools.lock();
        list.tools.iter().for_each(|tool| own.add(&tool.name));
        if additions.adds_tool(&mut own, self.is_first_page) {
            let tool = serde_json::from_value::<ToolDefinition>(missing_tool());
            list.tools.extend(tool);
        }
        for tool in &mut list.tools {
            match &mut tool.input_schema {
                Value::Object(schema) => additions.extend(&mut own, &tool.name, schema),
                _ => own.leave_alone(&tool.name),
            }
        }
    }
}
