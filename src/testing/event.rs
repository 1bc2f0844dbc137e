//! Assertions on an event.

use std::borrow::Cow;

use serde_json::Value;

use crate::{
    record::{EventRecord, Status},
    testing::AssertOne,
};

impl AssertOne<'_, EventRecord> {
    /// Asserts that its status is failed.
    #[track_caller]
    pub fn failed(self) -> Self {
        self.status(Status::Failed)
    }

    /// Asserts the summary.
    #[track_caller]
    pub fn summary(self, expected: &str) -> Self {
        self.text("summary", expected, self.record.summary.as_deref())
    }

    /// Asserts the reference.
    #[track_caller]
    pub fn reference(self, expected: &str) -> Self {
        self.text("reference", expected, self.record.reference.as_deref())
    }

    /// Asserts the number of items it covers.
    #[track_caller]
    pub fn count(self, expected: u64) -> Self {
        let found = self.record.count;
        self.expect(
            found == expected,
            format_args!("the count {expected}"),
            found,
        )
    }

    /// Asserts the data.
    #[track_caller]
    pub fn data(self, expected: impl Into<Value>) -> Self {
        let (expected, found) = (expected.into(), self.record.data.as_ref());
        self.expect(
            found == Some(&expected),
            format_args!("the data {expected}"),
            found.map_or(Cow::from("none"), |found| found.to_string().into()),
        )
    }
}
