//! The handle for reading a store.

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

/// A handle that reads a store and never writes to it.
///
/// Its methods block: in async code call them in `spawn_blocking`. A reader has a connection of its own: open one per thread.
/// The other methods are those of [`Reader`], which it dereferences to.
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
    /// Opens a reader of the records that this log has committed.
    ///
    /// # Errors
    ///
    /// If the store cannot be read, and for a disabled log, which has none (`is_not_found`).
    pub fn reader(&self) -> Result<ActivityReader> {
        match self.store() {
            Some(store) => {
                let mut reader = ActivityReader::from_store(&**store)?;
                reader.options().clock = self.wall_clock();
                Ok(reader)
            }
            None => Err(Error::new(
                ErrorKind::NotFound,
                "cannot read a disabled log: it has no store",
            )),
        }
    }
}

impl ActivityReader {
    /// Opens the log in this file, or all logs that are forwarded to this PostgreSQL database (`postgres://user@host/database`).
    /// Neither is ever created or changed.
    ///
    /// # Errors
    ///
    /// If there is no log, it is something else, a newer version wrote it, or the database cannot be reached.
    pub fn open(location: impl AsRef<std::path::Path>) -> Result<Self> {
        ActivityReader::from_store(&*crate::store::open(location)?)
    }

    /// Opens a reader of any store.
    ///
    /// # Errors
    ///
    /// If the store cannot be opened.
    pub fn from_store(store: &dyn Store) -> Result<Self> {
        Ok(ActivityReader {
            reader: store.reader()?,
        })
    }

    /// Returns the newest activities that match `filter` after `cursor`, newest first: [`list`](Self::list) of activities.
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

    /// Returns the newest events that match `filter` after `cursor`, newest first: [`list`](Self::list) of events. Free words of
    /// the filter search the type and the summary. Log lines are among them, unless the filter leaves them out
    /// ([`Filter::for_event_list`]).
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

    /// Returns the newest records that match `filter` after `cursor`, newest first. `limit` is clamped to
    /// 1..=[`LARGEST_PAGE`](crate::store::LARGEST_PAGE).
    ///
    /// # Errors
    ///
    /// If the store could not be read, or the filter has a field that such records lack.
    pub fn list<R: Record>(
        &mut self,
        filter: &Filter,
        cursor: Option<Cursor<R>>,
        limit: usize,
    ) -> Result<List<R>> {
        R::source(&mut *self.reader).list(filter, cursor, limit)
    }

    /// Returns the records that match `filter` and were committed after `position`, in commit order. Activities are committed
    /// when they end.
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
    /// let mut position = reader.newest::<EventRecord>()?;
    /// loop {
    ///     let page = reader.after(position, &Filter::default(), 100)?;
    ///     for event in page.records {
    ///         println!("{}", event.event_type);
    ///     }
    ///     position = page.next;
    ///     # break;
    /// }
    /// # Ok::<_, tower_activity::Error>(())
    /// ```
    pub fn after<R: Record>(
        &mut self,
        position: Position<R>,
        filter: &Filter,
        limit: usize,
    ) -> Result<CommitPage<R>> {
        R::source(&mut *self.reader).after(position, filter, limit)
    }

    /// Returns the position of the newest commit, to start following with [`after`](Self::after).
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    pub fn newest<R: Record>(&mut self) -> Result<Position<R>> {
        R::source(&mut *self.reader).newest()
    }

    /// Returns the number of commits after `position`, pruned ones included; 0 for a position in another log.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    pub fn behind<R: Record>(&mut self, position: Position<R>) -> Result<u64> {
        R::source(&mut *self.reader).behind(position)
    }

    /// Returns the activity with this id, if any.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    pub fn activity(&mut self, id: ActivityId) -> Result<Option<ActivityRecord>> {
        self.get::<ActivityRecord>(id)
    }

    /// Returns the record with this id, if any.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    pub fn get<R: Record>(&mut self, id: R::Id) -> Result<Option<R>> {
        R::source(&mut *self.reader).get(id)
    }

    /// Resolves a unique prefix of an activity id: hexadecimal digits; hyphens are ignored.
    ///
    /// # Errors
    ///
    /// If no id has this prefix (`is_not_found`), several have it or the text is not an id prefix (`is_invalid`), or the
    /// store could not be read.
    pub fn find(&mut self, prefix: &str) -> Result<ActivityId> {
        let (first, last) = id_prefix::range(prefix)?;
        let range = ActivityId::from_bytes(first)..=ActivityId::from_bytes(last);
        let ids = self.reader.ids(range, id_prefix::CANDIDATES + 1)?;
        id_prefix::unique("activity", prefix, &ids)
    }

    /// Resolves a unique prefix of a recording id: hexadecimal digits; hyphens are ignored.
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
        id_prefix::unique("recording", prefix, &ids)
    }
}

/// The other methods are those of [`Reader`].
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
