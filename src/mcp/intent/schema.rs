//! The parameter in a tool's schema.

use serde_json::{Map, Value, json};

use super::parameter::Intent;

/// Keywords by which another part of a schema may refuse one more property.
const RESTRICTIONS: [&str; 15] = [
    "$dynamicRef",
    "$recursiveRef",
    "$ref",
    "allOf",
    "anyOf",
    "const",
    "dependencies",
    "dependentSchemas",
    "enum",
    "if",
    "maxProperties",
    "not",
    "oneOf",
    "patternProperties",
    "propertyNames",
];

/// Returns the schema of the parameter.
pub(in crate::mcp) fn definition(intent: &Intent) -> Value {
    json!({"type": "string", "description": &*intent.description})
}

/// True if the parameter can be added to a tool's schema: the tool has none of this name, and accepts it.
pub(super) fn fits(intent: &Intent, schema: &Map<String, Value>) -> bool {
    let is_object = schema.get("type").is_none_or(|kind| kind == "object");
    let is_restricted = RESTRICTIONS.iter().any(|key| schema.contains_key(*key));
    let has_room = match schema.get("properties") {
        None => true,
        Some(Value::Object(properties)) => !properties.contains_key(&*intent.parameter),
        Some(_) => false,
    };
    let required = schema.get("required");
    let is_list = required.is_none_or(Value::is_array);
    is_object && !is_restricted && has_room && (is_list || !intent.is_required)
}

/// Adds the parameter to a schema that it [`fits`].
#[cfg(any(feature = "rmcp", feature = "tower-mcp"))]
pub(super) fn add(intent: &Intent, schema: &mut Map<String, Value>) {
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if let Value::Object(properties) = properties {
        properties.insert(intent.parameter.to_string(), definition(intent));
    }
    if intent.is_required
        && let Value::Array(required) = schema.entry("required").or_insert_with(|| json!([]))
    {
        required.push(Value::from(&*intent.parameter));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_that_may_refuse_the_parameter_are_left_alone() {
        let check = |schema: Value, expected: bool| {
            let intent = Intent::required();
            let fits = fits(&intent, schema.as_object().unwrap());
            assert_eq!(fits, expected, "{schema}");
        };
        check(json!({}), true);
        check(json!({"type": "object"}), true);
        check(
            json!({"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": false}),
            true,
        );
        check(json!({"properties": {"call_intent": {}}}), false);
        check(json!({"properties": []}), false);
        check(json!({"required": "a"}), false);
        check(json!({"type": "string"}), false);
        check(json!({"type": ["object", "null"]}), false);
        for key in RESTRICTIONS {
            check(json!({"type": "object", key: {}}), false);
        }
    }
}
