//! What is known of a server, by all connections to it.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::fields::{Field, Fields};
use crate::{
    mcp::{intent::OwnTools, names},
    record::Text,
};

/// The most tools whose definitions are remembered.
const MOST_TOOLS: usize = 4_096;

/// What is known of a server.
#[derive(Debug, Default)]
pub(in crate::mcp) struct Server {
    pub(in crate::mcp) name: ServerName,
    /// Its tools, as clients have seen them over HTTP.
    pub(in crate::mcp) own_tools: Arc<Mutex<OwnTools>>,
    /// True if it has given a session an id over HTTP.
    pub(in crate::mcp) has_sessions: bool,
    definitions: HashMap<String, Definition>,
}

/// The name of the server.
#[derive(Debug, Default)]
pub(in crate::mcp) enum ServerName {
    #[default]
    Unknown,
    /// As it names itself.
    Itself(Text),
    /// As the user names it.
    Named(Text),
}

/// What a server says of a tool.
#[derive(Debug, Clone, Default)]
pub(super) struct Definition {
    /// Hints by their attribute.
    pub(super) hints: Vec<(&'static str, bool)>,
    pub(super) meta: Option<Arc<Map<String, Value>>>,
}

/// A client or server.
#[derive(Debug, Clone)]
pub(super) struct Implementation {
    pub(super) name: String,
    pub(super) version: Option<String>,
}

impl Server {
    /// A server that the user names, or that names itself.
    pub(in crate::mcp) fn new(named: Option<Text>) -> Self {
        Server {
            name: named.map_or(ServerName::Unknown, ServerName::Named),
            own_tools: Arc::default(),
            has_sessions: false,
            definitions: HashMap::new(),
        }
    }

    pub(super) fn definition(&self, tool: &str) -> Definition {
        self.definitions.get(tool).cloned().unwrap_or_default()
    }

    /// Remembers the tools in the answer to `tools/list`.
    pub(super) fn define_tools(&mut self, fields: &Fields) {
        let mut definitions: HashMap<u32, (Option<String>, Definition)> = HashMap::new();
        for name in fields.all(Field::ToolName) {
            if let Ok(text) = serde_json::from_slice(&name.json) {
                definitions.entry(name.element).or_default().0 = Some(text);
            }
        }
        for kept in fields.all(Field::ToolHints) {
            let Some(Value::Object(hints)) = kept.parse() else {
                continue;
            };
            let known = [
                ("readOnlyHint", names::READ_ONLY),
                ("destructiveHint", names::DESTRUCTIVE),
                ("idempotentHint", names::IDEMPOTENT),
                ("openWorldHint", names::OPEN_WORLD),
            ];
            let known = known
                .into_iter()
                .filter_map(|(key, attribute)| Some((attribute, hints.get(key)?.as_bool()?)));
            definitions.entry(kept.element).or_default().1.hints = known.collect();
        }
        for kept in fields.all(Field::ToolMeta) {
            if let Ok(Value::Object(meta)) = serde_json::from_slice(&kept.json) {
                definitions.entry(kept.element).or_default().1.meta = Some(Arc::new(meta));
            }
        }
        for (name, definition) in definitions.into_values() {
            if let Some(name) = name
                && (self.definitions.len() < MOST_TOOLS || self.definitions.contains_key(&name))
            {
                self.definitions.insert(name, definition);
            }
        }
    }
}

/// Reads a `clientInfo` or `serverInfo`.
pub(super) fn implementation(info: Option<&Value>) -> Option<Implementation> {
    let text = |key| Some(info?.get(key)?.as_str()?.to_owned());
    Some(Implementation {
        name: text("name")?,
        version: text("version"),
    })
}
