//! The one path around every operation: what it does is on record, and it goes on whatever becomes of the record.

use serde_json::Value;
use tower_activity::{ActivityLog, Describe, Outcome, Status};

use crate::{Caller, Result};

/// Something that a user does to a project.
pub(crate) struct Operation<'a> {
    log: &'a ActivityLog,
    caller: &'a Caller,
    project: &'a str,
    environment: &'static str,
}

/// What is said of a step that succeeded.
pub(crate) struct Said {
    pub(crate) summary: String,
    pub(crate) count: usize,
    pub(crate) details: Value,
}

impl Said {
    /// Of one thing.
    pub(crate) fn of(summary: String, details: Value) -> Self {
        Said {
            summary,
            count: 1,
            details,
        }
    }
}

impl<'a> Operation<'a> {
    pub(crate) fn new(log: &'a ActivityLog, caller: &'a Caller, project: &'a str) -> Self {
        Operation {
            log,
            caller,
            project,
            environment: "development",
        }
    }

    pub(crate) fn environment(mut self, environment: &'static str) -> Self {
        self.environment = environment;
        self
    }

    /// Does it, as an activity.
    pub(crate) fn run<T>(&self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut describe = Describe::job(name)
            .project(self.project.to_owned())
            .actor(self.caller.user.clone())
            .environment(self.environment);
        if let Some(request) = &self.caller.request {
            describe = describe.request(request.clone());
        }
        let mut running = self.log.start(describe);
        let result = running.enter(work);
        running.end(match &result {
            Ok(_) => Outcome::success(),
            Err(error) => Outcome::failed(error.sort()).with_message(error.to_string()),
        });
        result
    }

    /// Puts on record what came of a step, and gives it back. Its scope is its own, so that it is whole also when there
    /// was no room for the activity around it.
    pub(crate) fn step<T>(
        &self,
        event_type: &'static str,
        result: Result<T>,
        said: impl FnOnce(&T) -> Said,
    ) -> Result<T> {
        let mut event = self
            .log
            .event(event_type)
            .project(self.project.to_owned())
            .actor(self.caller.user.clone())
            .environment(self.environment);
        if let Some(request) = &self.caller.request {
            event = event.request(request.clone());
        }
        event = match &result {
            Ok(done) => {
                let said = said(done);
                let count = u64::try_from(said.count).unwrap_or(u64::MAX);
                event.summary(said.summary).count(count).data(said.details)
            }
            Err(error) => event.status(Status::Failed).summary(error.to_string()),
        };
        event.record();
        result
    }
}
