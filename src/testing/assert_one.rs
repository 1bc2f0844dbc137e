//! Assertions on one record, an activity or an event.

use std::fmt;

use crate::{
    record::{Scope, Status},
    testing::{LogContents, record::Record},
};

/// A recorded activity or event. Its methods assert its fields, and panic if they differ.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tower_activity::{ActivityLog, Describe, Kind, Outcome};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (log, clock) = ActivityLog::test();
/// let import = log.start(Describe::job("import").project("acme"));
/// import.set("rows", 42);
/// clock.advance(Duration::from_millis(1_500));
/// import.end(Outcome::failed("timeout").with_message("no answer from the upstream"));
///
/// let recorded = log.assert().wait();
/// let import = recorded.one("import").failed("timeout").message("no answer from the upstream");
/// import.kind(Kind::Job).project("acme").attribute("rows", 42).took(Duration::from_millis(1_500));
/// import.top_level().children([]);
/// assert!(import.record().input.is_none());
/// # Ok(())
/// # }
/// ```
pub struct AssertOne<'a, R> {
    pub(super) recorded: &'a LogContents,
    pub(super) record: &'a R,
}

impl<'a, R: Record> AssertOne<'a, R> {
    /// Returns the record, to check fields without an assertion of their own.
    pub fn record(&self) -> &'a R {
        self.record
    }

    /// Asserts that it succeeded.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        self.status(Status::Success)
    }

    /// Asserts that it was cancelled: dropped before it ended, by itself or its caller.
    #[track_caller]
    pub fn cancelled(self) -> Self {
        self.status(Status::Cancelled)
    }

    /// Asserts that it was skipped.
    #[track_caller]
    pub fn skipped(self) -> Self {
        self.status(Status::Skipped)
    }

    /// Asserts that it is running.
    #[track_caller]
    pub fn running(self) -> Self {
        self.status(Status::Running)
    }

    /// Asserts the name of its parent.
    #[track_caller]
    pub fn under(self, name: &str) -> Self {
        let found = self.parent();
        self.expect(
            found == Some(name),
            format_args!("to be under {name:?}"),
            match found {
                Some(found) => format!("it under {found:?}"),
                None => "it at the top level".into(),
            },
        )
    }

    /// Asserts that it has no parent.
    #[track_caller]
    pub fn top_level(self) -> Self {
        let found = self.parent();
        self.expect(
            self.record.parent().is_none(),
            "to be at the top level",
            format_args!("it under {:?}", found.unwrap_or("an unrecorded activity")),
        )
    }

    /// Asserts the project.
    #[track_caller]
    pub fn project(self, expected: &str) -> Self {
        self.scope("project", expected, |scope| scope.project.as_deref())
    }

    /// Asserts the agent.
    #[track_caller]
    pub fn agent(self, expected: &str) -> Self {
        self.scope("agent", expected, |scope| scope.agent.as_deref())
    }

    /// Asserts the actor.
    #[track_caller]
    pub fn actor(self, expected: &str) -> Self {
        self.scope("actor", expected, |scope| scope.actor.as_deref())
    }

    /// Asserts the brand.
    #[track_caller]
    pub fn brand(self, expected: &str) -> Self {
        self.scope("brand", expected, |scope| scope.brand.as_deref())
    }

    /// Asserts the environment.
    #[track_caller]
    pub fn environment(self, expected: &str) -> Self {
        self.scope("environment", expected, |scope| {
            scope.environment.as_deref()
        })
    }

    /// Asserts the session.
    #[track_caller]
    pub fn session(self, expected: &str) -> Self {
        self.scope("session", expected, |scope| scope.session.as_deref())
    }

    /// Asserts the request id.
    #[track_caller]
    pub fn request(self, expected: &str) -> Self {
        self.scope("request", expected, |scope| scope.request.as_deref())
    }

    #[track_caller]
    pub(super) fn status(self, expected: Status) -> Self {
        let found = self.record;
        self.expect(found.status() == expected, expected, found.outcome())
    }

    #[track_caller]
    fn scope(self, what: &str, expected: &str, of: impl FnOnce(&Scope) -> Option<&str>) -> Self {
        self.text(what, expected, of(self.record.scope()))
    }

    /// Asserts a text field.
    #[track_caller]
    pub(super) fn text(self, what: &str, expected: &str, found: Option<&str>) -> Self {
        self.expect(
            found == Some(expected),
            format_args!("the {what} {expected:?}"),
            found.map_or_else(|| "none".into(), |found| format!("{found:?}")),
        )
    }

    /// Panics with the expected and the found value unless `holds`.
    #[track_caller]
    pub(super) fn expect(
        self,
        holds: bool,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        if !holds {
            let name = self.record.name();
            self.recorded.fail(
                format_args!("{} {name:?}: expected {expected}, found {found}", R::ONE),
                Some(R::id_bytes(self.record.id())),
            );
        }
        self
    }

    /// Returns the name of its parent.
    fn parent(&self) -> Option<&'a str> {
        let parent = self.record.parent()?;
        self.recorded.name_of(parent)
    }
}

// Manual: `derive` would require `R: Clone`, which is behind a reference.
impl<R> Clone for AssertOne<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for AssertOne<'_, R> {}

impl<R: fmt::Debug> fmt::Debug for AssertOne<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.fmt(f)
    }
}
