//! A file as the spool of a forwarder: what it reads beside activities and events, and what it keeps in the file.

use std::path::Path;

use chrono::Utc;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{SqliteReader, failed, health, list::ListedRecord, recording};
use crate::{
    error::{Error, ErrorKind, Result},
    record::{
        ActivityId, ActivityRecord, ChunkRecord, Filter, InstanceId, RecordingId, RecordingRecord,
        fnv1a,
    },
    store::{
        InstanceHealth, Places,
        sqlite::{
            last_seqs::LastSeqs,
            maintenance::{
                connection::SqliteMaintenance,
                target::{self, Target},
            },
            meta::MetaKey,
            open::{
                connection,
                file::{Location, OpenFile},
            },
        },
    },
};

const IDS: &str = "SELECT 0, seq, id, 0 FROM activity WHERE seq > ?1 AND seq <= ?2 \
     UNION ALL SELECT 1, seq, id, 0 FROM event WHERE seq > ?3 AND seq <= ?4 \
     UNION ALL SELECT 2, c.seq, r.id, c.number FROM chunk AS c JOIN recording AS r ON r.seq = c.recording \
       WHERE c.seq > ?5 AND c.seq <= ?6";
const FIRST_SINCE: &str = "SELECT coalesce((SELECT min(seq) - 1 FROM activity WHERE id >= ?1), (SELECT max(seq) FROM activity), 0), \
     coalesce((SELECT min(seq) - 1 FROM event WHERE id >= ?1), (SELECT max(seq) FROM event), 0), \
     coalesce((SELECT min(seq) - 1 FROM chunk WHERE until_at >= ?2), (SELECT max(seq) FROM chunk), 0)";

/// A file that is forwarded.
#[derive(Debug)]
pub(crate) struct Spool {
    reader: SqliteReader,
    /// `None` for a file that cannot be written: nothing is kept in it.
    writer: Option<SqliteMaintenance>,
}

/// A chunk in commit order.
#[derive(Debug)]
pub(crate) struct SpooledChunk {
    pub(crate) seq: i64,
    pub(crate) recording: RecordingId,
    pub(crate) chunk: ChunkRecord,
}

impl Spool {
    pub(in crate::store::sqlite) fn open(location: &Location) -> Result<Self> {
        let reader = SqliteReader::open(location)?;
        let writer = match is_read_only(location) {
            true => None,
            false => Some(SqliteMaintenance::open(location)?),
        };
        Ok(Spool { reader, writer })
    }

    /// The path of the file, for error messages.
    pub(crate) fn path(&self) -> &Path {
        self.reader.access.path()
    }

    /// Reads activities and events.
    pub(crate) fn reader(&mut self) -> &mut SqliteReader {
        &mut self.reader
    }

    /// Whether targets are kept in the file.
    pub(crate) fn is_writable(&self) -> bool {
        self.writer.is_some()
    }

    /// Reads how far it was forwarded to a target; `None` if it never was.
    pub(crate) fn target(&self, name: &str) -> Result<Option<Target>> {
        self.read("read a target", |connection| target::get(connection, name))
    }

    /// Keeps how far it was forwarded to a target, in place of what was read before. Does nothing if the file cannot be written.
    ///
    /// # Errors
    ///
    /// If it cannot be kept, or the file was replaced by another one (`is_busy`).
    pub(crate) fn replace_target(
        &self,
        name: &str,
        from: Option<&Target>,
        to: &Target,
    ) -> Result<()> {
        let Some(writer) = &self.writer else {
            return Ok(());
        };
        let is_same = writer.write(|transaction| target::replace(transaction, name, from, to))?;
        is_same.then_some(()).ok_or_else(|| self.was_replaced())
    }

    /// Checks that the file has forwarded this much to a target.
    ///
    /// # Errors
    ///
    /// If it was replaced by another one (`is_busy`).
    pub(crate) fn check_target(&self, name: &str, target: &Target) -> Result<()> {
        let is_same = !self.is_writable() || self.target(name)?.as_ref() == Some(target);
        is_same.then_some(()).ok_or_else(|| self.was_replaced())
    }

    fn was_replaced(&self) -> Error {
        Error::new(
            ErrorKind::Busy,
            format!(
                "the store {} was replaced by another one while it was being forwarded",
                self.path().display()
            ),
        )
    }

    /// Deletes the row of a target. Returns false if there is none.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(crate) fn forget_target(&self, name: &str) -> Result<bool> {
        match &self.writer {
            Some(writer) => writer.write(|transaction| target::delete(transaction, name)),
            None => Err(Error::store(format!(
                "the store {} cannot be written",
                self.path().display()
            ))),
        }
    }

    /// Returns the id of the store at a target, when it was last connected.
    pub(crate) fn store_at(&self, name: &str) -> Result<Option<i64>> {
        self.read("read the store of a target", |connection| {
            target::store_key(name).get(connection)
        })
    }

    /// Keeps the id of the store at a target.
    pub(crate) fn set_store(&self, name: &str, store: i64) -> Result<()> {
        match &self.writer {
            Some(writer) if self.store_at(name)? != Some(store) => {
                writer.write(|transaction| target::store_key(name).set(transaction, store))
            }
            _ => Ok(()),
        }
    }

    /// Finds the target at which a store with this id was.
    pub(crate) fn target_of_store(&self, store: i64) -> Result<Option<(String, Target)>> {
        self.read("find the target of a store", |connection| {
            target::of_store(connection, store)
        })
    }

    /// Gives a target another name.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, or is another one by now (`is_busy`).
    pub(crate) fn rename_target(&self, from: &str, target: &Target, to: &str) -> Result<()> {
        let is_same = match &self.writer {
            Some(writer) => {
                writer.write(|transaction| target::rename(transaction, from, target, to))?
            }
            None => false,
        };
        is_same.then_some(()).ok_or_else(|| self.was_replaced())
    }

    /// Keeps or clears the last error of a target.
    pub(crate) fn set_error(&self, name: &str, error: Option<&str>) -> Result<()> {
        let now = Utc::now().timestamp_micros();
        match &self.writer {
            Some(writer) => {
                writer.write(|transaction| target::set_error(transaction, name, error, now))
            }
            None => Ok(()),
        }
    }

    /// Returns an id of the file that its copies share.
    pub(crate) fn file_id(&self) -> Result<Uuid> {
        let number = self.read("read the file's number", |connection| {
            MetaKey::FileNumber.get(connection)
        })?;
        let first = self.read("read the oldest activity", |connection| {
            let first =
                connection.query_row("SELECT id FROM activity ORDER BY seq LIMIT 1", (), |row| {
                    row.get::<_, [u8; 16]>(0)
                });
            first.optional()
        })?;
        let first = first.map_or(0, u128::from_be_bytes);
        Ok(Uuid::from_u64_pair(
            number.unwrap_or_default().cast_unsigned(),
            first as u64,
        ))
    }

    /// Returns the newest places, and the seq of the newest recording.
    pub(crate) fn last(&self) -> Result<(Places, i64)> {
        let last = self.read("read the newest commit", LastSeqs::read)?;
        let places = Places::new(last.activity, last.event, last.chunk);
        Ok((places, last.recording))
    }

    /// Returns the id of the batch that ends at these places, before or after those that a target has acknowledged.
    ///
    /// It follows from all records of the log up to there, as far as the file still has those between these places and the
    /// acknowledged ones: of two files it is the same only if they have the same records.
    pub(crate) fn batch_id(&self, target: &Target, up_to: Places) -> Result<Uuid> {
        let acknowledged = target.acknowledged;
        let sum = |from, to| self.read("read the ids of records", |it| sum_of_ids(it, from, to));
        let id = target.batch.unwrap_or(target.log).as_u128();
        let id = id.wrapping_add(sum(acknowledged, up_to)?);
        let id = id.wrapping_sub(sum(up_to, acknowledged)?);
        // Batches without any record left differ, too.
        let at = |at: Places| hash(3, at.activity, &at.event.to_be_bytes(), at.chunk);
        let id = id.wrapping_add(at(up_to)).wrapping_sub(at(acknowledged));
        Ok(Uuid::from_u128(id))
    }

    /// Returns the places before the first records dated from this microsecond on.
    pub(crate) fn places_before(&self, us: i64) -> Result<Places> {
        self.read("find the first record since a time", |connection| {
            let id = ActivityId::from_parts(us.max(0), 0);
            connection.query_row(FIRST_SINCE, params![id.as_bytes(), us], |row| {
                Ok(Places::new(row.get(0)?, row.get(1)?, row.get(2)?))
            })
        })
    }

    /// Reads chunks in commit order, up to a seq, at least one and then until they take so many bytes.
    pub(crate) fn chunks(
        &self,
        after: i64,
        up_to: i64,
        max_bytes: usize,
    ) -> Result<Vec<SpooledChunk>> {
        self.reader.read(|connection| {
            recording::chunks_after(connection, after, up_to, max_bytes, |seq, id, chunk| {
                SpooledChunk {
                    seq,
                    recording: id,
                    chunk,
                }
            })
        })
    }

    /// Reads recordings that were begun after a seq, with their seqs.
    pub(crate) fn recordings_after(&self, seq: i64) -> Result<Vec<(i64, RecordingRecord)>> {
        self.reader.snapshot(|view| recording::after(view, seq))
    }

    /// Reads all running activities, and those that were running when their process died.
    pub(crate) fn open_activities(&self) -> Result<Vec<ActivityRecord>> {
        self.reader
            .snapshot(|view| ActivityRecord::open(view, &Filter::default(), None, usize::MAX >> 1))
    }

    /// Reads all instances.
    pub(crate) fn instances(&self) -> Result<Vec<InstanceHealth>> {
        self.reader
            .read(|connection| health::all_instances(connection, &|id| self.reader.is_alive(id)))
    }

    /// Reads the instances with these ids.
    pub(crate) fn instances_with(&self, ids: &[InstanceId]) -> Result<Vec<InstanceHealth>> {
        self.reader.read(|connection| {
            health::instances_with(connection, ids, &|id| self.reader.is_alive(id))
        })
    }

    /// Returns the number of the newest instance. Those that died or were stopped before change only when there is another.
    pub(crate) fn newest_instance(&self) -> Result<Option<i64>> {
        self.read("read the newest instance", |connection| {
            connection.query_row("SELECT max(id) FROM instance", (), |row| row.get(0))
        })
    }

    fn read<T>(
        &self,
        attempt: &str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.reader
            .read(|connection| read(connection).map_err(failed(attempt)))
    }
}

/// Adds up the hashes of the records after some places and up to others.
fn sum_of_ids(connection: &Connection, after: Places, up_to: Places) -> rusqlite::Result<u128> {
    let mut ids = connection.prepare_cached(IDS)?;
    let mut rows = ids.query(params![
        after.activity,
        up_to.activity,
        after.event,
        up_to.event,
        after.chunk,
        up_to.chunk
    ])?;
    let mut sum = 0_u128;
    while let Some(row) = rows.next()? {
        let id: [u8; 16] = row.get(2)?;
        sum = sum.wrapping_add(hash(row.get(0)?, row.get(1)?, &id, row.get(3)?));
    }
    Ok(sum)
}

fn hash(kind: u8, seq: i64, id: &[u8], number: i64) -> u128 {
    let (seq, number) = (seq.to_be_bytes(), number.to_be_bytes());
    let half = |half: u8| {
        let bytes = [&[half, kind], &seq[..], id, &number].concat();
        u128::from(fnv1a(bytes))
    };
    half(0) << 64 | half(1)
}

/// Whether a file cannot be written, because of its mode or its disk.
fn is_read_only(location: &Location) -> bool {
    let Location::File(path) = location else {
        return false;
    };
    OpenFile::for_path(path).is_ok_and(|file| connection::is_read_only(file.path()))
}
