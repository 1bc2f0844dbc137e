//! The exact answers that the suite expects.

use serde_json::{Value, json};

/// One red dot.
pub(crate) const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/// No sound at all.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

pub(crate) fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

pub(crate) fn image() -> Value {
    json!({"type": "image", "data": PNG, "mimeType": "image/png"})
}

pub(crate) fn resource(uri: &str, mime_type: &str, text: &str) -> Value {
    json!({"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": text}})
}

/// The content that a simple tool returns.
pub(crate) fn content(tool: &str) -> Option<Value> {
    Some(match tool {
        "test_simple_text" => json!([text("This is a simple text response for testing.")]),
        "test_image_content" => json!([image()]),
        "test_audio_content" => json!([{"type": "audio", "data": WAV, "mimeType": "audio/wav"}]),
        "test_embedded_resource" => json!([resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content.",
        )]),
        "test_multiple_content_types" => json!([
            text("Multiple content types test:"),
            image(),
            resource(
                "test://mixed-content-resource",
                "application/json",
                r#"{"test":"data","value":123}"#,
            ),
        ]),
        "json_schema_2020_12_tool" => json!([text("as told")]),
        _ => return None,
    })
}

/// The question that a tool asks its user.
pub(crate) fn question(tool: &str) -> Option<Value> {
    let titled = |what: &str| {
        let one =
            |value: &str, place: &str| json!({"const": value, "title": format!("{place} {what}")});
        json!([
            one("value1", "First"),
            one("value2", "Second"),
            one("value3", "Third")
        ])
    };
    let properties = match tool {
        "test_elicitation" => json!({
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        }),
        "test_elicitation_sep1034_defaults" => json!({
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            "verified": {"type": "boolean", "default": true},
        }),
        "test_elicitation_sep1330_enums" => json!({
            "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
            "titledSingle": {"type": "string", "oneOf": titled("Option")},
            "legacyEnum": {
                "type": "string", "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
            "titledMulti": {"type": "array", "items": {"anyOf": titled("Choice")}},
        }),
        _ => return None,
    };
    Some(json!({"type": "object", "properties": properties}))
}

pub(crate) fn tools() -> Value {
    let plain = json!({"type": "object", "properties": {}});
    let one = |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name]});
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "$defs": {"address": {"type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
        "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
        "additionalProperties": false,
    });
    let tool = |name: &str| {
        let schema = match name {
            "test_sampling" => one("prompt"),
            "test_elicitation" => one("message"),
            "json_schema_2020_12_tool" => schema.clone(),
            _ => plain.clone(),
        };
        json!({"name": name, "description": format!("The suite's {name}."), "inputSchema": schema})
    };
    let names = [
        "test_simple_text",
        "test_image_content",
        "test_audio_content",
        "test_embedded_resource",
        "test_multiple_content_types",
        "test_tool_with_logging",
        "test_error_handling",
        "test_tool_with_progress",
        "test_sampling",
        "test_elicitation",
        "test_elicitation_sep1034_defaults",
        "test_elicitation_sep1330_enums",
        "json_schema_2020_12_tool",
        "test_reconnection",
    ];
    json!({"tools": names.map(tool)})
}

pub(crate) fn prompts() -> Value {
    let prompt = |name: &str, arguments: &[&str]| {
        let argument =
            |name: &&str| json!({"name": name, "description": "An argument.", "required": true});
        let arguments: Vec<_> = arguments.iter().map(argument).collect();
        json!({"name": name, "description": format!("The suite's {name}."), "arguments": arguments})
    };
    json!({"prompts": [
        prompt("test_simple_prompt", &[]),
        prompt("test_prompt_with_arguments", &["arg1", "arg2"]),
        prompt("test_prompt_with_embedded_resource", &["resourceUri"]),
        prompt("test_prompt_with_image", &[]),
    ]})
}

/// The messages of a prompt.
pub(crate) fn messages(prompt: &str, argument: impl Fn(&str) -> String) -> Option<Value> {
    let contents = match prompt {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => vec![text(&format!(
            "Prompt with arguments: arg1='{}', arg2='{}'",
            argument("arg1"),
            argument("arg2"),
        ))],
        "test_prompt_with_embedded_resource" => vec![
            resource(
                &argument("resourceUri"),
                "text/plain",
                "Embedded resource content for testing.",
            ),
            text("Please process the embedded resource above."),
        ],
        "test_prompt_with_image" => vec![image(), text("Please analyze the image above.")],
        _ => return None,
    };
    let message = |content| json!({"role": "user", "content": content});
    let messages: Vec<_> = contents.into_iter().map(message).collect();
    Some(json!({"messages": messages}))
}

pub(crate) fn resources() -> Value {
    let resource = |name: &str, mime_type: &str| {
        json!({
            "uri": format!("test://{name}"), "name": name, "description": format!("The suite's {name}."),
            "mimeType": mime_type,
        })
    };
    json!({"resources": [
        resource("static-text", "text/plain"),
        resource("static-binary", "image/png"),
        resource("watched-resource", "text/plain"),
    ]})
}

pub(crate) fn templates() -> Value {
    json!({"resourceTemplates": [{
        "uriTemplate": "test://template/{id}/data", "name": "template", "description": "The suite's template.",
        "mimeType": "application/json",
    }]})
}

/// The contents of a resource.
pub(crate) fn contents(uri: &str) -> Option<Value> {
    let template = uri.strip_prefix("test://template/");
    let contents = match (uri, template.and_then(|rest| rest.strip_suffix("/data"))) {
        ("test://static-text", _) => json!({
            "uri": uri, "mimeType": "text/plain", "text": "This is the content of the static text resource.",
        }),
        ("test://static-binary", _) => json!({"uri": uri, "mimeType": "image/png", "blob": PNG}),
        ("test://watched-resource", _) => {
            json!({"uri": uri, "mimeType": "text/plain", "text": "Watched."})
        }
        (_, Some(id)) => {
            let data =
                json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
            json!({"uri": uri, "mimeType": "application/json", "text": data.to_string()})
        }
        _ => return None,
    };
    Some(json!({"contents": [contents]}))
}
