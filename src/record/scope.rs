//! Scopes: for whom and where an activity ran.

use serde::{Deserialize, Serialize};

use crate::record::Text;

/// For whom and where an activity ran. Children inherit the scope that their parent has when they start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Scope {
    /// The project it belongs to.
    pub project: Option<Text>,
    /// The agent that asked for it.
    pub agent: Option<Text>,
    /// The user on whose behalf it ran.
    pub actor: Option<Text>,
    /// The site or product a tool is for.
    pub brand: Option<Text>,
    /// `development`, `production`, …
    pub environment: Option<Text>,
    /// The client's session or conversation.
    pub session: Option<Text>,
    /// The client's id of the request.
    pub request: Option<Text>,
}

/// Defines the setters of a builder that has a scope, in terms of its `scope_mut`.
macro_rules! scope_setters {
    () => {
        /// Sets the project it belongs to.
        pub fn project(mut self, project: impl Into<$crate::record::Text>) -> Self {
            self.scope_mut().project = Some(project.into());
            self
        }

        /// Sets the agent that asked for it.
        pub fn agent(mut self, agent: impl Into<$crate::record::Text>) -> Self {
            self.scope_mut().agent = Some(agent.into());
            self
        }

        /// Sets the user on whose behalf it runs.
        pub fn actor(mut self, actor: impl Into<$crate::record::Text>) -> Self {
            self.scope_mut().actor = Some(actor.into());
            self
        }

        /// Sets the site or product it is for.
        pub fn brand(mut self, brand: impl Into<$crate::record::Text>) -> Self {
            self.scope_mut().brand = Some(brand.into());
            self
        }

        /// Sets the environment; the log's by default.
        pub fn environment(mut self, environment: impl Into<$crate::record::Text>) -> Self {
            self.scope_mut().environment = Some(environment.into());
            self
        }

        /// Sets the client's session or conversation.
        pub fn session(mut self, session: impl Into<$crate::record::Text>) -> Self {
            self.scope_mut().session = Some(session.into());
            self
        }

        /// Sets the client's request id.
        pub fn request(mut self, request: impl Into<$crate::record::Text>) -> Self {
            self.scope_mut().request = Some(request.into());
            self
        }
    };
}
pub(crate) use scope_setters;

impl Scope {
    /// Creates a scope that names nothing. Set it once, and pass it to activities and events.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::{ActivityLog, Describe, record::Scope};
    ///
    /// # fn main() -> tower_activity::Result<()> {
    /// let log = ActivityLog::open(":memory:")?;
    /// let scope = Scope::new().project("acme").actor("ann");
    /// log.start(Describe::job("deploy").scope(&scope)).run(|| ());
    /// log.event("deployment").scope(&scope).summary("v3 is live").record();
    /// # Ok(())
    /// # }
    /// ```
    pub fn new() -> Self {
        Scope::default()
    }

    scope_setters!();

    fn scope_mut(&mut self) -> &mut Scope {
        self
    }

    /// Sets everything that `other` names.
    pub(crate) fn set(&mut self, other: &Scope) {
        for (own, set) in self.texts_mut().into_iter().zip(other.texts()) {
            if set.is_some() {
                own.clone_from(set);
            }
        }
    }

    /// Every text, in the order of the fields.
    pub(crate) fn texts(&self) -> [&Option<Text>; 7] {
        [
            &self.project,
            &self.agent,
            &self.actor,
            &self.brand,
            &self.environment,
            &self.session,
            &self.request,
        ]
    }

    /// Every text, in the order of the fields.
    pub(crate) fn texts_mut(&mut self) -> [&mut Option<Text>; 7] {
        [
            &mut self.project,
            &mut self.agent,
            &mut self.actor,
            &mut self.brand,
            &mut self.environment,
            &mut self.session,
            &mut self.request,
        ]
    }

    /// Returns its size in bytes, with its texts.
    pub(crate) fn cost(&self) -> usize {
        let texts = self.texts().into_iter().flatten().map(Text::heap_bytes);
        size_of::<Scope>() + texts.sum::<usize>()
    }

    /// Fills unset fields from the parent's scope.
    pub(crate) fn inherit(&mut self, parent: &Scope) {
        for (own, inherited) in self.texts_mut().into_iter().zip(parent.texts()) {
            if own.is_none() {
                own.clone_from(inherited);
            }
        }
    }
}
