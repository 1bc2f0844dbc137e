//! Recovery after the files of an open store were moved, removed, replaced or truncated.
//!
//! The files are checked before each transaction and after it, before the commit is reported. If there are others at the
//! paths, the old connection only reads: rows that no other file has are copied by id into the file that is there now, or
//! into a new one.

use std::{mem, path::Path};

use chrono::Utc;
use rusqlite::Connection;

use super::{
    commit_order::{self, CommitOrder},
    file_change::FileChange,
    instance_writer::InstanceWriter,
    ledger,
    replaced_files::{DetachedFile, PreviousFile},
    rescue::{self, CheckpointedRows, Extent, TableRows},
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
            file::{OpenConnection, OpenFile},
            lock_counts::CommitCounts,
            side_files::{FileId, FileIds, FileStats, is_deleted, set_aside, set_aside_together},
        },
    },
};

impl InstanceWriter {
    /// Checks that the files at the paths are still those that the connection has open, and switches to the new ones if not.
    ///
    /// # Errors
    ///
    /// If the new files cannot be opened or written. What was read from the old ones is kept until they can.
    pub(super) fn check_files(&mut self) -> Result<()> {
        let Some(file) = self.access.open_file().cloned() else {
            return Ok(());
        };
        if let Some(lock) = &mut self.lock
            && let Err(error) = lock.recreate_if_missing()
        {
            tracing::debug!(target: "tower_activity::store", %error, "could not recreate the lock file");
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

    /// Returns true if the files at the paths are not those that are open. Records the size of the WAL.
    pub(super) fn is_replaced(&mut self) -> bool {
        let Some(file) = self.access.open_file() else {
            return false;
        };
        let now = FileStats::read(file.path());
        let replaced = file.ids().is_some_and(|then| then != now.ids);
        self.wal.bytes = now.wal_bytes;
        replaced
    }

    /// Saves what only the old files have and closes the connections to them.
    fn handle_change(
        &mut self,
        file: &OpenFile,
        change: FileChange,
        then: FileIds,
        stats: &FileStats,
    ) -> Result<()> {
        let (now, path) = (stats.ids, file.path());
        let moved_wal = self.rename_side_files(path, change, then, now)?;
        self.replaced.count += 1;
        tracing::warn!(
            target: "tower_activity::store", log = %path.display(), ?change,
            "the store's files were moved, removed or replaced while it is open: copying its rows to the new files"
        );
        let before = self.previous_file();
        self.note_previous_order(change);
        match change {
            FileChange::Main => {
                self.file = 0;
                match self.access.take() {
                    Some(opened) if is_deleted(then.main) => {
                        let file = before.file;
                        self.replaced.detached.push(DetachedFile { opened, file });
                    }
                    Some(opened) => self.read_moved_file(opened, before, moved_wal),
                    None => {}
                }
                file.close_all();
                // So that other processes open the new file without waiting for this instance.
                self.write_lock_counts();
            }
            FileChange::Content => {
                // The connection would read a mixture of both.
                file.close_all();
                self.replaced.note_previous_file(before);
            }
            FileChange::Wal => {
                let connection = self.connection()?;
                let mut rows = self.read_wal_rows(&connection, self.wal.checkpointed);
                drop(connection);
                let wal_copy = match then.wal {
                    Some(wal) if now.wal.is_none() && !self.wal.is_foreign => {
                        wal_copy::copy_open_wal(path, wal)
                    }
                    _ => None,
                };
                file.close_all();
                if !wal_copy.is_some_and(|copy| copy.restore(path, stats.main)) {
                    self.replaced.rows.append(&mut rows);
                }
                self.replaced.note_previous_file(before);
            }
            FileChange::Shm => {
                file.close_all();
                self.replaced.note_previous_file(before);
            }
        }
        self.reset_connection_state();
        self.wal = WalState::default();
        Ok(())
    }

    /// Renames side files that would be used with the new main file. Returns true if the WAL was moved to the old main file
    /// instead. After an error nothing else has changed yet, and all of it is tried again.
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
        let move_wal = |main| match self.frames() {
            Some(frames) => {
                // Another process's checkpoint has changed it since.
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
        let moved_wal = change == FileChange::Main && is_left && then.main.is_some_and(move_wal);
        if !moved_wal && (is_left || change == FileChange::Content) {
            aside("-wal")?;
        }
        if change == FileChange::Content || change != FileChange::Shm && own(now.shm, then.shm) {
            aside("-shm")?;
        }
        Ok(moved_wal)
    }

    /// Reads the rows that only the old WAL has, as far as they can be read.
    fn read_wal_rows(
        &self,
        connection: &Connection,
        checkpointed: CheckpointedRows,
    ) -> Vec<Vec<TableRows>> {
        let mut rows = Vec::new();
        let mut take = |step: Vec<TableRows>| {
            rows.push(step);
            Ok(())
        };
        let failed = |cause| self.error(cause);
        let part = Extent::After(checkpointed);
        if let Err(error) = rescue::read(connection, part, &mut take, &failed) {
            tracing::error!(
                target: "tower_activity::store", %error,
                "a part of the WAL can no longer be read, its rows are lost"
            );
        }
        rows
    }

    /// Reads what only the WAL of a moved file has, and closes the connection: the file may be back at its path at any moment, and a
    /// second connection beside this one would reset the `-shm` file that it maps.
    fn read_moved_file(&mut self, opened: OpenConnection, before: PreviousFile, has_wal: bool) {
        let mut rows = self.read_wal_rows(&opened.connection, self.wal.checkpointed);
        self.replaced.rows.append(&mut rows);
        if !has_wal {
            // Rows that another client deleted in the WAL: the ledger in the main file does not have them. Unreadable rows were
            // reported.
            let missing = self.wal.checkpointed.missing_after(&opened.connection);
            let missing = missing.unwrap_or_default();
            if missing != CommitCounts::default() {
                self.replaced.missing.push((before.file, missing));
            }
        }
        opened.close(Checkpoint::No);
        self.replaced.note_previous_file(PreviousFile {
            is_moved: true,
            ..before
        });
    }

    /// Writes what was read from the old files into the new ones.
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
        if result.is_ok() {
            self.replaced.begun.get_or_insert(self.committed);
        }
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
        self.count_missing_rows()?;
        let before = self.replaced.before;
        self.count_lost_rows(before)?;
        (self.replaced.before, self.replaced.begun) = (None, None);
        // So that the ledger has the losses even if the main file is moved away without its WAL.
        let _ = self.checkpoint_passive();
        tracing::warn!(
            target: "tower_activity::store", log = %path.display(), rows = self.replaced.rescued,
            "recording continues in the new files"
        );
        Ok(())
    }

    /// Copies the rows of an old file, a step at a time.
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
        let part = Extent::All {
            same_file: detached.file == file,
        };
        let read = rescue::read(&detached.opened.connection, part, &mut take, &failed);
        self.replaced.rescued += count;
        match read {
            // A part that cannot be read now will not be readable later.
            Err(error) if writes => {
                tracing::error!(
                    target: "tower_activity::store", %error,
                    "a part of the replaced file cannot be read, its rows are lost"
                );
                Ok(())
            }
            read => read,
        }
    }

    /// Enters what is missing in moved files into the ledger of another one. Another state of the same file is compared by its own
    /// ledger.
    fn count_missing_rows(&mut self) -> Result<()> {
        while let Some((of, missing)) = self.replaced.missing.last().copied() {
            if of != self.file {
                self.transaction_unchecked(Durability::Power, |work| {
                    // Each process that had the file open finds the same.
                    match ledger::claim_missing(work.transaction, of)? {
                        true => {
                            let now = Utc::now().timestamp_micros();
                            ledger::add_missing(work.transaction, &missing, now)
                        }
                        false => Ok(()),
                    }
                })?;
            }
            self.replaced.missing.pop();
        }
        Ok(())
    }

    /// Sets aside what SQLite finds damaged: first the WAL, and if the damage remains, the main file.
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

    /// Renames a damaged main file together with its WAL, and continues in a new one. Nothing is deleted.
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
            let what = format!("cannot rename the damaged store {}", file.path().display());
            Error::new(ErrorKind::Store, what).with_source(cause)
        })?;
        tracing::error!(
            target: "tower_activity::store", log = %file.path().display(), renamed = %aside.display(),
            "the store is damaged: it was renamed with its WAL, recording continues in a new file"
        );
        self.replaced.count += 1;
        self.replaced.note_previous_file(before);
        self.reset_connection_state();
        self.wal = WalState::default();
        self.finish_recovery(file.path())
    }

    /// Remembers the commit order of the files that are being replaced.
    fn note_previous_order(&mut self, change: FileChange) {
        let order = match change {
            // All commits are still there, and reading through a truncated `-shm` file would raise SIGBUS.
            FileChange::Shm => return,
            // An overwritten file may be unreadable, or another log's.
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

    /// Remembers the commit order of the new file, before anything is copied into it.
    fn note_order_start(&mut self) -> Result<()> {
        if self.replaced.begin.is_none() {
            let begin =
                CommitOrder::read(&*self.connection()?).map_err(|cause| self.error(cause))?;
            self.replaced.begin = Some(begin);
        }
        Ok(())
    }

    /// Starts a new commit order: an older copy was restored while no log was open.
    pub(super) fn start_new_order(&mut self) -> Result<()> {
        if self.replaced.order.is_none() {
            self.replaced.order = Some(CommitOrder::with_unknown_end(self.order));
        }
        self.note_order_start()
    }

    /// Settles continuations that a dead process has only announced, so that no follower waits for them.
    pub(super) fn settle_pending_continuations(&mut self) -> Result<()> {
        let promised = commit_order::has_pending(&*self.connection()?);
        match promised.map_err(|cause| self.error(cause))? {
            true => self.transaction_unchecked(Durability::Process, |work| {
                commit_order::settle_pending(work.transaction)
            }),
            false => Ok(()),
        }
    }

    /// Stores where followers of the old commit order continue.
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

    /// Writes one step of copied rows. Returns how many were new.
    fn write_rows(&mut self, rows: &[TableRows]) -> Result<u64> {
        // Counted as a commit, so that the file is not taken for its earlier state.
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
