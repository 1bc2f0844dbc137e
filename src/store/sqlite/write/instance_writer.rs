//! What all logs that a process has open in one file have in common: one connection that writes, one instance.

use std::{collections::HashMap, path::Path, time::Instant};

use parking_lot::Mutex;
use rusqlite::{Transaction, TransactionBehavior, params};

use super::{
    commit_order,
    dictionary::Dictionary,
    ledger,
    replaced_files::ReplacedFiles,
    sums::{bucket, hour},
    wal::{WalState, checkpoint_first},
};
use crate::{
    error::{Error, ErrorKind, Result},
    record::InstanceId,
    store::{
        Accounting, Durability, Instance,
        sqlite::open::{
            connection,
            damage::{self, Damage},
            file::{Access, Guard, SharedWriter},
            lock::InstanceLock,
            lock_counts::CommitCounts,
            side_files::FileStats,
        },
        sums::Buckets,
    },
};

const ADD_INSTANCE: &str = "
INSERT INTO instance (uuid, host, pid, started_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (uuid) DO UPDATE SET stopped_at = NULL RETURNING id";

/// The write side of one file.
#[derive(Debug)]
pub(super) struct InstanceWriter {
    pub(super) access: Access,
    /// That of the log that was opened first.
    pub(super) instance: Instance,
    /// `instance.id`; `None` where the connection is new.
    row: Option<i64>,
    /// The file's own number, which copies share; 0 where it is not known.
    pub(super) file: i64,
    /// The id of its order of commits; 0 where it is not known.
    pub(super) order: i64,
    /// `None` in memory: the process that could die takes the store along.
    pub(super) lock: Option<InstanceLock>,
    pub(super) handles: HashMap<InstanceId, Handle>,
    next_handle: i64,
    /// Where the logs stand that are closed already.
    closed: Accounting,
    /// True once the last log is closed: another begins anew.
    pub(super) ended: bool,
    pub(super) dictionary: Dictionary,
    pub(super) buckets: Buckets,
    /// What a transaction left undone when it panicked or failed for an unknown reason.
    in_doubt: bool,
    /// What the last transaction has found damaged.
    pub(super) damage: Option<Damage>,
    /// The write-ahead log was set aside for it, and nothing could be written since.
    pub(super) has_set_wal_aside: bool,
    /// What commits have to survive by the connection's setting.
    durability: Durability,
    /// What this instance has committed into the file.
    pub(super) committed: CommitCounts,
    pub(super) wal: WalState,
    pub(super) replaced: ReplacedFiles,
}

/// One log of this process.
#[derive(Debug)]
pub(super) struct Handle {
    /// `open.handle`
    pub(super) number: i64,
    /// How many writers: one that failed is kept until the next has taken its place.
    writers: u32,
    durability: Durability,
    accounting: Accounting,
}

/// What a transaction works with.
pub(super) struct WriteTransaction<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) dictionary: &'a mut Dictionary,
    pub(super) buckets: &'a mut Buckets,
    /// `instance.id`
    pub(super) instance: i64,
    /// Commits that the write-ahead log stands on: `instance.wal_base`.
    pub(super) wal_base: i64,
}

impl InstanceWriter {
    pub(super) fn open(access: Access, instance: &Instance) -> Result<Self> {
        let mut side = InstanceWriter {
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
        // Says what is wrong with a file before anything is made beside it.
        drop(side.connection()?);
        if let Some(file) = side.access.open_file() {
            let path = file.path();
            let lock = InstanceLock::acquire(path, instance.id).map_err(|cause| {
                let what = format!("cannot make a lock file beside the log {}", path.display());
                Error::new(ErrorKind::Store, what).with_source(cause)
            })?;
            side.lock = Some(lock);
        }
        let patience = Instant::now() + connection::OPEN_TIMEOUT;
        while let Err(error) = side.register_instance() {
            if error.is_busy() && Instant::now() < patience {
                continue;
            }
            side.count_damage(&error);
            if side.damage.is_none() {
                return Err(error);
            }
            match side.is_damaged() {
                true => side.set_damage_aside()?,
                false => side.reopen(),
            }
        }
        side.count_lost_rows(None)?;
        side.settle_pending_continuations()?;
        Ok(side)
    }

    /// The file; `None` in memory.
    pub(super) fn path(&self) -> Option<&Path> {
        self.access.open_file().map(|file| file.path())
    }

    /// Registers a log, again where its writer failed. Returns its number.
    pub(super) fn register(&mut self, instance: &Instance) -> i64 {
        let next = &mut self.next_handle;
        let handle = self.handles.entry(instance.id).or_insert_with(|| {
            *next += 1;
            Handle {
                number: *next - 1,
                writers: 0,
                durability: instance.durability,
                accounting: Accounting::default(),
            }
        });
        handle.writers += 1;
        handle.number
    }

    /// A writer of a log is dropped. True when it was the last one.
    pub(super) fn unregister(&mut self, id: InstanceId) -> bool {
        match self.handles.get_mut(&id) {
            Some(handle) => {
                handle.writers -= 1;
                handle.writers == 0
            }
            None => false,
        }
    }

    /// Forgets a log that is closed, so many of whose activities were abandoned. True when there is none left.
    pub(super) fn forget(&mut self, id: InstanceId, abandoned: u64) -> bool {
        if let Some(handle) = self.handles.remove(&id) {
            self.closed.add(&handle.accounting);
            self.closed.activities.abandon(abandoned);
        }
        self.handles.is_empty()
    }

    /// True while an activity runs, as far as its log has said.
    pub(super) fn has_open(&self) -> bool {
        let mut handles = self.handles.values();
        handles.any(|handle| handle.accounting.activities.open > 0)
    }

    /// Where all logs of this instance stand, when one of them stands there.
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

    /// Runs one transaction. What was remembered for it is forgotten when it fails.
    ///
    /// # Errors
    ///
    /// When nothing of it was kept, and when the log's files were replaced meanwhile, so that it is not sure.
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
            // It may be in a file that nobody will open. Given again, it is written once.
            self.check_files()?;
            let what = format!(
                "the files of the log {} were replaced during a commit",
                self.access.path().display()
            );
            return Err(Error::new(ErrorKind::Busy, what));
        }
        Ok(done)
    }

    /// Goes on with the files that stand under the log's names, and without what is damaged of them.
    pub(super) fn prepare(&mut self) -> Result<()> {
        if self.is_damaged() {
            self.set_damage_aside()?;
        }
        let begun = self.check_files().and_then(|()| self.register_instance());
        begun.inspect_err(|error| self.count_damage(error))
    }

    /// True where it is sure that the file that stands there is damaged.
    fn is_damaged(&self) -> bool {
        let file = self.access.open_file();
        let damage = self.damage.as_ref();
        damage
            .zip(file)
            .is_some_and(|(damage, file)| damage.is_confirmed(file))
    }

    /// Like `transaction`, whatever stands under the log's names.
    pub(super) fn transaction_unchecked<T>(
        &mut self,
        durability: Durability,
        work: impl FnOnce(WriteTransaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.in_doubt = true;
        // Sums of a batch that failed half-way.
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
                    // What the write-ahead log holds may be what fills the disk.
                    let _ = self.checkpoint_to_free_space();
                }
                // These pass by themselves; after anything else the connection is opened anew.
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
                // It holds, whatever becomes of the transaction.
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
                wal_base,
            })?;
            let quarters = bucket::fold(&transaction, &mut self.buckets)?;
            hour::add_up(&transaction, quarters)?;
            transaction.commit()?;
            Ok(done)
        };
        let done: rusqlite::Result<T> = all();
        drop(connection);
        done.map_err(|cause| self.error(cause))
    }

    /// The connection, as it is.
    pub(super) fn connection(&self) -> Result<Guard<'_>> {
        self.access.lock_unchecked(|_| Ok(()))
    }

    /// Makes the connection ready where it is new: the instance has its row in this file.
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

    /// Reads anew what the file says that this instance has committed.
    pub(super) fn reload_commit_counts(&mut self) -> Result<()> {
        self.register_instance()?;
        let found = ledger::added(&*self.connection()?, self.instance.id);
        self.committed = found
            .map_err(|cause| self.error(cause))?
            .unwrap_or_default();
        Ok(())
    }

    /// Closes the connection, and forgets what is remembered of its file.
    pub(super) fn reopen(&mut self) {
        self.access.close_without_checkpoint();
        self.reset_connection_state();
    }

    /// The connection is another one.
    pub(super) fn reset_connection_state(&mut self) {
        self.row = None;
        self.in_doubt = false;
        self.dictionary = Dictionary::default();
        self.buckets = Buckets::default();
        self.durability = Durability::default();
    }

    /// Says in the lock file how much is committed, for whoever compares it with what is there.
    pub(super) fn write_lock_counts(&mut self) {
        let mut said = self.committed;
        said.checkpointed = !self.wal.is_dirty();
        let ids = self.access.open_file().and_then(|file| file.ids());
        said.main_inode = ids.and_then(|ids| ids.main).map_or(0, |(_, number)| number);
        if let Some(lock) = &mut self.lock
            && let Err(error) = lock.write(said)
        {
            // What is not said cannot be found missing; the log records all the same.
            tracing::debug!(target: "tower_activity::store", %error, "the lock file could not be written");
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

    /// Takes note where the file is damaged.
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
            // What it has committed is complete in the file that its readers open.
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
    fn a_durable_transaction_is_synced_whatever_became_of_the_one_before() {
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
        let mut side = InstanceWriter::open(Access::file(file, Role::Write), &instance).unwrap();
        let synchronous = |work: WriteTransaction<'_>| {
            work.transaction
                .query_row("PRAGMA synchronous", (), |row| row.get::<_, i64>(0))
        };
        assert_eq!(side.transaction(Durability::Power, synchronous).unwrap(), 2);
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let busy = side.transaction(Durability::Process, synchronous);
        assert!(busy.unwrap_err().is_busy());
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(side.transaction(Durability::Power, synchronous).unwrap(), 2);
    }
}
