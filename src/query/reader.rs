//! The handle of programs that read.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};

use crate::{
    error::{Error, ErrorKind, Result},
    log::ActivityLog,
    query::prefix,
    record::{
        ActivityId, ActivityRecord, ChunkRecord, EventRecord, Filter, RecordingId, RecordingRecord,
    },
    store::{
        Check, Cursor, EventPage, Followed, FollowedEvents, Health, Page, Reader, Retention, Store,
        TreePage,
    },
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
            Some(store) => {
                let mut reader = ActivityReader::of(&**store)?;
                reader.reader.use_clock(self.wall_clock());
                Ok(reader)
            }
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

    /// Has questions from now on stop with an error ([`is_timeout`](Error::is_timeout)) once `stop` says so: whoever asked
    /// has waited long enough, or has gone. It is asked every few microseconds while a question is answered.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::{Duration, Instant};
    /// use tower_activity::query::ActivityReader;
    ///
    /// let mut reader = ActivityReader::open("activity.db")?;
    /// let end = Instant::now() + Duration::from_secs(5);
    /// reader.stop_when(move || Instant::now() >= end);
    /// # Ok::<_, tower_activity::Error>(())
    /// ```
    pub fn stop_when(&mut self, stop: impl Fn() -> bool + Send + Sync + 'static) {
        self.reader.stop_when(Some(Arc::new(stop)));
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
        let (first, last) = prefix::range(prefix)?;
        let range = ActivityId::from_bytes(first)..=ActivityId::from_bytes(last);
        let ids = self.reader.ids(range, prefix::CANDIDATES + 1)?;
        prefix::the_one("an activity", prefix, &ids)
    }

    /// Every activity of the tree that grows from `root`, itself included, in order of start.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn tree(&mut self, root: ActivityId) -> Result<Vec<ActivityRecord>> {
        self.reader.tree(root)
    }

    /// Those activities of the tree that grows from `root` that `filter` means, itself included, in order of start: at
    /// least one and at most [`LARGEST_PAGE`](crate::store::LARGEST_PAGE) of them, beginning after `cursor`. A tree may have
    /// tens of thousands.
    ///
    /// # Errors
    ///
    /// When the store could not be read, or the filter asks for what activities do not have (`type:`).
    pub fn tree_page(
        &mut self,
        root: ActivityId,
        filter: &Filter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<TreePage> {
        self.reader.tree_page(root, filter, cursor, limit)
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

    /// The recordings that are linked to an activity, in order of their begins.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn recordings_of(&mut self, activity: ActivityId) -> Result<Vec<RecordingRecord>> {
        self.reader.recordings_of(activity)
    }

    /// One recording; `None` where there is none with this id.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn recording(&mut self, id: RecordingId) -> Result<Option<RecordingRecord>> {
        self.reader.recording(id)
    }

    /// The one recording whose id begins with these hexadecimal digits; hyphens are passed over.
    ///
    /// # Errors
    ///
    /// As for [`find`](Self::find).
    pub fn find_recording(&mut self, prefix: &str) -> Result<RecordingId> {
        let (first, last) = prefix::range(prefix)?;
        let range = RecordingId::from_bytes(first)..=RecordingId::from_bytes(last);
        let ids = self.reader.recording_ids(range, prefix::CANDIDATES + 1)?;
        prefix::the_one("a recording", prefix, &ids)
    }

    /// The chunks of a recording from this number on, in order, as they are stored: at least one and at most
    /// [`LARGEST_PAGE`](crate::store::LARGEST_PAGE).
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn chunks(
        &mut self,
        recording: RecordingId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<ChunkRecord>> {
        self.reader.chunks(recording, from, limit)
    }

    /// Has the reader take this for its wall clock from now on, in place of the system's.
    pub fn use_clock(&mut self, clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) {
        self.reader.use_clock(Some(Arc::new(clock)));
    }

    /// The present: the later of the reader's wall clock and the store's own clock, see
    /// [`Reader::present`](crate::store::Reader::present).
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn present(&mut self) -> Result<DateTime<Utc>> {
        self.reader.present()
    }

    /// The limits that were set for the store. Other kinds have the limits of
    /// [`Retention::DEFAULT`](crate::store::Retention::DEFAULT).
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn retention(&mut self) -> Result<Retention> {
        self.reader.retention()
    }

    /// How the store stands, from what is quick to read.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn health(&mut self) -> Result<Health> {
        self.reader.health()
    }

    /// Compares what was committed with what is there: the ledger and the lock files with the rows, the sums with the
    /// activities. It reads all rows, and tells now and then how far it is (0 to 1).
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn check(&mut self, told: &mut dyn FnMut(f64)) -> Result<Check> {
        self.reader.check(told)
    }

    /// Reads all of the store and says what is damaged: pages, indexes, the index for searching, views; empty where
    /// nothing is.
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
