//! What the writer does when the log's files were moved, removed, replaced or truncated while it has them open.
//!
//! The names are looked at before each transaction and after it, before anybody is told that it is committed. Where
//! they name other files, the old connection only reads: what it alone has is copied by id into the file that now
//! stands under the name, which is made where there is none.

use std::{mem, path::Path};

use chrono::Utc;

use super::{
    commit_order::{self, CommitOrder},
    file_change::FileChange,
    instance_writer::InstanceWriter,
    ledger,
    replaced_files::DetachedFile,
    rescue::{self, Extent, TableRows},
    wal::WalState,
    wal_copy,
};
use crate::{
    error::{Error, ErrorKind, Result},
    store::{
        Durability, RecordKind,
        sqlite::open::{
            connection::{self, Checkpoint},
            consistency::{self, Files, is_consistent},
            file::OpenFile,
            lock_counts::CommitCounts,
            side_files::{FileId, FileIds, FileStats, is_deleted, set_aside, set_aside_together},
        },
    },
};

impl InstanceWriter {
    /// Looks whether the files are still those that the connection has open, and goes on with those that stand under the
    /// names now where they are not.
    ///
    /// # Errors
    ///
    /// When those cannot be opened or written. What was read from the old ones is kept until they can.
    pub(super) fn check_files(&mut self) -> Result<()> {
        let Some(file) = self.access.open_file().cloned() else {
            return Ok(());
        };
        if let Some(lock) = &mut self.lock
            && let Err(error) = lock.recreate_if_missing()
        {
            tracing::debug!(target: "tower_activity::store", %error, "the lock file could not be made anew");
        }
        if let Some(then) = file.ids() {
            let now = FileStats::read(file.path());
            match self.detect_change(&file, then, &now) {
                Some(change) => self.handle_change(&file, change, then, &now)?,
                None => {
                    self.wal.bytes = now.wal_bytes;
                    file.note_shm_size(&now);
                }
            }
        }
        self.finish_recovery(file.path())
    }

    /// True when the names differ from the files that are open. Takes note of how long the write-ahead log is.
    pub(super) fn is_replaced(&mut self) -> bool {
        let Some(file) = self.access.open_file() else {
            return false;
        };
        let now = FileStats::read(file.path());
        let replaced = file.ids().is_some_and(|then| then != now.ids);
        self.wal.bytes = now.wal_bytes;
        replaced
    }

    fn handle_change(
        &mut self,
        file: &OpenFile,
        change: FileChange,
        then: FileIds,
        look: &FileStats,
    ) -> Result<()> {
        let (now, path) = (look.ids, file.path());
        let moved_wal = self.rename_side_files(path, change, then, now)?;
        self.replaced.count += 1;
        tracing::warn!(
            target: "tower_activity::store", log = %path.display(), ?change,
            "the log's files were moved, removed or replaced while it is open: its rows are copied into those that stand there now"
        );
        let before = self.previous_file();
        self.note_previous_order(change);
        match change {
            FileChange::Main => {
                self.file = 0;
                let from = (!is_deleted(then.main)).then_some(self.wal.checkpointed);
                if let Some(opened) = self.access.take() {
                    self.replaced.detached.push(DetachedFile {
                        opened,
                        from,
                        file: before.file,
                        has_wal: moved_wal,
                    });
                }
                file.close_all();
                // Who opens the next file does not wait for this instance to leave the last one.
                self.write_lock_counts();
            }
            FileChange::Content => {
                // What the connection reads is a mixture of both.
                file.close_all();
                self.replaced.before.get_or_insert(before);
            }
            FileChange::Wal => {
                let rows = self.replaced.rows.len();
                self.read_wal_rows()?;
                let again = match then.wal {
                    Some(wal) if now.wal.is_none() && !self.wal.is_foreign => {
                        wal_copy::copy_open_wal(path, wal)
                    }
                    _ => None,
                };
                file.close_all();
                if again.is_some_and(|again| again.restore(path, look.main)) {
                    self.replaced.rows.truncate(rows);
                }
                self.replaced.before.get_or_insert(before);
            }
            FileChange::Shm => {
                file.close_all();
                self.replaced.before.get_or_insert(before);
            }
        }
        self.reset_connection_state();
        self.wal = WalState::default();
        Ok(())
    }

    /// Renames the side files that would be taken for those of what stands there now: where one cannot be renamed, nothing
    /// has changed yet, and all of it is tried again. True where the write-ahead log stays, and goes on with the main file.
    fn rename_side_files(
        &self,
        path: &Path,
        change: FileChange,
        then: FileIds,
        now: FileIds,
    ) -> Result<bool> {
        let aside = |suffix: &str| {
            set_aside(path, suffix, "replaced")
                .map(drop)
                .map_err(|cause| {
                    let what = format!("cannot rename {}{suffix}", path.display());
                    Error::new(ErrorKind::Store, what).with_source(cause)
                })
        };
        let own = |now: Option<FileId>, then| now.is_some() && now == then;
        let is_left = change != FileChange::Shm && own(now.wal, then.wal);
        let follow = |main| match self.frames() {
            Some(frames) => {
                // Somebody else's checkpoint has changed it since.
                let is_changed = frames.were_checkpointed_since(self.wal.frames);
                let known = self.wal.main.filter(|_| !is_changed);
                frames.are_partly_checkpointed()
                    && wal_copy::move_to_main(path, main, known, |_| true)
            }
            // Before SQLite 3.51 frames cannot be counted without a checkpoint: the main file shows whether it needs the
            // WAL, or if it is too large to be read now, our own last checkpoint does.
            None => wal_copy::move_to_main(path, main, None, |moved| {
                match is_consistent(moved, Files::Main, consistency::MAX_BYTES) {
                    Some(consistent) => !consistent,
                    None => self.wal.frames.are_partly_checkpointed(),
                }
            }),
        };
        let moved_wal = change == FileChange::Main && is_left && then.main.is_some_and(follow);
        if !moved_wal && (is_left || change == FileChange::Content) {
            aside("-wal")?;
        }
        if change == FileChange::Content || change != FileChange::Shm && own(now.shm, then.shm) {
            aside("-shm")?;
        }
        Ok(moved_wal)
    }

    /// Reads what is in the old write-ahead log alone, as far as it can be read.
    fn read_wal_rows(&mut self) -> Result<()> {
        let mut rows = Vec::new();
        let mut take = |step: Vec<TableRows>| {
            rows.push(step);
            Ok(())
        };
        let connection = self.connection()?;
        let failed = |cause| self.error(cause);
        let read = rescue::read(
            &connection,
            Extent::After(self.wal.checkpointed),
            &mut take,
            &failed,
        );
        drop(connection);
        self.replaced.rows.append(&mut rows);
        if let Err(error) = read {
            tracing::error!(
                target: "tower_activity::store", %error,
                "a part of the write-ahead log cannot be read any more, its rows are lost"
            );
        }
        Ok(())
    }

    /// Writes what was read from files that are not the log's any more.
    fn finish_recovery(&mut self, path: &Path) -> Result<()> {
        let detached = mem::take(&mut self.replaced.detached);
        let rows = mem::take(&mut self.replaced.rows);
        if detached.is_empty() && rows.is_empty() && self.replaced.before.is_none() {
            return Ok(());
        }
        let mut left = rows.into_iter();
        let mut result = self
            .register_instance()
            .and_then(|()| self.note_order_start());
        while result.is_ok()
            && let Some(step) = left.next()
        {
            match self.write_rows(&step) {
                Ok(count) => self.replaced.rescued += count,
                Err(error) => {
                    self.replaced.rows.push(step);
                    result = Err(error);
                }
            }
        }
        self.replaced.rows.extend(left);
        for detached in detached {
            if result.is_ok() {
                result = self.copy_rows(&detached);
            }
            match result {
                Ok(()) => detached.opened.close(Checkpoint::No),
                Err(_) => self.replaced.detached.push(detached),
            }
        }
        result?;
        let before = self.replaced.before;
        self.count_lost_rows(before)?;
        self.replaced.before = None;
        // The ledger says what is missing also where the main file is moved away alone.
        let _ = self.checkpoint_passive();
        tracing::warn!(
            target: "tower_activity::store", log = %path.display(), rows = self.replaced.rescued,
            "the log goes on in the files that stand there now"
        );
        Ok(())
    }

    fn copy_rows(&mut self, detached: &DetachedFile) -> Result<()> {
        let path = self.access.path().to_owned();
        let failed = |cause| connection::sqlite_error(&path, cause);
        let file = self.file;
        let (mut count, mut writes) = (0, true);
        let mut take = |step: Vec<TableRows>| {
            let written = self.write_rows(&step);
            writes = written.is_ok();
            count += written?;
            Ok(())
        };
        let part = match detached.from {
            Some(rows) => Extent::After(rows),
            None => Extent::All {
                same_file: detached.file == file,
            },
        };
        let read = rescue::read(&detached.opened.connection, part, &mut take, &failed);
        self.replaced.rescued += count;
        if writes {
            self.count_deleted_rows(detached)?;
        }
        match read {
            // What cannot be read now cannot be read later either.
            Err(error) if writes => {
                tracing::error!(
                    target: "tower_activity::store", %error,
                    "a part of the file that was replaced cannot be read, its rows are not copied"
                );
                Ok(())
            }
            read => read,
        }
    }

    /// Counts what another client has deleted from the write-ahead log of a file that was moved away without it: the ledger
    /// there does not say so. Another state of the same file is compared by its own ledger.
    fn count_deleted_rows(&mut self, detached: &DetachedFile) -> Result<()> {
        let is_apart = !detached.has_wal && detached.file != self.file;
        let Some(checkpointed) = detached.from.filter(|_| is_apart) else {
            return Ok(());
        };
        // Rows that cannot be read were reported when they were copied.
        let missing = checkpointed.missing_after(&detached.opened.connection);
        let missing = missing.unwrap_or_default();
        if missing == CommitCounts::default() {
            return Ok(());
        }
        let of = detached.file;
        self.transaction_unchecked(Durability::Power, |work| {
            // Each process that had that file open finds the same.
            match ledger::claim_missing(work.transaction, of)? {
                true => {
                    ledger::add_missing(work.transaction, &missing, Utc::now().timestamp_micros())
                }
                false => Ok(()),
            }
        })
    }

    /// Goes on without what SQLite finds damaged: the write-ahead log, and where that is not it, the file.
    pub(super) fn set_damage_aside(&mut self) -> Result<()> {
        self.damage = None;
        let file = self.access.open_file().cloned();
        if let Some(file) = file
            && !mem::replace(&mut self.has_set_wal_aside, true)
            && let Some(then) = file.ids()
        {
            let now = FileStats::read(file.path());
            if now.ids == then && now.wal_bytes > 0 {
                self.handle_change(&file, FileChange::Wal, then, &now)?;
                return self.finish_recovery(file.path());
            }
        }
        self.set_file_aside()
    }

    /// Gives a file that SQLite finds damaged another name, with its write-ahead log, and goes on in a new one. Nothing
    /// is deleted.
    fn set_file_aside(&mut self) -> Result<()> {
        let Some(file) = self.access.open_file().cloned() else {
            return Ok(());
        };
        let before = self.previous_file();
        self.note_previous_order(FileChange::Content);
        self.file = 0;
        file.close_all();
        self.write_lock_counts();
        let aside = set_aside_together(file.path(), "damaged").map_err(|cause| {
            let what = format!("cannot rename the damaged log {}", file.path().display());
            Error::new(ErrorKind::Store, what).with_source(cause)
        })?;
        tracing::error!(
            target: "tower_activity::store", log = %file.path().display(), renamed = %aside.display(),
            "the log is damaged: it was given another name with its write-ahead log, and recording begins anew"
        );
        self.replaced.count += 1;
        self.replaced.before.get_or_insert(before);
        self.reset_connection_state();
        self.wal = WalState::default();
        self.finish_recovery(file.path())
    }

    /// Remembers up to where the files had come that are replaced.
    fn note_previous_order(&mut self, change: FileChange) {
        let order = match change {
            // All that was committed is there, and whoever reads through an index that was cut off is killed.
            FileChange::Shm => return,
            // What is written over may be unreadable, or another's.
            FileChange::Content => None,
            FileChange::Main | FileChange::Wal => self
                .connection()
                .ok()
                .and_then(|connection| CommitOrder::read(&connection).ok()),
        };
        let order = order.filter(|order| order.id() == self.order);
        let order = order.unwrap_or_else(|| CommitOrder::with_unknown_end(self.order));
        self.replaced.order.get_or_insert(order);
        self.replaced.begin = None;
    }

    fn note_order_start(&mut self) -> Result<()> {
        if self.replaced.begin.is_none() {
            let begin =
                CommitOrder::read(&*self.connection()?).map_err(|cause| self.error(cause))?;
            self.replaced.begin = Some(begin);
        }
        Ok(())
    }

    /// An older copy was put in place while no log was open.
    pub(super) fn start_new_order(&mut self) -> Result<()> {
        if self.replaced.order.is_none() {
            self.replaced.order = Some(CommitOrder::with_unknown_end(self.order));
        }
        self.note_order_start()
    }

    /// Has nobody wait for what a process that died has promised.
    pub(super) fn settle_pending_continuations(&mut self) -> Result<()> {
        let promised = commit_order::has_pending(&*self.connection()?);
        match promised.map_err(|cause| self.error(cause))? {
            true => self.transaction_unchecked(Durability::Process, |work| {
                commit_order::settle_pending(work.transaction)
            }),
            false => Ok(()),
        }
    }

    /// Tells those who follow the log where they go on.
    pub(super) fn record_continuation(&mut self) -> Result<()> {
        let (Some(then), Some(begin)) = (self.replaced.order, self.replaced.begin) else {
            return Ok(());
        };
        let kept = !self.replaced.renumbered;
        self.order = self.transaction_unchecked(Durability::Power, |work| {
            commit_order::record_continuation(work.transaction, &then, &begin, kept)?;
            commit_order::id(work.transaction)
        })?;
        (self.replaced.order, self.replaced.begin) = (None, None);
        self.replaced.renumbered = false;
        Ok(())
    }

    fn write_rows(&mut self, rows: &[TableRows]) -> Result<u64> {
        // Counted as a commit, so that the file is not taken for what it was before.
        const COUNT: &str = "UPDATE instance SET commits = commits + 1 WHERE id = ?1";
        let offsets =
            [RecordKind::Activities, RecordKind::Events].map(|what| self.replaced.offset(what));
        let offset = |table: &str| match table {
            "activity" => offsets[0],
            _ => offsets[1],
        };
        let written = self.transaction_unchecked(Durability::Power, |work| {
            let mut count = work.transaction.prepare_cached(COUNT)?;
            count.execute([work.instance])?;
            rescue::write(work.transaction, work.buckets, rows, &offset)
        })?;
        self.committed.commits += 1;
        self.replaced.renumbered |= written.renumbered;
        Ok(written.count)
    }
}
