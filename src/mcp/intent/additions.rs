//! What is added to the tools of a server, and what callers report through it.

use std::collections::HashSet;
#[cfg(any(feature = "rmcp", feature = "tower-mcp"))]
use std::sync::Arc;

#[cfg(any(feature = "rmcp", feature = "tower-mcp"))]
use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::{
    missing_tool::{MissingTool, NAME as MISSING_TOOL},
    parameter::Intent,
    schema,
};
#[cfg(any(feature = "rmcp", feature = "tower-mcp"))]
use crate::activity::{Describe, guarded};
use crate::{log::ActivityLog, mcp::names, pipeline::Pipeline, record::Text};

/// The most tools that get the parameter, and the length of their names in bytes: they are remembered.
const MOST_TOOLS: usize = 4_096;
const LONGEST_NAME: usize = 256;

/// What is added to the tools of a server.
#[derive(Debug, Clone, Default)]
pub(in crate::mcp) struct Additions {
    pub(in crate::mcp) intent: Option<Intent>,
    pub(in crate::mcp) missing_tool: bool,
}

/// What callers have seen of a server's tools.
#[derive(Debug, Default)]
pub(in crate::mcp) struct OwnTools {
    /// Those that have the additional parameter. In others a parameter of this name is their own.
    extended: HashSet<String>,
    /// True if a list has got the additional tool.
    is_tool_added: bool,
    /// True if the server has a tool of its name.
    has_missing_tool: bool,
}

/// What a caller has reported with a call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::mcp) struct Reported {
    pub(in crate::mcp) intent: Option<String>,
    /// For a call of the additional tool.
    pub(in crate::mcp) missing_tool: Option<MissingTool>,
}

impl Additions {
    pub(in crate::mcp) fn is_empty(&self) -> bool {
        self.intent.is_none() && !self.missing_tool
    }

    /// True if a list gets the additional tool, which is remembered.
    pub(in crate::mcp) fn adds_tool(&self, own: &mut OwnTools, is_first_page: bool) -> bool {
        let is_added = self.missing_tool && is_first_page && !own.has_missing_tool;
        own.is_tool_added |= is_added;
        is_added
    }

    /// Returns the intent if its parameter is added to this tool, and remembers whether it is.
    pub(in crate::mcp) fn intent_for(
        &self,
        own: &mut OwnTools,
        tool: &str,
        schema: &Map<String, Value>,
    ) -> Option<&Intent> {
        let intent = self.intent.as_ref()?;
        if !schema::fits(intent, schema) {
            own.leave_alone(tool);
            return None;
        }
        own.remember(tool).then_some(intent)
    }

    /// Adds the parameter to the schema of a tool.
    #[cfg(any(feature = "rmcp", feature = "tower-mcp"))]
    pub(in crate::mcp) fn extend(
        &self,
        own: &mut OwnTools,
        tool: &str,
        input: &mut Map<String, Value>,
    ) {
        if let Some(intent) = self.intent_for(own, tool, input) {
            schema::add(intent, input);
        }
    }

    /// Takes what a caller reports out of the arguments of a call. `own_schema` looks up the schema of the tool, where the server can
    /// be asked; otherwise only tools that were extended in a list have the parameter.
    #[cfg(any(feature = "rmcp", feature = "tower-mcp"))]
    pub(in crate::mcp) fn take(
        &self,
        own: &Mutex<OwnTools>,
        tool: &str,
        arguments: Option<&mut Map<String, Value>>,
        own_schema: impl FnOnce() -> Option<Arc<Map<String, Value>>>,
    ) -> Reported {
        let mut reported = Reported::default();
        if self.is_empty() {
            return reported;
        }
        // Code of the server: not under the lock.
        let schema = guarded(own_schema).flatten();
        let own = own.lock();
        if self.is_missing_tool(&own, tool) && schema.is_none() {
            let argument = |name: &str| arguments.as_ref()?.get(name).cloned();
            reported.missing_tool = Some(MissingTool::new(argument));
        }
        let Some(intent) = &self.intent else {
            return reported;
        };
        let is_ours = match schema {
            Some(schema) => schema::fits(intent, &schema),
            None => own.extended.contains(tool),
        };
        if let (true, Some(arguments)) = (is_ours, arguments) {
            let value = arguments.get_mut(&*intent.parameter).map(Value::take);
            // Removing it by its key might move another.
            arguments.retain(|key, _| *key != *intent.parameter);
            reported.intent = value.and_then(text);
        }
        reported
    }

    /// As [`take`](Self::take), for arguments that are text: returns the parameter to take out of them.
    #[cfg(feature = "mcp")]
    pub(in crate::mcp) fn parameter_of(&self, own: &OwnTools, tool: &str) -> Option<&str> {
        let intent = self.intent.as_ref()?;
        own.extended.contains(tool).then_some(&*intent.parameter)
    }

    /// True for the additional tool.
    pub(in crate::mcp) fn is_missing_tool(&self, own: &OwnTools, tool: &str) -> bool {
        self.missing_tool && tool == MISSING_TOOL && own.is_tool_added && !own.has_missing_tool
    }
}

impl OwnTools {
    /// Notes that a server has a tool of this name.
    pub(in crate::mcp) fn add(&mut self, tool: &str) {
        self.has_missing_tool |= tool == MISSING_TOOL;
    }

    /// Notes that the parameters of a tool are its own.
    pub(in crate::mcp) fn leave_alone(&mut self, tool: &str) {
        self.extended.remove(tool);
    }

    /// Notes that a tool gets the parameter. Returns false if it cannot be remembered.
    fn remember(&mut self, tool: &str) -> bool {
        if self.extended.contains(tool) {
            return true;
        }
        let has_room = self.extended.len() < MOST_TOOLS && tool.len() <= LONGEST_NAME;
        has_room && self.extended.insert(tool.to_owned())
    }
}

impl Reported {
    /// Returns it for a call of the additional tool.
    #[cfg(feature = "mcp")]
    pub(in crate::mcp) fn missing_tool(argument: impl FnOnce(&str) -> Option<Value>) -> Self {
        Reported {
            intent: None,
            missing_tool: Some(MissingTool::new(argument)),
        }
    }

    /// Returns the attributes of the call, redacted and shortened as messages of errors are.
    pub(in crate::mcp) fn attributes(
        self,
        log: &ActivityLog,
    ) -> impl Iterator<Item = (&'static str, Text)> {
        let shared = log.pipeline().map(Pipeline::shared);
        let shorten = move |text: String| {
            let end = text.floor_char_boundary(names::MESSAGE_BYTES);
            let text = Text::from(text[..end].to_owned());
            shared.map(|shared| shared.intake().message(text))
        };
        let missing = self.missing_tool.and_then(|report| report.missing);
        let texts = [(names::INTENT, self.intent), (names::MISSING_TOOL, missing)];
        texts
            .into_iter()
            .filter_map(move |(key, text)| Some((key, shorten(text?)?)))
    }

    /// Adds its attributes to the description of a call.
    #[cfg(any(feature = "rmcp", feature = "tower-mcp"))]
    pub(in crate::mcp) fn add_to(self, log: &ActivityLog, describe: Describe) -> Describe {
        self.attributes(log)
            .fold(describe, |describe, (key, text)| {
                describe.attribute(key, &*text)
            })
    }
}

/// Returns a reason as text. A caller may send a value that is not a string.
pub(in crate::mcp) fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
