//! The one path around every operation: it is recorded as an activity, and each of its steps as an event.

use tower_activity::{
    ActivityLog, Describe, Event, Outcome,
    record::{Scope, Text},
};

use crate::{Caller, Result};

/// Something that a user does to a project.
pub(crate) struct Operation<'a> {
    log: &'a ActivityLog,
    scope: Scope,
}

impl<'a> Operation<'a> {
    pub(crate) fn new(log: &'a ActivityLog, caller: &Caller, project: &str) -> Self {
        let mut scope = Scope::new()
            .project(project.to_owned())
            .actor(&caller.user)
            .environment("development");
        scope.request = caller.request.as_ref().map(Text::from);
        Operation { log, scope }
    }

    pub(crate) fn environment(mut self, environment: &'static str) -> Self {
        self.scope = self.scope.environment(environment);
        self
    }

    /// Runs it as an activity.
    pub(crate) fn run<T>(&self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let activity = self.log.start(Describe::job(name).scope(&self.scope));
        activity.run_with(work, |result| match result {
            Ok(_) => Outcome::success(),
            Err(error) => Outcome::failed(error.kind()).with_message(error),
        })
    }

    /// Records the result of a step, and returns it. The event has a scope of its own, so that it is complete even if the
    /// activity around it was rejected.
    pub(crate) fn step<T>(
        &self,
        event_type: &'static str,
        result: Result<T>,
        on_success: impl FnOnce(Event, &T) -> Event,
    ) -> Result<T> {
        let event = self.log.event(event_type).scope(&self.scope);
        event.result_with(&result, on_success).record();
        result
    }
}
