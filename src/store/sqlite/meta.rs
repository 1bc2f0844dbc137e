//! The table `mark`: a file's metadata, integers by name.
//!
//! Other modules name the table only in statements that read a value as a part of a larger query, and in the triggers that
//! count the bytes of recordings.

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
const ACTIVITIES_FROM: &str =
    "SELECT coalesce(max(value), ?1) FROM mark WHERE name = 'complete_from'";
const COMMIT_ORDER: &str = "SELECT coalesce((SELECT value FROM mark WHERE name = 'order'), \
     (SELECT value FROM mark WHERE name = 'file'), 0)";
/// Both rows change together, on one page: a WAL that has one of its commits has both, whatever is in the main file under it.
const COUNT_COMMIT: &str = "INSERT INTO mark (name, value) VALUES \
       ('commits', 1 + coalesce((SELECT value FROM mark WHERE name = 'commits'), (SELECT sum(commits) FROM instance), 0)), \
       ('wal_base', ?1) \
     ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)";
/// Continuations that are only announced: ?1 was added to their value, see `write::commit_order`.
pub(in crate::store::sqlite) const HAS_PENDING: &str = "SELECT EXISTS (SELECT 1 FROM mark WHERE value < ?1 / 2 \
     AND (name LIKE 'activities after %' OR name LIKE 'events after %'))";
pub(in crate::store::sqlite) const SETTLE_PENDING: &str = "UPDATE mark SET value = value - ?1 WHERE value < ?1 / 2 \
     AND (name LIKE 'activities after %' OR name LIKE 'events after %')";

/// A key of the file's metadata.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MetaKey {
    /// The watermark of the index: the last seq in it.
    IndexedActivities,
    IndexedEvents,
    /// The version of the definition of words that the index was built with.
    WordsVersion,
    /// The watermark of the sums of agents and of the bytes: the last seq in them.
    FollowedActivities,
    FollowedEvents,
    /// The watermark of the groups of failures: the last seq in them.
    GroupedFailures,
    /// The first quarter hour from which on no activity was pruned before it was grouped.
    UngroupedPruned,
    /// Bytes of the rows up to the watermark.
    ActivityBytes,
    PreviewBytes,
    EventBytes,
    /// Bytes of all chunks, kept by triggers.
    RecordingBytes,
    /// The seq of a recording that is half deleted.
    HalfDeletedRecording,
    /// The first quarter hour whose sums were not deleted.
    SumsDeleted,
    /// The microsecond after the newest event that was pruned.
    EventsPruned,
    /// How often texts were deleted from the dictionary: a writer drops its cached ids when it changes.
    EraseEpoch,
    /// The file's own number, which its copies share.
    FileNumber,
    /// Set once the rows missing from the file with this number are counted here.
    MissingCountedOf(i64),
    /// The id of the commit order, if it is not the file's number.
    CommitOrder,
    /// Where followers of the activities of another commit order continue, by its id.
    ActivitiesContinueAfter(i64),
    EventsContinueAfter(i64),
    /// The id of the central store at a target, by a hash of the target's name.
    StoreAt(u64),
}

impl MetaKey {
    /// Reads the value; `None` before it is first set.
    pub(crate) fn get(self, connection: &Connection) -> rusqlite::Result<Option<i64>> {
        let mut get = connection.prepare_cached(GET)?;
        get.query_row([self.name()], |row| row.get(0)).optional()
    }

    /// Sets the value.
    pub(crate) fn set(self, connection: &Connection, value: i64) -> rusqlite::Result<()> {
        self.write(connection, SET, value).map(drop)
    }

    /// Adds to the value, which starts at 0.
    pub(crate) fn add(self, connection: &Connection, value: i64) -> rusqlite::Result<()> {
        self.write(connection, ADD, value).map(drop)
    }

    /// Raises the value to at least this.
    pub(crate) fn raise(self, connection: &Connection, value: i64) -> rusqlite::Result<()> {
        self.write(connection, RAISE, value).map(drop)
    }

    /// Sets the value unless there is one. Returns true if there was none.
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
            MetaKey::IndexedActivities => "indexed_activities",
            MetaKey::IndexedEvents => "indexed_events",
            MetaKey::WordsVersion => "words",
            MetaKey::FollowedActivities => "followed_activities",
            MetaKey::FollowedEvents => "followed_events",
            MetaKey::GroupedFailures => "grouped_failures",
            MetaKey::UngroupedPruned => "ungrouped_pruned",
            MetaKey::ActivityBytes => "activity_bytes",
            MetaKey::PreviewBytes => "preview_bytes",
            MetaKey::EventBytes => "event_bytes",
            MetaKey::RecordingBytes => "recording_bytes",
            MetaKey::HalfDeletedRecording => "half_deleted_recording",
            MetaKey::SumsDeleted => "sums_deleted",
            MetaKey::EventsPruned => "events_pruned",
            MetaKey::EraseEpoch => "erased",
            MetaKey::FileNumber => "file",
            MetaKey::CommitOrder => "order",
            MetaKey::ActivitiesContinueAfter(order) => {
                return Cow::Owned(format!("activities after {order:x}"));
            }
            MetaKey::EventsContinueAfter(order) => {
                return Cow::Owned(format!("events after {order:x}"));
            }
            MetaKey::StoreAt(name) => return Cow::Owned(format!("store at {name:x}")),
            MetaKey::MissingCountedOf(file) => return Cow::Owned(format!("missed of {file}")),
        };
        Cow::Borrowed(name)
    }
}

/// Counts a commit of a writer. `wal_base` is the number of commits in the main file when the WAL restarted, as far as is known.
pub(in crate::store::sqlite) fn count_commit(
    connection: &Connection,
    wal_base: i64,
) -> rusqlite::Result<()> {
    let mut count = connection.prepare_cached(COUNT_COMMIT)?;
    count.execute([wal_base]).map(drop)
}

/// Returns the first quarter hour from which on no activities or sums were deleted, by the names of any schema; `i64::MIN` if
/// none ever were.
pub(crate) fn complete_from(connection: &Connection) -> rusqlite::Result<i64> {
    let mut complete = connection.prepare_cached(COMPLETE_FROM)?;
    complete.query_row([i64::MIN], |row| row.get(0))
}

/// Returns the first quarter hour from which on schema 1 pruned no activities; `i64::MIN` if it never pruned any.
pub(crate) fn activities_from(connection: &Connection) -> rusqlite::Result<i64> {
    let mut first = connection.prepare_cached(ACTIVITIES_FROM)?;
    first.query_row([i64::MIN], |row| row.get(0))
}

/// Returns the id of the commit order: its own, else the file's number, else 0.
pub(in crate::store::sqlite) fn commit_order(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(COMMIT_ORDER)?
        .query_row((), |row| row.get(0))
}
