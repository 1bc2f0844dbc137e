//! Assertions on an activity.

use std::{borrow::Cow, time::Duration};

use serde_json::Value;

use crate::{
    record::{ActivityRecord, EventRecord, Kind, Status},
    testing::{AssertOne, record::Record},
};

impl<'a> AssertOne<'a, ActivityRecord> {
    /// Asserts that it failed with this error type.
    #[track_caller]
    pub fn failed(self, error_type: &str) -> Self {
        let found = self.record;
        self.expect(
            found.status == Status::Failed && found.error_type.as_deref() == Some(error_type),
            format_args!("failed ({error_type})"),
            found.outcome(),
        )
    }

    /// Asserts that it panicked.
    #[track_caller]
    pub fn panicked(self) -> Self {
        self.failed("panic")
    }

    /// Asserts that it is abandoned: its log was shut down, or its process died, before it ended.
    #[track_caller]
    pub fn abandoned(self) -> Self {
        self.status(Status::Abandoned)
    }

    /// Asserts the error message.
    #[track_caller]
    pub fn message(self, expected: &str) -> Self {
        self.text("message", expected, self.record.message.as_deref())
    }

    /// Asserts the kind.
    #[track_caller]
    pub fn kind(self, expected: Kind) -> Self {
        let found = self.record.kind;
        self.expect(
            found == expected,
            format_args!("the kind {expected}"),
            found,
        )
    }

    /// Asserts the exact duration: the time by which the manual clock was advanced while it ran.
    #[track_caller]
    pub fn took(self, expected: Duration) -> Self {
        let found = self.record.duration_ns.map(Duration::from_nanos);
        self.expect(
            found == Some(expected),
            format_args!("a duration of {expected:?}"),
            found.map_or(Cow::from("none"), |found| format!("{found:?}").into()),
        )
    }

    /// Asserts the value of an attribute.
    #[track_caller]
    pub fn attribute(self, key: &str, expected: impl Into<Value>) -> Self {
        let (expected, found) = (expected.into(), self.record.attributes.get(key));
        self.expect(
            found == Some(&expected),
            format_args!("the attribute {key:?} to be {expected}"),
            found.map_or(Cow::from("none"), |found| found.to_string().into()),
        )
    }

    /// Asserts the names of its children, in order of start.
    #[track_caller]
    pub fn children<const N: usize>(self, expected: [&str; N]) -> Self {
        let id = self.record.id;
        let found = self.recorded.names(|activity| activity.parent == Some(id));
        self.expect(
            found == expected,
            format_args!("the children {expected:?}"),
            format_args!("{found:?}"),
        )
    }

    /// Asserts that it has exactly one event of this type, and returns it.
    #[track_caller]
    pub fn event(self, event_type: &str) -> AssertOne<'a, EventRecord> {
        let events = self.recorded.all_events(event_type);
        events.under(self.record).one()
    }
}
