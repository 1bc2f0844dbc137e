//! The description of a request.

use serde::Serialize;
use serde_json::Value;
use tower_mcp::{
    protocol::{Implementation, McpRequest, RequestMeta},
    router::{RouterRequest, ToolAnnotationsMap},
};

use crate::{
    activity::{Activity, Describe},
    mcp::{ToolOptions, intent::Reported, names},
    record::{Kind, TraceContext},
};

/// Describes a request; `None` if it is not recorded.
pub(super) fn describe(
    tools: &ToolOptions,
    request: &RouterRequest,
    client_info: Option<&Implementation>,
    reported: Reported,
) -> Option<Describe> {
    let id = match json(&request.id) {
        Value::String(id) => id,
        id => id.to_string(),
    };
    let begin = |kind, method, name: String| names::describe(kind, method, name.into(), id);
    let (mut describe, meta) = match &request.inner {
        McpRequest::CallTool(params) => {
            let describe = begin(Kind::Tool, names::CALL_TOOL, params.name.clone());
            let arguments = params.arguments.as_object();
            let brand = tools.brand_of(&params.name, arguments, || None);
            let mut describe = reported.add_to(&tools.log, brand.add_to(describe));
            if let Some(handle) = tools.session_handle(arguments) {
                describe = describe.session(handle);
            }
            (annotated(describe, &params.name, request), &params.meta)
        }
        McpRequest::GetPrompt(params) if tools.prompts => (
            begin(Kind::Prompt, names::GET_PROMPT, params.name.clone()),
            &params.meta,
        ),
        McpRequest::ReadResource(params) if tools.resources => {
            let scheme = names::scheme(&params.uri).to_owned();
            let describe = begin(Kind::Resource, names::READ_RESOURCE, scheme);
            let uri = params.uri.as_str();
            (describe.attribute(names::RESOURCE_URI, uri), &params.meta)
        }
        _ => return None,
    };
    // Newer clients identify themselves in each request, older ones once.
    let client = meta.as_ref().and_then(|meta| meta.client_info.as_ref());
    if let Some(client) = client.or(client_info) {
        describe = describe
            .attribute(names::CLIENT_NAME, client.name.as_str())
            .attribute(names::CLIENT_VERSION, client.version.as_str());
    }
    if let Some(meta) = meta {
        describe = of_meta(describe, meta);
    }
    // An HTTP layer puts its activity here, if the transport bridges it.
    if let Some(parent) = request.extensions.get::<Activity>() {
        describe = describe.parent(parent);
    }
    if let Some(remote) = request.extensions.get::<tower_mcp::TraceContext>() {
        let parent = format!(
            "00-{}-{}-{:02x}",
            remote.trace_id(),
            remote.parent_id(),
            remote.trace_flags()
        );
        if let Some(remote) = TraceContext::parse(&parent, remote.tracestate()) {
            describe = describe.remote_parent(remote);
        }
    }
    Some(describe)
}

/// Adds the hints of a tool's definition.
fn annotated(describe: Describe, tool: &str, request: &RouterRequest) -> Describe {
    let map = request.extensions.get::<ToolAnnotationsMap>();
    let Some(hints) = map.and_then(|map| map.get(tool)) else {
        return describe;
    };
    describe
        .attribute(names::READ_ONLY, hints.read_only_hint)
        .attribute(names::DESTRUCTIVE, hints.destructive_hint)
        .attribute(names::IDEMPOTENT, hints.idempotent_hint)
        .attribute(names::OPEN_WORLD, hints.open_world_hint)
}

fn of_meta(mut describe: Describe, meta: &RequestMeta) -> Describe {
    if let Some(version) = &meta.protocol_version {
        describe = describe.attribute(names::PROTOCOL_VERSION, version.as_str());
    }
    if let Some(token) = &meta.progress_token {
        describe = describe.attribute(names::PROGRESS_TOKEN, json(token));
    }
    describe
}

/// A string or a number, as on the wire.
fn json(id: &impl Serialize) -> Value {
    serde_json::to_value(id).unwrap_or_default()
}
