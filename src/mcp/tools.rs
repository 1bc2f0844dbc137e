//! The settings for recording a tool server.

use std::{cell::LazyCell, collections::HashMap, fmt, ops::Deref, sync::Arc};

#[cfg(any(feature = "rmcp", feature = "tower-mcp"))]
use parking_lot::Mutex;
use serde_json::{Map, Value};

#[cfg(feature = "rmcp")]
use crate::activity::ClosedSessions;
#[cfg(any(feature = "rmcp", feature = "tower-mcp"))]
use crate::mcp::intent::OwnTools;
#[cfg(any(feature = "rmcp", feature = "mcp"))]
use crate::mcp::{names, operations::Operations};
use crate::{
    activity::{Describe, PANICKED_RULE, guarded},
    log::ActivityLog,
    mcp::intent::{Additions, Intent},
    record::{Capture, Text},
};

/// The longest handle of a session, and id of a conversation over a tap, in bytes.
#[cfg(any(feature = "rmcp", feature = "tower-mcp", feature = "mcp"))]
pub(super) const LONGEST_HANDLE: usize = 512;

type BrandRule = dyn Fn(&Tool<'_>) -> Option<Text> + Send + Sync;

/// The settings for recording a tool server: brands, previews, prompts and resources. Returned by [`ActivityLog::tools`].
///
/// By default every tool call is recorded, without previews.
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityLog, record::Capture};
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
pub struct ToolOptions {
    pub(super) log: ActivityLog,
    brand: Option<Arc<BrandRule>>,
    previews: Capture,
    preview_of: HashMap<Text, Capture>,
    pub(super) prompts: bool,
    pub(super) resources: bool,
    pub(super) additions: Additions,
    /// The arguments that name a session; the first that a call has counts.
    session_arguments: Vec<Text>,
    /// Shared by the servers of all sessions: over HTTP a client may call a tool in another session than that of its list.
    #[cfg(any(feature = "rmcp", feature = "tower-mcp"))]
    pub(super) own_tools: Arc<Mutex<OwnTools>>,
    #[cfg(feature = "rmcp")]
    pub(super) reply_on_panic: bool,
    #[cfg(any(feature = "rmcp", feature = "mcp"))]
    pub(super) conversation: Text,
    #[cfg(any(feature = "rmcp", feature = "mcp"))]
    pub(super) operations: Arc<Operations>,
    #[cfg(feature = "rmcp")]
    pub(super) closed_sessions: Arc<ClosedSessions>,
}

impl ActivityLog {
    /// Returns settings for recording a tool server. By default every tool call is recorded, without previews.
    pub fn tools(&self) -> ToolOptions {
        ToolOptions {
            log: self.clone(),
            brand: None,
            previews: Capture::Off,
            preview_of: HashMap::new(),
            prompts: false,
            resources: false,
            additions: Additions::default(),
            session_arguments: Vec::new(),
            #[cfg(any(feature = "rmcp", feature = "tower-mcp"))]
            own_tools: Arc::default(),
            #[cfg(feature = "rmcp")]
            reply_on_panic: false,
            #[cfg(any(feature = "rmcp", feature = "mcp"))]
            conversation: Text::from_static(names::CONVERSATION_ID),
            #[cfg(any(feature = "rmcp", feature = "mcp"))]
            operations: self.extension(),
            #[cfg(feature = "rmcp")]
            closed_sessions: self.extension(),
        }
    }
}

impl ToolOptions {
    /// Sets the rule that returns the brand of a tool, from its name, arguments or tags; `None` for no brand. A rule that
    /// panics returns none, and the call has the attribute `activity.panicked_rule`.
    pub fn brand<F>(mut self, rule: F) -> Self
    where
        F: for<'a> Fn(&'a Tool<'_>) -> Option<&'a str> + Send + Sync + 'static,
    {
        self.brand = Some(Arc::new(move |tool| {
            rule(tool).map(|brand| Text::from(brand.to_owned()))
        }));
        self
    }

    /// Sets how much of the arguments and the result of every tool is captured; nothing by default.
    pub fn previews(mut self, capture: Capture) -> Self {
        self.previews = capture;
        self
    }

    /// Sets how much of the arguments and the result of one tool is captured.
    pub fn preview(mut self, tool: impl Into<Text>, capture: Capture) -> Self {
        self.preview_of.insert(tool.into(), capture);
        self
    }

    /// Also records prompts (`prompts/get`).
    pub fn prompts(mut self) -> Self {
        self.prompts = true;
        self
    }

    /// Also records resources (`resources/read`). They are named after the scheme of their URI; the URI is an attribute.
    pub fn resources(mut self) -> Self {
        self.resources = true;
        self
    }

    /// Asks callers for the reason of each call, with a parameter that is added to the schema of each tool. It is taken out of the
    /// arguments: the call has it as the attribute `mcp.intent`.
    ///
    /// A tool that has a parameter of this name, or whose schema may refuse one more (`oneOf`, `$ref`, …), is left as it is. Only calls
    /// of tools that got the parameter in a list since the server started are changed, at most 4,096 with names of up to 256 bytes; a
    /// router of rmcp also knows its tools before.
    ///
    /// Applied by `with_activity`, by `layer`, by `http_tap`, and by a `TapRewriter`. A `TapReader` changes nothing, so it neither asks
    /// for reasons nor records them.
    pub fn intent(mut self, intent: Intent) -> Self {
        self.additions.intent = Some(intent);
        self
    }

    /// Adds a tool, `report_missing_tool`, with which a model reports what no tool of the server does. A call of it is recorded with
    /// the report as the attribute `mcp.missing_tool`, and never reaches the server. A server that has a tool of this name keeps its
    /// own. Until a list with ours has passed, calls of this name reach the server. Over HTTP so do those whose session the server has
    /// not accepted; authorization has to stand outside of an `http_tap`, because the server does not see the others.
    ///
    /// Applied by `with_activity`, by `layer`, by `http_tap`, and by a `TapRewriter`. A `TapReader` changes nothing, so it adds no tool.
    pub fn missing_tool(mut self) -> Self {
        self.additions.missing_tool = true;
        self
    }

    /// Takes the session of a call from this argument, if a tool has it: `browser_id`, `cart`. The protocol of 2026-07-28 has no
    /// sessions, and over stdio one connection may serve several: there a server returns a handle, which the client passes to the tools
    /// that follow. Of several names, the first that a call has counts.
    ///
    /// It only reads: tools get their arguments as they are. A string or a number of at most 512 bytes is a handle. A conversation id in
    /// the `_meta` counts before it; a session of the transport, if there is one, becomes the attribute `mcp.session.id`. The call that
    /// returns a handle does not have it as an argument, and so not as its session.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::ActivityLog;
    ///
    /// # fn main() -> tower_activity::Result<()> {
    /// let log = ActivityLog::open(":memory:")?;
    /// let tools = log.tools().session_argument("browser_id").session_argument("cart");
    /// # Ok(())
    /// # }
    /// ```
    pub fn session_argument(mut self, name: impl Into<Text>) -> Self {
        self.session_arguments.push(name.into());
        self
    }

    /// Sets the key in a request's `_meta` for the client's conversation id; `gen_ai.conversation.id` by default. The id
    /// becomes the session of the call.
    #[cfg(any(feature = "rmcp", feature = "mcp"))]
    pub fn conversation(mut self, key: impl Into<Text>) -> Self {
        self.conversation = key.into();
        self
    }

    /// Responds with an internal error to a call whose tool panicked. Without it the panic continues, as without the wrapper:
    /// it kills the request's task, and the client waits forever.
    #[cfg(feature = "rmcp")]
    pub fn reply_on_panic(mut self) -> Self {
        self.reply_on_panic = true;
        self
    }

    /// Returns the brand of a tool, from its name, its arguments, and the `_meta` of its definition, which is looked up only
    /// for a rule that asks for it.
    pub(super) fn brand_of<'a>(
        &self,
        name: &'a str,
        arguments: Option<&'a Map<String, Value>>,
        meta: impl FnOnce() -> Option<Map<String, Value>> + 'a,
    ) -> Brand {
        let Some(rule) = &self.brand else {
            return Brand::None;
        };
        let tool = Tool {
            name,
            arguments,
            meta: LazyCell::new(Box::new(meta)),
        };
        match guarded(|| rule(&tool)) {
            Some(Some(brand)) => Brand::Known(brand),
            Some(None) => Brand::None,
            None => Brand::RulePanicked,
        }
    }

    /// Returns the handle of a session in the arguments of a call.
    #[cfg(any(feature = "rmcp", feature = "tower-mcp", feature = "mcp"))]
    pub(super) fn session_handle(&self, arguments: Option<&Map<String, Value>>) -> Option<Text> {
        let arguments = arguments?;
        let mut names = self.session_arguments.iter();
        let handle = names.find_map(|name| match arguments.get(name.as_str())? {
            Value::String(handle) if !handle.is_empty() => Some(handle.clone()),
            Value::Number(handle) => Some(handle.to_string()),
            _ => None,
        });
        let handle = handle.filter(|handle| handle.len() <= LONGEST_HANDLE)?;
        Some(handle.into())
    }

    /// True if a rule, a preview or a session looks at the arguments of tools.
    #[cfg(feature = "mcp")]
    pub(super) fn reads_arguments(&self) -> bool {
        let is_looked_at = self.brand.is_some() || !self.session_arguments.is_empty();
        is_looked_at || self.most_captured() != Capture::Off
    }

    /// Returns how much of any tool's payloads is captured at most.
    #[cfg(feature = "mcp")]
    pub(super) fn most_captured(&self) -> Capture {
        let all = self.preview_of.values().chain([&self.previews]);
        let most = all.max_by_key(|capture| capture.max_bytes());
        most.copied().unwrap_or_default()
    }

    pub(super) fn capture(&self, tool: &str) -> Capture {
        self.preview_of
            .iter()
            .find_map(|(name, capture)| (name == tool).then_some(*capture))
            .unwrap_or(self.previews)
    }
}

impl From<&ActivityLog> for ToolOptions {
    fn from(log: &ActivityLog) -> Self {
        log.tools()
    }
}

impl From<&ToolOptions> for ToolOptions {
    fn from(tools: &ToolOptions) -> Self {
        tools.clone()
    }
}

impl fmt::Debug for ToolOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolOptions")
            .field("brand", &self.brand.is_some())
            .field("previews", &self.previews)
            .field("preview_of", &self.preview_of)
            .field("prompts", &self.prompts)
            .field("resources", &self.resources)
            .field("additions", &self.additions)
            .field("session_arguments", &self.session_arguments)
            .finish_non_exhaustive()
    }
}

/// The brand of a tool.
#[derive(Debug)]
pub(super) enum Brand {
    None,
    Known(Text),
    RulePanicked,
}

impl Brand {
    pub(super) fn add_to(self, describe: Describe) -> Describe {
        match self {
            Brand::None => describe,
            Brand::Known(brand) => describe.brand(brand),
            Brand::RulePanicked => describe.attribute(PANICKED_RULE, "brand"),
        }
    }
}

/// A tool call, for a brand rule. It dereferences to the tool's name.
#[derive(Debug)]
pub struct Tool<'a> {
    name: &'a str,
    arguments: Option<&'a Map<String, Value>>,
    meta: LazyCell<Option<Map<String, Value>>, Box<LookUp<'a>>>,
}

/// Looks up the `_meta` of a tool's definition: code of the server.
type LookUp<'a> = dyn FnOnce() -> Option<Map<String, Value>> + 'a;

impl Tool<'_> {
    /// Returns the tool's name.
    pub fn name(&self) -> &str {
        self.name
    }

    /// Returns an argument that is a string: the site to log in to, for example.
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.arguments?.get(name)?.as_str()
    }

    /// Returns true if the `_meta` of the tool's definition has this tag, in `tags` or in `_fastmcp.tags`.
    ///
    /// Always false with `tower-mcp`, which does not expose the definitions of a server's tools.
    pub fn has_tag(&self, tag: &str) -> bool {
        let Some(meta) = &*self.meta else {
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
