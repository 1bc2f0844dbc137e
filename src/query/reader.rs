//! The handle of programs that read.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use crate::{
    error::{Error, ErrorKind, Result},
    log::ActivityLog,
    query::id_prefix,
    record::{ActivityId, ActivityRecord, EventRecord, Filter, RecordingId},
    store::{CommitPage, Cursor, List, Position, Reader, Record, Store},
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
/// for activity in reader.page(&failed, None, 50)?.records {
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
                let mut reader = ActivityReader::from_store(&**store)?;
                reader.options().clock = self.wall_clock();
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
        ActivityReader::from_store(&crate::store::sqlite::SqliteStore::new(path)?)
    }

    /// Reads from any store.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached or is not a store.
    pub fn from_store(store: &dyn Store) -> Result<Self> {
        Ok(ActivityReader {
            reader: store.reader()?,
        })
    }

    /// The newest activities that `filter` means, newest first, beginning after `cursor`: [`list`](Self::list) of
    /// activities.
    ///
    /// # Errors
    ///
    /// As for [`list`](Self::list).
    pub fn page(
        &mut self,
        filter: &Filter,
        cursor: Option<Cursor<ActivityRecord>>,
        limit: usize,
    ) -> Result<List<ActivityRecord>> {
        self.list(filter, cursor, limit)
    }

    /// The newest events that `filter` means, newest first, beginning after `cursor`: [`list`](Self::list) of events. Words
    /// are looked for in the type and the summary.
    ///
    /// # Errors
    ///
    /// As for [`list`](Self::list).
    pub fn events(
        &mut self,
        filter: &Filter,
        cursor: Option<Cursor<EventRecord>>,
        limit: usize,
    ) -> Result<List<EventRecord>> {
        self.list(filter, cursor, limit)
    }

    /// The newest records that `filter` means, newest first, beginning after `cursor`. At least one and at most
    /// [`LARGEST_PAGE`](crate::store::LARGEST_PAGE) of them.
    ///
    /// # Errors
    ///
    /// When the store could not be read, or the filter asks for what such records do not have.
    pub fn list<R: Record>(
        &mut self,
        filter: &Filter,
        cursor: Option<Cursor<R>>,
        limit: usize,
    ) -> Result<List<R>> {
        R::source(&mut *self.reader).list(filter, cursor, limit)
    }

    /// The records that were committed after a place and that `filter` means, in the order of commits. Activities are
    /// committed when they have ended.
    ///
    /// # Errors
    ///
    /// As for [`list`](Self::list).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use tower_activity::{query::ActivityReader, record::{EventRecord, Filter}};
    ///
    /// let mut reader = ActivityReader::open("activity.db")?;
    /// let mut place = reader.newest::<EventRecord>()?;
    /// loop {
    ///     let news = reader.after(place, &Filter::default(), 100)?;
    ///     for event in news.records {
    ///         println!("{}", event.event_type);
    ///     }
    ///     place = news.next;
    ///     # break;
    /// }
    /// # Ok::<_, tower_activity::Error>(())
    /// ```
    pub fn after<R: Record>(
        &mut self,
        place: Position<R>,
        filter: &Filter,
        limit: usize,
    ) -> Result<CommitPage<R>> {
        R::source(&mut *self.reader).after(place, filter, limit)
    }

    /// The place of the newest commit: where to begin with [`after`](Self::after).
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn newest<R: Record>(&mut self) -> Result<Position<R>> {
        R::source(&mut *self.reader).newest()
    }

    /// One activity; `None` where there is none with this id.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn activity(&mut self, id: ActivityId) -> Result<Option<ActivityRecord>> {
        self.get::<ActivityRecord>(id)
    }

    /// One record; `None` where there is none with this id.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    pub fn get<R: Record>(&mut self, id: R::Id) -> Result<Option<R>> {
        R::source(&mut *self.reader).get(id)
    }

    /// The one activity whose id begins with these hexadecimal digits; hyphens are passed over.
    ///
    /// # Errors
    ///
    /// When no id begins so (`is_not_found`), when several do or the text is no part of an id
    /// (`is_invalid`), and when the store could not be read.
    pub fn find(&mut self, prefix: &str) -> Result<ActivityId> {
        let (first, last) = id_prefix::range(prefix)?;
        let range = ActivityId::from_bytes(first)..=ActivityId::from_bytes(last);
        let ids = self.reader.ids(range, id_prefix::CANDIDATES + 1)?;
        id_prefix::unique("an activity", prefix, &ids)
    }

    /// The one recording whose id begins with these hexadecimal digits; hyphens are passed over.
    ///
    /// # Errors
    ///
    /// As for [`find`](Self::find).
    pub fn find_recording(&mut self, prefix: &str) -> Result<RecordingId> {
        let (first, last) = id_prefix::range(prefix)?;
        let range = RecordingId::from_bytes(first)..=RecordingId::from_bytes(last);
        let ids = self
            .reader
            .recording_ids(range, id_prefix::CANDIDATES + 1)?;
        id_prefix::unique("a recording", prefix, &ids)
    }
}

/// The other questions are those of [`Reader`].
impl Deref for ActivityReader {
    type Target = dyn Reader;

    fn deref(&self) -> &Self::Target {
        &*self.reader
    }
}

impl DerefMut for ActivityReader {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.reader
    }
}

impl fmt::Debug for ActivityReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityReader").finish_non_exhaustive()
    }
}
