//! What should hold for one record, be it an activity or an event.

use std::fmt;

use crate::{
    record::{Scope, Status},
    testing::{LogContents, record::Record},
};

/// One activity or event that is on record. Its methods say what should hold for it, and panic where that does not.
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
    /// The record itself, for all that is not said here.
    pub fn record(&self) -> &'a R {
        self.record
    }

    /// It ended as it should.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        self.status(Status::Success)
    }

    /// It, or its caller, went away before it ended.
    #[track_caller]
    pub fn cancelled(self) -> Self {
        self.status(Status::Cancelled)
    }

    /// There was nothing to do.
    #[track_caller]
    pub fn skipped(self) -> Self {
        self.status(Status::Skipped)
    }

    /// It has not ended.
    #[track_caller]
    pub fn running(self) -> Self {
        self.status(Status::Running)
    }

    /// It is directly inside of an activity of this name.
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

    /// It is inside of no activity.
    #[track_caller]
    pub fn top_level(self) -> Self {
        let found = self.parent();
        self.expect(
            self.record.parent().is_none(),
            "to be at the top level",
            format_args!("it under {:?}", found.unwrap_or("an unrecorded activity")),
        )
    }

    /// It belongs to this project.
    #[track_caller]
    pub fn project(self, expected: &str) -> Self {
        self.scope("project", expected, |scope| scope.project.as_deref())
    }

    /// This agent asked for it.
    #[track_caller]
    pub fn agent(self, expected: &str) -> Self {
        self.scope("agent", expected, |scope| scope.agent.as_deref())
    }

    /// It ran on behalf of this user.
    #[track_caller]
    pub fn actor(self, expected: &str) -> Self {
        self.scope("actor", expected, |scope| scope.actor.as_deref())
    }

    /// It is for this site or product.
    #[track_caller]
    pub fn brand(self, expected: &str) -> Self {
        self.scope("brand", expected, |scope| scope.brand.as_deref())
    }

    /// It ran in this environment.
    #[track_caller]
    pub fn environment(self, expected: &str) -> Self {
        self.scope("environment", expected, |scope| {
            scope.environment.as_deref()
        })
    }

    /// It belongs to this session or conversation of the client.
    #[track_caller]
    pub fn session(self, expected: &str) -> Self {
        self.scope("session", expected, |scope| scope.session.as_deref())
    }

    /// The client's request had this id.
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

    /// A text that it should have.
    #[track_caller]
    pub(super) fn text(self, what: &str, expected: &str, found: Option<&str>) -> Self {
        self.expect(
            found == Some(expected),
            format_args!("the {what} {expected:?}"),
            found.map_or_else(|| "none".into(), |found| format!("{found:?}")),
        )
    }

    /// Goes on where it holds; else panics with what was expected and what was found.
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

    /// The name of the activity that it is inside of.
    fn parent(&self) -> Option<&'a str> {
        let parent = self.record.parent()?;
        self.recorded.name_of(parent)
    }
}

// By hand: `derive` would ask it of `R`, which is behind a reference.
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
