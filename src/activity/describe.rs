//! The description of an activity that is about to start.

use std::{fmt, sync::Arc, time::Duration};

use serde_json::Value;

use crate::{
    activity::Activity,
    record::{Kind, Scope, Text, TraceContext, scope_setters},
    redact::{RedactedDebug, Redactor},
    store::RawAttributes,
};

/// The description of an activity that is about to start: its kind, its name, for whom it runs.
///
/// [`ActivityLog::start`](crate::ActivityLog::start) starts it; a layer describes each request with one.
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityLog, Describe};
///
/// # fn main() -> tower_activity::Result<()> {
/// # let log = ActivityLog::open(":memory:")?;
/// # let user = String::from("ann");
/// let login = Describe::tool("netflix_login").brand("netflix").actor(&user).attribute("attempt", 1);
/// log.start(login).run(|| "welcome");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Describe {
    pub(super) kind: Kind,
    pub(super) name: Text,
    pub(super) scope: Option<Arc<Scope>>,
    /// The attributes up to the first that is neither a text nor an unsigned number.
    pub(super) raw: RawAttributes,
    /// Rare settings, boxed to keep the common description small to move.
    pub(super) more: Option<Box<More>>,
}

/// The settings that most descriptions leave out.
#[derive(Clone, Default)]
pub(super) struct More {
    /// The other attributes.
    pub(super) attributes: Vec<(Text, Value)>,
    pub(super) parent: Option<Activity>,
    pub(super) timeout: Option<Duration>,
    pub(super) remote_parent: Option<TraceContext>,
    pub(super) span_name: Option<Text>,
    pub(super) on_span: Vec<(&'static str, Text)>,
}

impl Describe {
    /// Creates a description of an activity of this kind and name. Names have low cardinality: a tool, a route, a job.
    pub fn new(kind: Kind, name: impl Into<Text>) -> Self {
        Describe {
            kind,
            name: name.into(),
            scope: None,
            raw: RawAttributes::default(),
            more: None,
        }
    }

    /// Creates a description of a tool call.
    pub fn tool(name: impl Into<Text>) -> Self {
        Describe::new(Kind::Tool, name)
    }

    /// Creates a description of a unit of background work.
    pub fn job(name: impl Into<Text>) -> Self {
        Describe::new(Kind::Job, name)
    }

    /// Creates a description of one turn of an agent.
    pub fn turn(name: impl Into<Text>) -> Self {
        Describe::new(Kind::Turn, name)
    }

    /// Replaces the name.
    pub fn name(mut self, name: impl Into<Text>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets everything that the scope names.
    pub fn scope(mut self, scope: &Scope) -> Self {
        self.scope_mut().set(scope);
        self
    }

    scope_setters!();

    /// Adds an attribute. It is redacted, then kept within the limits of [`Activity::set`].
    pub fn attribute(mut self, key: impl Into<Text>, value: impl Into<Value>) -> Self {
        let (key, value) = (key.into(), value.into());
        let has_others = (self.more.as_ref()).is_some_and(|more| !more.attributes.is_empty());
        if has_others || !self.raw.push(&key, &value) {
            self.more().attributes.push((key, value));
        }
        self
    }

    /// The attributes, to add to them without allocating each.
    #[cfg(feature = "http")]
    pub(crate) fn raw_mut(&mut self) -> &mut RawAttributes {
        &mut self.raw
    }

    /// Sets the parent activity; the current one by default. An inert handle changes nothing.
    pub fn parent(mut self, parent: &Activity) -> Self {
        if parent.id().is_some() {
            self.more().parent = Some(parent.clone());
        }
        self
    }

    /// True if it names a parent.
    #[cfg(feature = "mcp")]
    pub(crate) fn has_parent(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.parent.is_some())
    }

    /// Sets how long its caller waits. If it is dropped after that, it ends as `failed` with the error type `timeout`
    /// instead of as `cancelled`. Nothing is interrupted.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.more().timeout = Some(timeout);
        self
    }

    /// Sets the caller's trace context, as received from another process. The activity continues that trace, unless its
    /// parent activity belongs to another trace.
    pub fn remote_parent(mut self, context: TraceContext) -> Self {
        self.more().remote_parent = Some(context);
        self
    }

    /// Sets the name of its `tracing` span; the activity's name by default.
    pub fn span_name(mut self, name: impl Into<Text>) -> Self {
        self.more().span_name = Some(name.into());
        self
    }

    /// Adds a field to its `tracing` span only: an OpenTelemetry name for what the record already has.
    #[cfg_attr(
        not(any(
            feature = "http",
            feature = "mcp",
            feature = "rmcp",
            feature = "tower-mcp"
        )),
        allow(dead_code)
    )]
    pub(crate) fn on_span(mut self, field: &'static str, value: impl Into<Text>) -> Self {
        self.more().on_span.push((field, value.into()));
        self
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    fn scope_mut(&mut self) -> &mut Scope {
        Arc::make_mut(self.scope.get_or_insert_default())
    }
}

impl fmt::Debug for Describe {
    /// Redacted by the standard rules.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redactor = Redactor::new();
        let raw = self.raw.iter().map(|one| (one.key(), one.value));
        let others = self.more.iter().flat_map(|more| more.attributes.clone());
        let clean = |(key, value): (Text, Value)| {
            let value = redactor.value(&key, value).ok();
            (key, value)
        };
        let attributes: Vec<_> = raw.chain(others).map(clean).collect();
        f.debug_struct("Describe")
            .field("kind", &self.kind)
            .field("name", &RedactedDebug(&self.name))
            .field("scope", &RedactedDebug(&self.scope))
            .field("attributes", &RedactedDebug(attributes))
            .field("more", &RedactedDebug(&self.more))
            .finish()
    }
}

impl fmt::Debug for More {
    /// Without the attributes, whose keys say what is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("More")
            .field("parent", &self.parent)
            .field("timeout", &self.timeout)
            .field("remote_parent", &self.remote_parent)
            .field("span_name", &self.span_name)
            .field("on_span", &self.on_span)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_shows_no_secret() {
        let describe = Describe::tool(String::from("fetch https://a:hunter2@h/"))
            .actor(String::from("token=hunter2"))
            .attribute("password", "hunter2")
            .attribute("rows", 42)
            .attribute("credentials", json!(["hunter2", { "pin": "hunter2" }]))
            .attribute("password", "hunter2")
            .timeout(Duration::from_secs(1));
        let shown = format!("{describe:?} {describe:#?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("rows") && shown.contains("42"), "{shown}");
    }
}
