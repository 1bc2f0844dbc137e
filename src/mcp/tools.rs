//! What of a tool server is recorded, and how.

use std::{
    collections::HashMap,
    fmt,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use serde_json::{Map, Value};

#[cfg(feature = "rmcp")]
use crate::mcp::{names, rmcp::Operations};
use crate::{
    log::ActivityLog,
    record::{Capture, Text},
};

type BrandRule = dyn Fn(&Tool<'_>) -> Option<Text> + Send + Sync;

/// What of a tool server is recorded, and how. Made by [`ActivityLog::tools`].
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityLog, Capture};
///
/// # fn main() -> tower_activity::Result<()> {
/// let log = ActivityLog::open(":memory:")?;
/// let tools = log
///     .tools()
///     .brand(|tool| tool.split_once('_').map(|(brand, _)| brand))
///     .preview("search", Capture::Preview)
///     .prompts();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Tools {
    pub(super) log: ActivityLog,
    brand: Option<Arc<BrandRule>>,
    previews: Capture,
    preview_of: HashMap<Text, Capture>,
    pub(super) prompts: bool,
    pub(super) resources: bool,
    #[cfg(feature = "rmcp")]
    pub(super) reply_on_panic: bool,
    #[cfg(feature = "rmcp")]
    pub(super) conversation: Text,
    #[cfg(feature = "rmcp")]
    pub(super) operations: Arc<Operations>,
}

impl ActivityLog {
    /// Says what of a tool server is recorded, and how: every tool call and nothing else, without payloads.
    pub fn tools(&self) -> Tools {
        Tools {
            log: self.clone(),
            brand: None,
            previews: Capture::Off,
            preview_of: HashMap::new(),
            prompts: false,
            resources: false,
            #[cfg(feature = "rmcp")]
            reply_on_panic: false,
            #[cfg(feature = "rmcp")]
            conversation: Text::from_static(names::CONVERSATION_ID),
            #[cfg(feature = "rmcp")]
            operations: self.kept(),
        }
    }
}

impl Tools {
    /// Sets the rule that says which brand a tool is for, by its name or its tags; `None` for no brand.
    pub fn brand<F>(mut self, rule: F) -> Self
    where
        F: for<'a> Fn(&'a Tool<'_>) -> Option<&'a str> + Send + Sync + 'static,
    {
        self.brand = Some(Arc::new(move |tool| {
            rule(tool).map(|brand| Text::from(brand.to_owned()))
        }));
        self
    }

    /// Sets how much of the arguments and the result of every tool is kept; nothing by default.
    pub fn previews(mut self, capture: Capture) -> Self {
        self.previews = capture;
        self
    }

    /// Sets how much of the arguments and the result of one tool is kept.
    pub fn preview(mut self, tool: impl Into<Text>, capture: Capture) -> Self {
        self.preview_of.insert(tool.into(), capture);
        self
    }

    /// Records prompts that are fetched, too.
    pub fn prompts(mut self) -> Self {
        self.prompts = true;
        self
    }

    /// Records resources that are read, too. Their names are their URIs' schemes, the URIs are attributes.
    pub fn resources(mut self) -> Self {
        self.resources = true;
        self
    }

    /// Sets the key of a request's `_meta` under which a client names its conversation, `gen_ai.conversation.id` by
    /// default. What it names becomes the session of the call.
    #[cfg(feature = "rmcp")]
    pub fn conversation(mut self, key: impl Into<Text>) -> Self {
        self.conversation = key.into();
        self
    }

    /// Answers a call whose tool panicked with an internal error. Without this the panic goes on as it would
    /// without us: it kills the request's task, and the client waits for ever.
    #[cfg(feature = "rmcp")]
    pub fn reply_on_panic(mut self) -> Self {
        self.reply_on_panic = true;
        self
    }

    /// The brand that the rule names. A rule that panics names none.
    pub(super) fn brand_of(&self, tool: &Tool<'_>) -> Option<Text> {
        let rule = self.brand.as_ref()?;
        catch_unwind(AssertUnwindSafe(|| rule(tool))).ok().flatten()
    }

    pub(super) fn capture(&self, tool: &str) -> Capture {
        self.preview_of
            .iter()
            .find_map(|(name, capture)| (name == tool).then_some(*capture))
            .unwrap_or(self.previews)
    }
}

impl From<&ActivityLog> for Tools {
    fn from(log: &ActivityLog) -> Self {
        log.tools()
    }
}

impl From<&Tools> for Tools {
    fn from(tools: &Tools) -> Self {
        tools.clone()
    }
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools")
            .field("brand", &self.brand.is_some())
            .field("previews", &self.previews)
            .field("preview_of", &self.preview_of)
            .field("prompts", &self.prompts)
            .field("resources", &self.resources)
            .finish_non_exhaustive()
    }
}

/// A tool as a brand rule sees it. It dereferences to its name.
#[derive(Debug)]
pub struct Tool<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: Option<&'a Map<String, Value>>,
    pub(super) meta: Option<&'a Map<String, Value>>,
}

impl Tool<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        self.name
    }

    /// A text among its arguments: a tool that logs in may be told where.
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.arguments?.get(name)?.as_str()
    }

    /// True when it carries this tag: in the `_meta` of its definition, as `tags` or as `_fastmcp.tags`.
    ///
    /// A server built with `tower-mcp` does not say what its tools' definitions are: there no tool has a tag.
    pub fn has_tag(&self, tag: &str) -> bool {
        let Some(meta) = self.meta else {
            return false;
        };
        let nested = meta.get("_fastmcp").and_then(|meta| meta.get("tags"));
        [meta.get("tags"), nested]
            .into_iter()
            .flatten()
            .filter_map(|tags| tags.as_array())
            .flatten()
            .any(|one| one == tag)
    }
}

impl Deref for Tool<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.name
    }
}
