//! What is known of an activity at its start.

use std::{fmt, sync::Arc, time::Duration};

use serde_json::Value;

use crate::{
    activity::Activity,
    record::{Kind, Scope, Text, TraceContext},
    redact::{RedactedDebug, Redactor},
};

/// What is known of an activity at its start: its kind, its name, for whom it runs.
///
/// # Examples
///
/// ```
/// use tower_activity::Describe;
///
/// let login = Describe::tool("netflix_login").brand("netflix").actor("ann").attribute("attempt", 1);
/// ```
#[derive(Clone)]
#[must_use]
pub struct Describe {
    pub(super) kind: Kind,
    pub(super) name: Text,
    pub(super) scope: Option<Arc<Scope>>,
    pub(super) attributes: Vec<(Text, Value)>,
    /// Apart, so that what most descriptions do not say is not moved about with them.
    pub(super) more: Option<Box<More>>,
}

/// What most descriptions do not say.
#[derive(Debug, Clone, Default)]
pub(super) struct More {
    pub(super) parent: Option<Activity>,
    pub(super) deadline: Option<Duration>,
    pub(super) remote: Option<TraceContext>,
    pub(super) span_name: Option<Text>,
    pub(super) on_span: Vec<(&'static str, Text)>,
}

impl Describe {
    /// Describes an activity of this kind and name. Names are of low cardinality: a tool, a route, a job.
    pub fn new(kind: Kind, name: impl Into<Text>) -> Self {
        Describe {
            kind,
            name: name.into(),
            scope: None,
            attributes: Vec::new(),
            more: None,
        }
    }

    /// Describes a tool call.
    pub fn tool(name: impl Into<Text>) -> Self {
        Describe::new(Kind::Tool, name)
    }

    /// Describes a unit of background work.
    pub fn job(name: impl Into<Text>) -> Self {
        Describe::new(Kind::Job, name)
    }

    /// Describes one turn of an agent.
    pub fn turn(name: impl Into<Text>) -> Self {
        Describe::new(Kind::Turn, name)
    }

    /// Sets another name.
    pub fn name(mut self, name: impl Into<Text>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the project it belongs to.
    pub fn project(self, project: impl Into<Text>) -> Self {
        self.scope(|scope| scope.project = Some(project.into()))
    }

    /// Sets the agent that asked for it.
    pub fn agent(self, agent: impl Into<Text>) -> Self {
        self.scope(|scope| scope.agent = Some(agent.into()))
    }

    /// Sets the user on whose behalf it runs.
    pub fn actor(self, actor: impl Into<Text>) -> Self {
        self.scope(|scope| scope.actor = Some(actor.into()))
    }

    /// Sets the site or product it is for.
    pub fn brand(self, brand: impl Into<Text>) -> Self {
        self.scope(|scope| scope.brand = Some(brand.into()))
    }

    /// Sets the environment, where it is not the log's.
    pub fn environment(self, environment: impl Into<Text>) -> Self {
        self.scope(|scope| scope.environment = Some(environment.into()))
    }

    /// Sets the client's session or conversation.
    pub fn session(self, session: impl Into<Text>) -> Self {
        self.scope(|scope| scope.session = Some(session.into()))
    }

    /// Sets the client's id of the request.
    pub fn request(self, request: impl Into<Text>) -> Self {
        self.scope(|scope| scope.request = Some(request.into()))
    }

    /// Adds an attribute. It is redacted, then kept within the limits.
    pub fn attribute(mut self, key: impl Into<Text>, value: impl Into<Value>) -> Self {
        self.attributes.push((key.into(), value.into()));
        self
    }

    /// Sets the activity that it runs inside of, where that is not the current one. An inert activity
    /// changes nothing.
    pub fn parent(mut self, parent: &Activity) -> Self {
        if parent.id().is_some() {
            self.more().parent = Some(parent.clone());
        }
        self
    }

    /// Sets how long its caller waits. Dropped after that it ends as `failed` with the error type `timeout`, not as
    /// `cancelled`; nothing else changes.
    pub fn deadline(mut self, timeout: Duration) -> Self {
        self.more().deadline = Some(timeout);
        self
    }

    /// Sets where its caller stands in a trace, as the caller says: the activity continues that trace, unless it runs
    /// inside of an activity of a trace of its own.
    pub fn remote(mut self, context: TraceContext) -> Self {
        self.more().remote = Some(context);
        self
    }

    /// Sets what its `tracing` span is called, where that is not its name.
    pub fn span_name(mut self, name: impl Into<Text>) -> Self {
        self.more().span_name = Some(name.into());
        self
    }

    /// Adds a field to its `tracing` span alone: what the record has already, under a name of OpenTelemetry's.
    #[cfg_attr(not(any(feature = "rmcp", feature = "tower-mcp")), allow(dead_code))]
    pub(crate) fn on_span(mut self, field: &'static str, value: impl Into<Text>) -> Self {
        self.more().on_span.push((field, value.into()));
        self
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    fn scope(mut self, change: impl FnOnce(&mut Scope)) -> Self {
        change(Arc::make_mut(self.scope.get_or_insert_default()));
        self
    }
}

impl fmt::Debug for Describe {
    /// Without secrets, by the standard rules.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redactor = Redactor::new();
        let clean =
            |(key, value): &(Text, Value)| (key.clone(), redactor.value(key, value.clone()).ok());
        let attributes: Vec<_> = self.attributes.iter().map(clean).collect();
        f.debug_struct("Describe")
            .field("kind", &self.kind)
            .field("name", &RedactedDebug(&self.name))
            .field("scope", &RedactedDebug(&self.scope))
            .field("attributes", &RedactedDebug(attributes))
            .field("more", &RedactedDebug(&self.more))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_no_secret() {
        let describe = Describe::tool(String::from("fetch https://a:hunter2@h/"))
            .actor(String::from("token=hunter2"))
            .attribute("password", "hunter2")
            .attribute("rows", 42);
        let shown = format!("{describe:?} {describe:#?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("rows") && shown.contains("42"), "{shown}");
    }
}
