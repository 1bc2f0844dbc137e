//! The table `mark`: numbers that a file keeps of itself, by name.
//!
//! Nothing else names the table, but for statements that read a mark within a larger query and the triggers that count the
//! bytes of recordings.

use std::borrow::Cow;

use rusqlite::{Connection, OptionalExtension, params};

const GET: &str = "SELECT value FROM mark WHERE name = ?1";
const SET: &str = "INSERT INTO mark (name, value) VALUES (?1, ?2) \
     ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const ADD: &str = "INSERT INTO mark (name, value) VALUES (?1, ?2) \
     ON CONFLICT (name) DO UPDATE SET value = value + excluded.value";
const RAISE: &str = "INSERT INTO mark (name, value) VALUES (?1, ?2) \
     ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)";
const INSERT_IF_ABSENT: &str = "INSERT OR IGNORE INTO mark (name, value) VALUES (?1, ?2)";
const CLEAR: &str = "DELETE FROM mark WHERE name = ?1";
const COMPLETE_FROM: &str = "SELECT coalesce(max(value), ?1) FROM mark WHERE name IN ('sums_deleted', 'complete_from', 'sums_from')";
const COMMIT_ORDER: &str = "SELECT coalesce((SELECT value FROM mark WHERE name = 'order'), \
     (SELECT value FROM mark WHERE name = 'file'), 0)";
/// What is only promised, by less than half of ?1: see `write::commit_order`.
pub(in crate::store::sqlite) const HAS_PENDING: &str = "SELECT EXISTS (SELECT 1 FROM mark WHERE value < ?1 / 2 \
     AND (name LIKE 'activities after %' OR name LIKE 'events after %'))";
pub(in crate::store::sqlite) const SETTLE_PENDING: &str = "UPDATE mark SET value = value - ?1 WHERE value < ?1 / 2 \
     AND (name LIKE 'activities after %' OR name LIKE 'events after %')";

/// A number that a file keeps of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MetaKey {
    /// The last seq that the index has.
    IndexedActivities,
    IndexedEvents,
    /// Bytes of the rows that the index has.
    ActivityBytes,
    PreviewBytes,
    EventBytes,
    /// Bytes of all chunks, counted by triggers.
    RecordingBytes,
    /// The seq of a recording that is half deleted.
    HalfDeletedRecording,
    /// The first quarter whose sums were not deleted.
    SumsDeleted,
    /// How often texts were deleted from the dictionary.
    EraseEpoch,
    /// The number of the file, which copies share.
    FileNumber,
    /// Whether rows of the file with this number are counted as missing.
    MissingCountedOf(i64),
    /// The id of the order of commits, where it is not that of the file.
    CommitOrder,
    /// Where activities go on of which the order with this id had some.
    ActivitiesContinueAfter(i64),
    EventsContinueAfter(i64),
}

impl MetaKey {
    /// Its value; `None` before it is first set.
    pub(crate) fn get(self, connection: &Connection) -> rusqlite::Result<Option<i64>> {
        let mut get = connection.prepare_cached(GET)?;
        get.query_row([self.name()], |row| row.get(0)).optional()
    }

    /// Sets it.
    pub(crate) fn set(self, connection: &Connection, value: i64) -> rusqlite::Result<()> {
        self.write(connection, SET, value).map(drop)
    }

    /// Adds to it. It begins at 0.
    pub(crate) fn add(self, connection: &Connection, value: i64) -> rusqlite::Result<()> {
        self.write(connection, ADD, value).map(drop)
    }

    /// Sets it where it is smaller.
    pub(crate) fn raise(self, connection: &Connection, value: i64) -> rusqlite::Result<()> {
        self.write(connection, RAISE, value).map(drop)
    }

    /// Sets it where it is not set. True where it was not.
    pub(crate) fn insert_if_absent(
        self,
        connection: &Connection,
        value: i64,
    ) -> rusqlite::Result<bool> {
        Ok(self.write(connection, INSERT_IF_ABSENT, value)? > 0)
    }

    /// Removes it.
    pub(crate) fn clear(self, connection: &Connection) -> rusqlite::Result<()> {
        let mut clear = connection.prepare_cached(CLEAR)?;
        clear.execute([self.name()]).map(drop)
    }

    fn write(self, connection: &Connection, sql: &str, value: i64) -> rusqlite::Result<usize> {
        let mut write = connection.prepare_cached(sql)?;
        write.execute(params![self.name(), value])
    }

    fn name(self) -> Cow<'static, str> {
        let name = match self {
            MetaKey::IndexedActivities => "followed_activities",
            MetaKey::IndexedEvents => "followed_events",
            MetaKey::ActivityBytes => "activity_bytes",
            MetaKey::PreviewBytes => "preview_bytes",
            MetaKey::EventBytes => "event_bytes",
            MetaKey::RecordingBytes => "recording_bytes",
            MetaKey::HalfDeletedRecording => "half_deleted_recording",
            MetaKey::SumsDeleted => "sums_deleted",
            MetaKey::EraseEpoch => "erased",
            MetaKey::FileNumber => "file",
            MetaKey::CommitOrder => "order",
            MetaKey::ActivitiesContinueAfter(order) => {
                return Cow::Owned(format!("activities after {order:x}"));
            }
            MetaKey::EventsContinueAfter(order) => {
                return Cow::Owned(format!("events after {order:x}"));
            }
            MetaKey::MissingCountedOf(file) => return Cow::Owned(format!("missed of {file}")),
        };
        Cow::Borrowed(name)
    }
}

/// The first quarter of whose activities and sums none was deleted: by a mark of today or of schema 1. The smallest number
/// where nothing was.
pub(crate) fn complete_from(connection: &Connection) -> rusqlite::Result<i64> {
    let mut complete = connection.prepare_cached(COMPLETE_FROM)?;
    complete.query_row([i64::MIN], |row| row.get(0))
}

/// The id of the order of commits: its own, or the number of the file; 0 where it has none.
pub(in crate::store::sqlite) fn commit_order(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(COMMIT_ORDER)?
        .query_row((), |row| row.get(0))
}
