//! OpenTelemetry's attribute names for MCP calls, in one place.
//!
//! From the semantic conventions for MCP and GenAI, 1.40, status "development": they may still change, so they are attribute
//! keys and never columns. Names that are not in the conventions are marked.

use crate::{
    activity::Describe,
    record::{Kind, Text, TraceContext},
};

pub(super) use crate::record::mcp_attributes::METHOD;
pub(super) const PROTOCOL_VERSION: &str = "mcp.protocol.version";
pub(super) const RESOURCE_URI: &str = "mcp.resource.uri";
#[cfg(any(feature = "rmcp", feature = "mcp"))]
pub(super) const SESSION_ID: &str = "mcp.session.id";
#[cfg(any(feature = "rmcp", feature = "mcp"))]
pub(super) const CONVERSATION_ID: &str = "gen_ai.conversation.id";
#[cfg(any(feature = "rmcp", feature = "mcp"))]
pub(super) const TRANSPORT: &str = "network.transport";
#[cfg(any(feature = "rmcp", feature = "mcp"))]
pub(super) const AGENT_ID: &str = "gen_ai.agent.id";
#[cfg(any(feature = "rmcp", feature = "mcp"))]
pub(super) const AGENT_NAME: &str = "gen_ai.agent.name";
/// The JSON-RPC code of a protocol error.
pub(super) use crate::activity::RPC_STATUS_CODE as STATUS_CODE;
pub(super) use crate::record::mcp_attributes::{CLIENT_NAME, CLIENT_VERSION};
/// Not in the conventions: `task` or `input_required`, if a call did not end with a result.
pub(super) const RESULT_TYPE: &str = "mcp.result.type";

/// Not in the conventions.
pub(super) const PROGRESS_TOKEN: &str = "mcp.progress.token";
/// Not in the conventions.
#[cfg(any(feature = "rmcp", feature = "mcp"))]
pub(super) const TASK_ID: &str = "mcp.task.id";
/// Not in the conventions: another activity that it belongs to, beside its parent.
#[cfg(feature = "rmcp")]
pub(super) const LINK: &str = "activity.link";

/// Not in the conventions: a hint in the tool's definition.
#[cfg(any(feature = "tower-mcp", feature = "mcp"))]
pub(super) const READ_ONLY: &str = "mcp.tool.read_only";
/// Not in the conventions.
#[cfg(any(feature = "tower-mcp", feature = "mcp"))]
pub(super) const DESTRUCTIVE: &str = "mcp.tool.destructive";
/// Not in the conventions.
#[cfg(any(feature = "tower-mcp", feature = "mcp"))]
pub(super) const IDEMPOTENT: &str = "mcp.tool.idempotent";
/// Not in the conventions.
#[cfg(any(feature = "tower-mcp", feature = "mcp"))]
pub(super) const OPEN_WORLD: &str = "mcp.tool.open_world";

#[cfg(feature = "mcp")]
pub(super) use crate::record::mcp_attributes::SERVER_NAME;

pub(super) use crate::record::mcp_attributes::{INTENT, MISSING_TOOL};

/// Values of [`METHOD`].
pub(super) use crate::record::mcp_attributes::{CALL_TOOL, GET_PROMPT, READ_RESOURCE};

/// `error.type` of a result with `isError`.
pub(super) const TOOL_ERROR: &str = "tool_error";

/// How many bytes of an error's text are copied: more than are kept.
pub(super) const MESSAGE_BYTES: usize = 8 << 10;

/// Only on the span: in the record they are the name and the request of the activity.
const TOOL_NAME: &str = "gen_ai.tool.name";
const PROMPT_NAME: &str = "gen_ai.prompt.name";
const OPERATION: &str = "gen_ai.operation.name";
const REQUEST_ID: &str = "jsonrpc.request.id";
pub(super) const SPAN_KIND: &str = "otel.kind";

/// Describes a request, and names its span after its method and target, as the conventions do.
pub(super) fn describe(kind: Kind, method: &'static str, name: Text, id: String) -> Describe {
    let id = Text::from(id);
    let describe = Describe::new(kind, name.clone())
        .request(id.clone())
        .attribute(METHOD, method)
        .on_span(SPAN_KIND, "server")
        .on_span(REQUEST_ID, id);
    match kind {
        Kind::Tool => describe
            .span_name(format!("{method} {name}"))
            .on_span(OPERATION, "execute_tool")
            .on_span(TOOL_NAME, name),
        Kind::Prompt => describe
            .span_name(format!("{method} {name}"))
            .on_span(PROMPT_NAME, name),
        _ => describe.span_name(method),
    }
}

/// The name of a resource: the scheme of its URI, because the cardinality of URIs is too high.
pub(super) fn scheme(uri: &str) -> &str {
    uri.split_once(':').map_or("resource", |(scheme, _)| scheme)
}

/// Adds the agent and the trace that a request's `_meta` names.
#[cfg(any(feature = "rmcp", feature = "mcp"))]
pub(super) fn of_meta<'a>(
    mut describe: Describe,
    said: impl Fn(&str) -> Option<&'a str>,
) -> Describe {
    if let Some(agent) = said(AGENT_ID).or(said(AGENT_NAME)) {
        describe = describe.agent(agent.to_owned());
    }
    if let Some(name) = said(AGENT_NAME) {
        describe = describe.attribute(AGENT_NAME, name);
    }
    let remote =
        said("traceparent").and_then(|parent| TraceContext::parse(parent, said("tracestate")));
    match remote {
        Some(remote) => describe.remote_parent(remote),
        None => describe,
    }
}
