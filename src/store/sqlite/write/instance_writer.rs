//! The writer that all log handles of a process share for one file: one connection, one instance.

use std::{collections::HashMap, path::Path, time::Instant};

use parking_lot::Mutex;
use rusqlite::{Transaction, TransactionBehavior, params};

use super::{
    commit_order,
    dictionary::Dictionary,
    ledger,
    replaced_files::ReplacedFiles,
    sums::{buckets, hours},
    wal::{WalState, checkpoint_first},
};
use crate::{
    error::{Error, ErrorKind, Result},
    record::InstanceId,
    store::{
        Accounting, Durability, Instance,
        sqlite::{
            meta,
            open::{
                connection,
                damage::{self, Damage},
                file::{Access, Guard, SharedWriter},
                lock::InstanceLock,
                lock_counts::CommitCounts,
                side_files::FileStats,
            },
        },
        sums::Buckets,
    },
};

const ADD_INSTANCE: &str = "
INSERT INTO instance (uuid, host, pid, started_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (uuid) DO UPDATE SET stopped_at = NULL RETURNING id";

/// The writer of one file.
#[derive(Debug)]
pub(super) struct InstanceWriter {
    pub(super) access: Access,
    /// That of the log handle that was opened first.
    pub(super) instance: Instance,
    /// `instance.id`; `None` for a new connection.
    row: Option<i64>,
    /// The file's own number, which copies share; 0 if unknown.
    pub(super) file: i64,
    /// The id of the file's commit order; 0 if unknown.
    pub(super) order: i64,
    /// `None` in memory, where the store dies with its process.
    pub(super) lock: Option<InstanceLock>,
    pub(super) handles: HashMap<InstanceId, LogHandle>,
    next_handle: i64,
    /// Accounting of the log handles that are closed.
    closed: Accounting,
    /// The last log handle is closed: the next one needs a new writer.
    pub(super) ended: bool,
    pub(super) dictionary: Dictionary,
    pub(super) buckets: Buckets,
    /// A transaction panicked or failed for an unknown reason: the connection is reopened.
    in_doubt: bool,
    /// The damage that the last transactions found.
    pub(super) damage: Option<Damage>,
    /// The WAL was set aside because of it, and nothing could be written since.
    pub(super) has_set_wal_aside: bool,
    /// The connection's current setting.
    durability: Durability,
    /// What this instance has committed to the file.
    pub(super) committed: CommitCounts,
    pub(super) wal: WalState,
    pub(super) replaced: ReplacedFiles,
}

/// One log handle of this process.
#[derive(Debug)]
pub(super) struct LogHandle {
    /// `open.handle`
    pub(super) number: i64,
    /// Number of writers: a failed one is kept until the next has taken its place.
    writers: u32,
    durability: Durability,
    accounting: Accounting,
}

/// An open transaction and what it uses.
pub(super) struct WriteTransaction<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) dictionary: &'a mut Dictionary,
    pub(super) buckets: &'a mut Buckets,
    /// `instance.id`
    pub(super) instance: i64,
}

impl InstanceWriter {
    pub(super) fn open(access: Access, instance: &Instance) -> Result<Self> {
        let mut writer = InstanceWriter {
            access,
            instance: instance.clone(),
            row: None,
            file: 0,
            order: 0,
            lock: None,
            handles: HashMap::new(),
            next_handle: 0,
            closed: Accounting::default(),
            ended: false,
            dictionary: Dictionary::default(),
            buckets: Buckets::default(),
            in_doubt: false,
            damage: None,
            has_set_wal_aside: false,
            durability: Durability::default(),
            committed: CommitCounts::default(),
            wal: WalState::default(),
            replaced: ReplacedFiles::default(),
        };
        // Reports what is wrong with a file before anything is created beside it.
        drop(writer.connection()?);
        if let Some(file) = writer.access.open_file() {
            let path = file.path();
            let lock = InstanceLock::acquire(path, instance.id).map_err(|cause| {
                let what = format!(
                    "cannot create a lock file beside the store {}",
                    path.display()
                );
                Error::new(ErrorKind::Store, what).with_source(cause)
            })?;
            writer.lock = Some(lock);
        }
        let deadline = Instant::now() + connection::OPEN_TIMEOUT;
        while let Err(error) = writer.register_instance() {
            if error.is_busy() && Instant::now() < deadline {
                continue;
            }
            writer.count_damage(&error);
            if writer.damage.is_none() {
                return Err(error);
            }
            match writer.is_damaged() {
                true => writer.set_damage_aside()?,
                false => writer.reopen(),
            }
        }
        writer.count_lost_rows(None)?;
        writer.settle_pending_continuations()?;
        Ok(writer)
    }

    /// Returns the path of the file; `None` in memory.
    pub(super) fn path(&self) -> Option<&Path> {
        self.access.open_file().map(|file| file.path())
    }

    /// Registers a log handle, or one more writer of it after the last one failed. Returns its number.
    pub(super) fn register(&mut self, instance: &Instance) -> i64 {
        let next = &mut self.next_handle;
        let handle = self.handles.entry(instance.id).or_insert_with(|| {
            *next += 1;
            LogHandle {
                number: *next - 1,
                writers: 0,
                durability: instance.durability,
                accounting: Accounting::default(),
            }
        });
        handle.writers += 1;
        handle.number
    }

    /// Unregisters a dropped writer. Returns true if it was the last one of its log handle.
    pub(super) fn unregister(&mut self, id: InstanceId) -> bool {
        match self.handles.get_mut(&id) {
            Some(handle) => {
                handle.writers -= 1;
                handle.writers == 0
            }
            None => false,
        }
    }

    /// Removes a closed log handle, adding its `abandoned` activities to the accounting. Returns true if none is left.
    pub(super) fn remove_handle(&mut self, id: InstanceId, abandoned: u64) -> bool {
        if let Some(handle) = self.handles.remove(&id) {
            self.closed.add(&handle.accounting);
            self.closed.activities.abandon(abandoned);
        }
        self.handles.is_empty()
    }

    /// Returns true while an activity runs, by the accounting of the last batches.
    pub(super) fn has_open(&self) -> bool {
        let mut handles = self.handles.values();
        handles.any(|handle| handle.accounting.activities.open > 0)
    }

    /// Sums up the accounting of all log handles of this instance, with `of` as that of one of them.
    pub(super) fn accounting(&mut self, id: InstanceId, of: Accounting) -> Accounting {
        if let Some(handle) = self.handles.get_mut(&id) {
            handle.accounting = of;
        }
        let mut sum = self.closed.clone();
        for handle in self.handles.values() {
            sum.add(&handle.accounting);
        }
        sum
    }

    /// Runs one transaction. Caches are rolled back if it fails.
    ///
    /// # Errors
    ///
    /// If it was rolled back, or the files were replaced during the commit, so that its outcome is uncertain.
    pub(super) fn transaction<T>(
        &mut self,
        durability: Durability,
        work: impl FnOnce(WriteTransaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.prepare()?;
        let done = self.transaction_unchecked(durability, work);
        let done = done.inspect_err(|error| self.count_damage(error))?;
        self.damage = None;
        self.has_set_wal_aside = false;
        if self.is_replaced() {
            // The commit may be in a file that no process will open. Repeating the batch does not duplicate it.
            self.check_files()?;
            let what = format!(
                "the files of the store {} were replaced during a commit",
                self.access.path().display()
            );
            return Err(Error::new(ErrorKind::Busy, what));
        }
        Ok(done)
    }

    /// Prepares a transaction: sets damaged files aside, switches to replaced ones, and registers the instance.
    pub(super) fn prepare(&mut self) -> Result<()> {
        if self.is_damaged() {
            self.set_damage_aside()?;
        }
        let begun = self.check_files().and_then(|()| self.register_instance());
        begun.inspect_err(|error| self.count_damage(error))
    }

    /// Returns true if the damage is confirmed.
    fn is_damaged(&self) -> bool {
        let file = self.access.open_file();
        let damage = self.damage.as_ref();
        damage
            .zip(file)
            .is_some_and(|(damage, file)| damage.is_confirmed(file))
    }

    /// Like [`transaction`](Self::transaction), without checking the files.
    pub(super) fn transaction_unchecked<T>(
        &mut self,
        durability: Durability,
        work: impl FnOnce(WriteTransaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.in_doubt = true;
        // Discards the sums of a batch that failed.
        self.buckets = Buckets::default();
        let result = self.run(durability, work);
        match result {
            Ok(done) => {
                self.in_doubt = false;
                self.dictionary.committed();
                self.wal.record_commit();
                Ok(done)
            }
            Err(error) => {
                self.dictionary.rolled_back();
                if error.kind() == ErrorKind::Full {
                    // The WAL itself may be what fills the disk.
                    let _ = self.checkpoint_to_free_space();
                }
                // These errors leave the connection intact; after any other it is reopened.
                self.in_doubt = !matches!(
                    error.kind(),
                    ErrorKind::Busy | ErrorKind::Full | ErrorKind::Refused
                );
                Err(error)
            }
        }
    }

    fn run<T>(
        &mut self,
        durability: Durability,
        work: impl FnOnce(WriteTransaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let instance = self.row.unwrap_or_default();
        let wal_base = self.wal.base.unwrap_or_default();
        let mut connection = self.access.lock_unchecked(|_| Ok(()))?;
        let all = || {
            if self.durability != durability {
                let level = match durability {
                    Durability::Process => "NORMAL",
                    Durability::Power => "FULL",
                };
                connection.pragma_update(None, "synchronous", level)?;
                // The pragma stays in effect even if the transaction fails.
                self.durability = durability;
            }
            let immediate = TransactionBehavior::Immediate;
            let transaction = connection.transaction_with_behavior(immediate)?;
            self.dictionary.check_epoch(&transaction)?;
            let done = work(WriteTransaction {
                transaction: &transaction,
                dictionary: &mut self.dictionary,
                buckets: &mut self.buckets,
                instance,
            })?;
            let quarters = buckets::fold(&transaction, &mut self.buckets)?;
            hours::roll_up(&transaction, quarters)?;
            meta::count_commit(&transaction, wal_base)?;
            transaction.commit()?;
            Ok(done)
        };
        let done: rusqlite::Result<T> = all();
        drop(connection);
        done.map_err(|cause| self.error(cause))
    }

    /// Locks the connection without checking the files.
    pub(super) fn connection(&self) -> Result<Guard<'_>> {
        self.access.lock_unchecked(|_| Ok(()))
    }

    /// Prepares a new connection: checkpoints what it finds in the WAL and inserts the instance's row.
    pub(super) fn register_instance(&mut self) -> Result<()> {
        if self.in_doubt {
            self.reopen();
        }
        if self.row.is_some() {
            return Ok(());
        }
        let connection = self.access.lock_unchecked(|_| Ok(()))?;
        let instance = &self.instance;
        let begin = || {
            let taken = checkpoint_first(&connection, instance.id)?;
            let row = connection.query_row(
                ADD_INSTANCE,
                params![
                    instance.id.as_bytes(),
                    instance.host,
                    instance.pid,
                    instance.started_at.timestamp_micros()
                ],
                |row| row.get(0),
            )?;
            self.replaced.announce(&connection)?;
            let file = ledger::file_number(&connection, self.file)?;
            Ok((
                row,
                (file, commit_order::id(&connection)?),
                ledger::added(&connection, instance.id)?.unwrap_or_default(),
                taken,
            ))
        };
        let begun: rusqlite::Result<_> = begin();
        drop(connection);
        let (row, (file, order), committed, taken) = begun.map_err(|cause| self.error(cause))?;
        self.row = Some(row);
        self.file = file;
        self.order = order;
        self.committed = committed;
        self.wal
            .record_checkpoint(&taken, &FileStats::read(self.access.path()));
        self.wal.record_commit();
        self.write_lock_counts();
        Ok(())
    }

    /// Reloads from the ledger what this instance has committed.
    pub(super) fn reload_commit_counts(&mut self) -> Result<()> {
        self.register_instance()?;
        let found = ledger::added(&*self.connection()?, self.instance.id);
        self.committed = found
            .map_err(|cause| self.error(cause))?
            .unwrap_or_default();
        Ok(())
    }

    /// Closes the connection and clears all caches of its file.
    pub(super) fn reopen(&mut self) {
        self.access.close_without_checkpoint();
        self.reset_connection_state();
    }

    /// Clears the caches and settings that belong to one connection.
    pub(super) fn reset_connection_state(&mut self) {
        self.row = None;
        self.in_doubt = false;
        self.dictionary = Dictionary::default();
        self.buckets = Buckets::default();
        self.durability = Durability::default();
    }

    /// Writes what is committed into the lock file.
    pub(super) fn write_lock_counts(&mut self) {
        let mut counts = self.committed;
        counts.checkpointed = !self.wal.is_dirty();
        let ids = self.access.open_file().and_then(|file| file.ids());
        counts.main_inode = ids.and_then(|ids| ids.main).map_or(0, |(_, number)| number);
        if let Some(lock) = &mut self.lock
            && let Err(error) = lock.write(counts)
        {
            // Without it fewer missing rows are noticed; recording continues.
            tracing::debug!(target: "tower_activity::store", %error, "could not write the lock file");
        }
    }

    pub(super) fn durability(&self, id: InstanceId) -> Durability {
        self.handles
            .get(&id)
            .map_or_else(Durability::default, |handle| handle.durability)
    }

    /// `instance.id`
    pub(super) fn row(&self) -> i64 {
        self.row.unwrap_or_default()
    }

    /// Counts an error if it means damage.
    fn count_damage(&mut self, error: &Error) {
        if !damage::is_damage(error) {
            return;
        }
        self.in_doubt = true;
        if let Some(file) = self.access.open_file() {
            let known = self.damage.take();
            self.damage = Some(Damage::observe(file, known));
        }
    }

    pub(super) fn error(&self, cause: rusqlite::Error) -> Error {
        connection::sqlite_error(self.access.path(), cause)
    }
}

impl SharedWriter for Mutex<InstanceWriter> {
    fn check_files(&self) -> Result<()> {
        self.lock().check_files()
    }
}

impl Drop for InstanceWriter {
    fn drop(&mut self) {
        if !self.ended && self.wal.is_dirty() {
            // So that the main file has all commits without its WAL.
            let _ = self.checkpoint_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::store::sqlite::open::{connection::Role, file::OpenFile};

    #[test]
    fn a_durable_transaction_is_synced_even_after_a_failed_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("activity.db");
        let file = OpenFile::for_path(&path).unwrap();
        let instance = Instance {
            id: InstanceId::from_parts(0, 1),
            host: String::new(),
            pid: 0,
            started_at: chrono::Utc::now(),
            durability: Durability::default(),
        };
        let mut writer = InstanceWriter::open(Access::file(file, Role::Write), &instance).unwrap();
        let synchronous = |work: WriteTransaction<'_>| {
            work.transaction
                .query_row("PRAGMA synchronous", (), |row| row.get::<_, i64>(0))
        };
        assert_eq!(
            writer.transaction(Durability::Power, synchronous).unwrap(),
            2
        );
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let busy = writer.transaction(Durability::Process, synchronous);
        assert!(busy.unwrap_err().is_busy());
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(
            writer.transaction(Durability::Power, synchronous).unwrap(),
            2
        );
    }
}
