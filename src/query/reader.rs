//! The handle of programs that read.

use std::{fmt, ops::RangeInclusive};

use crate::{
    error::{Error, ErrorKind, Result},
    log::ActivityLog,
    record::{ActivityId, ActivityRecord, EventRecord, Filter},
    store::{Cursor, EventPage, Followed, FollowedEvents, Health, Page, Reader, Store},
};

/// A handle that answers questions about a store, and never writes to it.
///
/// Its methods are synchronous; under an async runtime they belong into `spawn_blocking`. A reader has a
/// connection of its own: open one per thread that asks.
///
/// # Examples
///
/// ```no_run
/// use chrono::Utc;
/// use tower_activity::{query::ActivityReader, record::Filter};
///
/// let mut reader = ActivityReader::open("activity.db")?;
/// let failed = Filter::parse("status:failed since:24h", Utc::now())?;
/// for activity in reader.page(&failed, None, 50)?.activities {
///     println!("{} {}", activity.name, activity.started_at);
/// }
/// # Ok::<_, tower_activity::Error>(())
/// ```
pub struct ActivityReader {
    pub(super) reader: Box<dyn Reader>,
}

impl ActivityLog {
    /// Opens a handle that reads what this log has committed.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, and for a disabled log, which has none.
    pub fn reader(&self) -> Result<ActivityReader> {
        match self.store() {
            Some(store) => ActivityReader::of(&**store),
            None => Err(Error::new(
                ErrorKind::NotFound,
                "a disabled log has nothing to read",
            )),
        }
    }
}

impl ActivityReader {
    /// Reads the log in this file. It is never made or changed.
    ///
    /// # Errors
    ///
    /// When there is no file, it is not a log, or a newer version wrote it.
    #[cfg(feature = "sqlite")]
    pub fn open(path: impl AsRef<std::path::Path>) -> Result<Self> {
        ActivityReader::of(&crate::store::sqlite::SqliteStore::at(path)?)
    }

    /// Reads from any store.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached or is not a store.
    pub fn of(store: &dyn Store) -> Result<Self> {
        Ok(ActivityReader {
            reader: store.reader()?,
        })
    }

    /// The newest activities that `filter` means, newest first, beginning after `cursor`. At least one and
    /// at most [`LARGEST_PAGE`](crate::store::LARGEST_PAGE) of them.
    ///
    /// # Errors
    ///
    /// When the store could not be read, or the filter asks for what activities do not have (`type:`).
    pub fn page(&mut self, filter: &Filter, cursor: Option<Cursor>, limit: usize) -> Result<Page> {
        self.reader.page(filter, cursor, limit)
    }

    /// The ended activities that were committed after `seq` and that `filter` means, in order of commits.
    ///
    /// # Errors
    ///
    /// When the store could not be read, or the filter asks for what activities do not have (`type:`).
    pub fn after(&mut self, seq: i64, filter: &Filter, limit: usize) -> Result<Followed> {
        self.reader.after(seq, filter, limit)
    }

    /// The place of the newest commit: where to begin with [`after`](ActivityReader::after).
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn newest_seq(&mut self) -> Result<i64> {
        self.reader.newest_seq()
    }

    /// One activity; `None` where there is none with this id.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn activity(&mut self, id: ActivityId) -> Result<Option<ActivityRecord>> {
        self.reader.activity(id)
    }

    /// The one activity whose id begins with these hexadecimal digits; hyphens are passed over.
    ///
    /// # Errors
    ///
    /// When no id begins so (`is_not_found`), when several do or the text is no part of an id
    /// (`is_invalid`), and when the store could not be read.
    pub fn find(&mut self, prefix: &str) -> Result<ActivityId> {
        let ids = self.reader.ids(beginning_with(prefix)?, CANDIDATES + 1)?;
        match ids.as_slice() {
            [] => Err(Error::new(
                ErrorKind::NotFound,
                format!("could not find an activity whose id begins with {prefix:?}"),
            )),
            [id] => Ok(*id),
            several => {
                let more = if several.len() > CANDIDATES {
                    ", .."
                } else {
                    ""
                };
                let some: Vec<_> = several
                    .iter()
                    .take(CANDIDATES)
                    .map(ToString::to_string)
                    .collect();
                let some = some.join(", ");
                Err(Error::invalid(format!(
                    "several ids begin with {prefix:?}: {some}{more}"
                )))
            }
        }
    }

    /// Every activity of the tree that grows from `root`, itself included, in order of start.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn tree(&mut self, root: ActivityId) -> Result<Vec<ActivityRecord>> {
        self.reader.tree(root)
    }

    /// The newest events that `filter` means, newest first, beginning after `cursor`. At least one and at most
    /// [`LARGEST_PAGE`](crate::store::LARGEST_PAGE) of them. Words are looked for in the type and the summary.
    ///
    /// # Errors
    ///
    /// When the store could not be read, or the filter asks for what events do not have (`kind:`, `name:`,
    /// `error:`, `duration:`).
    pub fn events(
        &mut self,
        filter: &Filter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<EventPage> {
        self.reader.events(filter, cursor, limit)
    }

    /// The events that were committed after `seq` and that `filter` means, in order of commits.
    ///
    /// # Errors
    ///
    /// When the store could not be read, or the filter asks for what events do not have.
    pub fn events_after(
        &mut self,
        seq: i64,
        filter: &Filter,
        limit: usize,
    ) -> Result<FollowedEvents> {
        self.reader.events_after(seq, filter, limit)
    }

    /// The place of the newest commit of an event: where to begin with
    /// [`events_after`](ActivityReader::events_after).
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn newest_event_seq(&mut self) -> Result<i64> {
        self.reader.newest_event_seq()
    }

    /// The events that happened inside of an activity, oldest first; where there are more, the newest `limit`.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn events_of(&mut self, activity: ActivityId, limit: usize) -> Result<Vec<EventRecord>> {
        self.reader.events_of(activity, limit)
    }

    /// How the store stands, from what is quick to read.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn health(&mut self) -> Result<Health> {
        self.reader.health()
    }

    /// Reads all of the store and says what is damaged; empty where nothing is.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn damages(&mut self) -> Result<Vec<String>> {
        self.reader.damages()
    }
}

impl fmt::Debug for ActivityReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityReader").finish_non_exhaustive()
    }
}

/// How many ids are named when a prefix is not enough.
const CANDIDATES: usize = 5;

/// The ids that begin with these digits.
fn beginning_with(prefix: &str) -> Result<RangeInclusive<ActivityId>> {
    let digits: Option<Vec<u8>> = prefix
        .chars()
        .filter(|c| *c != '-')
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits.filter(|digits| (1..=32).contains(&digits.len()));
    let digits = digits.ok_or_else(|| {
        Error::invalid(format!(
            "{prefix:?} is not the beginning of an activity's id"
        ))
    })?;
    let filled = |with: u8| {
        let mut bytes = [0; 16];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let half = |at: usize| digits.get(at).copied().unwrap_or(with);
            *byte = half(2 * index) << 4 | half(2 * index + 1);
        }
        ActivityId::from_bytes(bytes)
    };
    Ok(filled(0x0)..=filled(0xf))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortened_id_is_a_range() {
        let check = |prefix: &str, expected: Option<(&str, &str)>| {
            let range = beginning_with(prefix).ok();
            let range = range.map(|range| (range.start().to_string(), range.end().to_string()));
            let expected = expected.map(|(first, last)| (first.to_owned(), last.to_owned()));
            assert_eq!(range, expected, "{prefix}");
        };
        check(
            "0199E5a",
            Some((
                "0199e5a0-0000-0000-0000-000000000000",
                "0199e5af-ffff-ffff-ffff-ffffffffffff",
            )),
        );
        let whole = "0199e5a2-7c00-7000-8000-000000000000";
        check(whole, Some((whole, whole)));
        check("", None);
        check("-", None);
        check("xyz", None);
        check(&"0".repeat(33), None);
    }
}
