//! Assertions on several records.

use std::fmt;

use crate::{
    record::{ActivityRecord, EventRecord},
    testing::{AssertOne, LogContents, record::Record},
};

/// The activities of one name, or the events of one type.
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityLog, Describe, Outcome};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (log, _clock) = ActivityLog::test();
/// log.start(Describe::tool("fetch")).end(Outcome::failed("timeout"));
/// log.start(Describe::tool("fetch")).end(Outcome::success());
///
/// let recorded = log.assert().wait();
/// let fetches = recorded.all("fetch").count(2);
/// fetches.nth(0).failed("timeout");
/// fetches.nth(1).succeeded();
/// # Ok(())
/// # }
/// ```
pub struct AssertAll<'a, R> {
    recorded: &'a LogContents,
    /// A description for messages: `"login"`.
    what: String,
    records: Vec<&'a R>,
}

impl LogContents {
    /// Asserts that there is exactly one activity with this name, and returns it.
    #[track_caller]
    pub fn one(&self, name: &str) -> AssertOne<'_, ActivityRecord> {
        self.all(name).one()
    }

    /// Returns the activities with this name, in order of start.
    pub fn all(&self, name: &str) -> AssertAll<'_, ActivityRecord> {
        AssertAll::new(self, &self.activities, name)
    }

    /// Asserts that there is no activity with this name.
    #[track_caller]
    pub fn none(&self, name: &str) -> &Self {
        self.all(name).count(0);
        self
    }

    /// Asserts the number of all activities.
    #[track_caller]
    pub fn count(&self, expected: usize) -> &Self {
        AssertAll::everything(self, &self.activities).count(expected);
        self
    }

    /// Asserts that there is exactly one event of this type, and returns it.
    #[track_caller]
    pub fn event(&self, event_type: &str) -> AssertOne<'_, EventRecord> {
        self.all_events(event_type).one()
    }

    /// Returns the events of this type, in order of time.
    pub fn all_events(&self, event_type: &str) -> AssertAll<'_, EventRecord> {
        AssertAll::new(self, &self.events, event_type)
    }

    /// Asserts that there is no event of this type.
    #[track_caller]
    pub fn no_event(&self, event_type: &str) -> &Self {
        self.all_events(event_type).count(0);
        self
    }
}

impl<'a, R: Record> AssertAll<'a, R> {
    fn new(recorded: &'a LogContents, of: &'a [R], name: &str) -> Self {
        let mut named = AssertAll::everything(recorded, of);
        named.records.retain(|record| record.name() == name);
        named.what = format!("{name:?}");
        named
    }

    fn everything(recorded: &'a LogContents, of: &'a [R]) -> Self {
        AssertAll {
            recorded,
            what: "in all".to_owned(),
            records: of.iter().collect(),
        }
    }

    /// Asserts the number of records.
    #[track_caller]
    pub fn count(self, expected: usize) -> Self {
        let found = self.records.len();
        if found != expected {
            let many = if expected == 1 { R::ONE } else { R::MANY };
            let what = &self.what;
            self.recorded.fail(
                format_args!("expected {expected} {many} {what}, found {found}"),
                None,
            );
        }
        self
    }

    /// Returns the record at an index, counted from 0.
    ///
    /// # Panics
    ///
    /// If there are not as many.
    #[track_caller]
    pub fn nth(&self, index: usize) -> AssertOne<'a, R> {
        let Some(record) = self.records.get(index) else {
            let (what, found) = (&self.what, self.records.len());
            self.recorded.fail(
                format_args!(
                    "expected {} {what} at index {index}, found {found} in all",
                    R::ONE
                ),
                None,
            );
        };
        AssertOne {
            recorded: self.recorded,
            record,
        }
    }

    /// Restricts the records to children of this activity.
    pub(super) fn under(mut self, parent: &ActivityRecord) -> Self {
        self.records
            .retain(|record| record.parent() == Some(parent.id));
        self.what.push_str(&format!(" under {:?}", parent.name));
        self
    }

    #[track_caller]
    pub(super) fn one(self) -> AssertOne<'a, R> {
        self.count(1).nth(0)
    }
}

impl<R: fmt::Debug> fmt::Debug for AssertAll<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.records.fmt(f)
    }
}
