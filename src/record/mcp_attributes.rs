//! The attributes of MCP calls that are written and also read: names and values of OpenTelemetry's conventions, where they have
//! some.

/// The method of a request.
pub(crate) const METHOD: &str = "mcp.method.name";
/// Not in the conventions: the name that a server gives itself.
pub(crate) const SERVER_NAME: &str = "mcp.server.name";
/// Not in the conventions.
pub(crate) const CLIENT_NAME: &str = "mcp.client.name";
/// Not in the conventions.
pub(crate) const CLIENT_VERSION: &str = "mcp.client.version";
/// Not in the conventions: the caller's reason for a call.
pub(crate) const INTENT: &str = "mcp.intent";
/// Not in the conventions: what a caller reports that no tool does.
pub(crate) const MISSING_TOOL: &str = "mcp.missing_tool";

/// Values of [`METHOD`].
pub(crate) const CALL_TOOL: &str = "tools/call";
pub(crate) const GET_PROMPT: &str = "prompts/get";
pub(crate) const READ_RESOURCE: &str = "resources/read";
