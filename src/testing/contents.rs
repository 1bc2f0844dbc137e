//! The contents of a log, and assertions on them.

use crate::{
    error::{ErrorKind, Result},
    log::ActivityLog,
    query::ActivityReader,
    record::{ActivityId, ActivityRecord, EventRecord, Filter},
    store::{self, LARGEST_PAGE},
};

/// All records of a log when [`ActivityLog::assert`] read it.
///
/// Its methods panic if an assertion fails. `Display` draws the records as a tree, also for snapshot tests.
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityLog, Describe};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (log, _clock) = ActivityLog::test();
/// log.start(Describe::job("import")).run(|| {
///     log.start(Describe::job("page")).run(|| ());
///     log.start(Describe::job("page")).run(|| ());
///     log.event("file_read").record();
/// });
/// let recorded = log.assert().await;
/// recorded.count(3).roots(["import"]);
/// recorded.all("page").count(2);
/// recorded.event("file_read").succeeded().under("import");
/// assert_eq!(
///     recorded.to_string(),
///     "import   success  0ns\n\
///      ├─ page  success  0ns\n\
///      └─ page  success  0ns\n\
///      \n\
///      events:\n\
///      file_read  success  in import\n",
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct LogContents {
    /// In order of start.
    pub(super) activities: Vec<ActivityRecord>,
    /// In order of time.
    pub(super) events: Vec<EventRecord>,
}

impl LogContents {
    /// Reads all records of a flushed log.
    #[track_caller]
    pub(super) fn read(log: &ActivityLog, flushed: Result<()>) -> Self {
        // A log that was shut down has committed its records, and can still be read.
        let flushed = flushed.or_else(|error| match error.kind() {
            ErrorKind::Closed => Ok(()),
            _ => Err(error),
        });
        match flushed.and_then(|()| LogContents::read_all(log)) {
            Ok(recorded) => recorded,
            Err(error) => panic!("cannot read the log: {error:?}"),
        }
    }

    fn read_all(log: &ActivityLog) -> Result<Self> {
        if log.store().is_none() {
            return Ok(LogContents {
                activities: Vec::new(),
                events: Vec::new(),
            });
        }
        let mut reader = log.reader()?;
        Ok(LogContents {
            activities: all(&mut reader)?,
            events: all(&mut reader)?,
        })
    }

    /// Returns the activities, in order of start.
    pub fn activities(&self) -> &[ActivityRecord] {
        &self.activities
    }

    /// Returns the events, in order of time.
    pub fn events(&self) -> &[EventRecord] {
        &self.events
    }

    /// Asserts the names of the activities without a parent, in order of start.
    #[track_caller]
    pub fn roots<const N: usize>(&self, expected: [&str; N]) -> &Self {
        let found = self.names(|activity| activity.parent.is_none());
        if found != expected {
            self.fail(
                format_args!("expected the roots {expected:?}, found {found:?}"),
                None,
            );
        }
        self
    }

    /// Returns the names of the activities that satisfy a predicate, in order of start.
    pub(super) fn names(&self, of: impl Fn(&ActivityRecord) -> bool) -> Vec<&str> {
        let activities = self.activities.iter().filter(|activity| of(activity));
        activities.map(|one| one.name.as_str()).collect()
    }

    /// Returns the name of a recorded activity.
    pub(super) fn name_of(&self, id: ActivityId) -> Option<&str> {
        let mut activities = self.activities.iter();
        activities
            .find(|one| one.id == id)
            .map(|one| one.name.as_str())
    }

    /// Panics with a message and all records, and marks one of them.
    #[track_caller]
    pub(super) fn fail(&self, what: std::fmt::Arguments<'_>, here: Option<[u8; 16]>) -> ! {
        let drawn = self.draw(here);
        let drawn = drawn
            .trim_end()
            .replace('\n', "\n  ")
            .replace("\n  \n", "\n\n");
        panic!("{what}\n\non record:\n  {drawn}");
    }
}

/// Reads all records, in order of time.
fn all<R: store::Record>(reader: &mut ActivityReader) -> Result<Vec<R>> {
    let (mut records, mut cursor) = (Vec::new(), None);
    loop {
        let page = reader.list(&Filter::default(), cursor, LARGEST_PAGE)?;
        records.extend(page.records);
        cursor = page.next;
        if cursor.is_none() {
            // Lists start with the newest.
            records.reverse();
            return Ok(records);
        }
    }
}
