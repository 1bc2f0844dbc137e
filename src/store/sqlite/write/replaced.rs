//! What the writer does when the log's files were moved, removed, replaced or truncated while it has them open.
//!
//! The names are looked at before each transaction and after it, before anybody is told that it is committed. Where
//! they name other files, the old connection only reads: what it alone has is copied by id into the file that now
//! stands under the name, which is made where there is none.

use std::{mem, path::Path};

use chrono::Utc;

use super::{
    change::Change,
    ledger,
    order::{self, Order},
    orphans::Orphan,
    removed,
    rescue::{self, Part, Rows},
    side::WriteSide,
    wal::Wal,
};
use crate::{
    error::{Error, ErrorKind, Result},
    store::{
        Durability, What,
        sqlite::open::{
            connection,
            file::OpenFile,
            names::{FileId, Look, Names, is_deleted, set_aside, set_aside_together},
            witness::Committed,
        },
    },
};

impl WriteSide {
    /// Looks whether the files are still those that the connection has open, and goes on with those that stand under the
    /// names now where they are not.
    ///
    /// # Errors
    ///
    /// When those cannot be opened or written. What was read from the old ones is kept until they can.
    pub(super) fn look(&mut self) -> Result<()> {
        let Some(file) = self.access.open_file().cloned() else {
            return Ok(());
        };
        if let Some(lock) = &mut self.lock
            && let Err(error) = lock.keep()
        {
            tracing::debug!(target: "tower_activity::store", %error, "the lock file could not be made anew");
        }
        if let Some(then) = file.names() {
            let now = Look::at(file.path());
            match self.change(&file, then, &now) {
                Some(change) => self.replace(&file, change, then, &now)?,
                None => {
                    self.wal.bytes = now.wal_bytes;
                    file.saw_shm(&now);
                }
            }
        }
        self.settle(file.path())
    }

    /// True when the names differ from the files that are open. Takes note of how long the write-ahead log is.
    pub(super) fn is_replaced(&mut self) -> bool {
        let Some(file) = self.access.open_file() else {
            return false;
        };
        let now = Look::at(file.path());
        let replaced = file.names().is_some_and(|then| then != now.names);
        self.wal.bytes = now.wal_bytes;
        replaced
    }

    fn replace(&mut self, file: &OpenFile, change: Change, then: Names, look: &Look) -> Result<()> {
        let (now, path) = (look.names, file.path());
        let followed = self.rename_side_files(path, change, then, now)?;
        self.replaced.count += 1;
        tracing::warn!(
            target: "tower_activity::store", log = %path.display(), ?change,
            "the log's files were moved, removed or replaced while it is open: its rows are copied into those that stand there now"
        );
        let before = self.before();
        self.leave_order(change);
        match change {
            Change::Main => {
                self.file = 0;
                let from = (!is_deleted(then.main)).then_some(self.wal.watermark);
                if let Some(opened) = self.access.take() {
                    self.replaced.orphans.push(Orphan {
                        opened,
                        from,
                        file: before.file,
                        is_whole: followed,
                    });
                }
                file.close_all();
                // Who opens the next file does not wait for this instance to leave the last one.
                self.say_committed();
            }
            Change::Content => {
                // What the connection reads is a mixture of both.
                file.close_all();
                self.replaced.before.get_or_insert(before);
            }
            Change::Wal => {
                let rows = self.replaced.rows.len();
                self.read_rest()?;
                let again = match then.wal {
                    Some(wal) if now.wal.is_none() && !self.wal.is_foreign => {
                        removed::copy(path, wal)
                    }
                    _ => None,
                };
                file.close_all();
                if again.is_some_and(|again| again.put_back(path, look.main)) {
                    self.replaced.rows.truncate(rows);
                }
                self.replaced.before.get_or_insert(before);
            }
            Change::Shm => {
                file.close_all();
                self.replaced.before.get_or_insert(before);
            }
        }
        self.renewed();
        self.wal = Wal::default();
        Ok(())
    }

    /// Renames the side files that would be taken for those of what stands there now: where one cannot be renamed, nothing
    /// has changed yet, and all of it is tried again. True where the write-ahead log stays, and goes on with the main file.
    fn rename_side_files(
        &self,
        path: &Path,
        change: Change,
        then: Names,
        now: Names,
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
        let is_left = change != Change::Shm && own(now.wal, then.wal);
        let follow = |main| match self.frames() {
            Some(frames) => {
                // Somebody else's checkpoint has changed it since.
                let is_changed = frames.were_taken_since(self.wal.frames);
                let known = self.wal.main.filter(|_| !is_changed);
                frames.are_taken_in_part() && removed::follow(path, main, known, |_| true)
            }
            // It cannot be asked what was taken over, but seen that the main file is no state without the rest.
            None => removed::follow(path, main, None, |moved| !can_be_read_alone(moved)),
        };
        let followed = change == Change::Main && is_left && then.main.is_some_and(follow);
        if !followed && (is_left || change == Change::Content) {
            aside("-wal")?;
        }
        if change == Change::Content || change != Change::Shm && own(now.shm, then.shm) {
            aside("-shm")?;
        }
        Ok(followed)
    }

    /// Reads what is in the old write-ahead log alone, as far as it can be read.
    fn read_rest(&mut self) -> Result<()> {
        let mut rows = Vec::new();
        let mut take = |step: Vec<Rows>| {
            rows.push(step);
            Ok(())
        };
        let connection = self.connection()?;
        let failed = |cause| self.error(cause);
        let read = rescue::read(
            &connection,
            Part::After(self.wal.watermark),
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
    fn settle(&mut self, path: &Path) -> Result<()> {
        let orphans = mem::take(&mut self.replaced.orphans);
        let rows = mem::take(&mut self.replaced.rows);
        if orphans.is_empty() && rows.is_empty() && self.replaced.before.is_none() {
            return Ok(());
        }
        let mut left = rows.into_iter();
        let mut result = self.begin().and_then(|()| self.begin_order());
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
        for orphan in orphans {
            if result.is_ok() {
                result = self.copy(&orphan);
            }
            match result {
                Ok(()) => orphan
                    .opened
                    .close(crate::store::sqlite::open::connection::Checkpoint::No),
                Err(_) => self.replaced.orphans.push(orphan),
            }
        }
        result?;
        let before = self.replaced.before;
        self.count_losses(before)?;
        self.replaced.before = None;
        // The ledger says what is missing also where the main file is moved away alone.
        let _ = self.take_over_some();
        tracing::warn!(
            target: "tower_activity::store", log = %path.display(), rows = self.replaced.rescued,
            "the log goes on in the files that stand there now"
        );
        Ok(())
    }

    fn copy(&mut self, orphan: &Orphan) -> Result<()> {
        let path = self.access.path().to_owned();
        let failed = |cause| crate::store::sqlite::open::connection::at(&path, cause);
        let file = self.file;
        let (mut count, mut writes) = (0, true);
        let mut take = |step: Vec<Rows>| {
            let written = self.write_rows(&step);
            writes = written.is_ok();
            count += written?;
            Ok(())
        };
        let part = match orphan.from {
            Some(watermark) => Part::After(watermark),
            None => Part::All {
                same_file: orphan.file == file,
            },
        };
        let read = rescue::read(&orphan.opened.connection, part, &mut take, &failed);
        self.replaced.rescued += count;
        if writes {
            self.miss_deleted(orphan)?;
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
    fn miss_deleted(&mut self, orphan: &Orphan) -> Result<()> {
        let is_apart = !orphan.is_whole && orphan.file != self.file;
        let Some(watermark) = orphan.from.filter(|_| is_apart) else {
            return Ok(());
        };
        // Rows that cannot be read were reported when they were copied.
        let missing = watermark.missing_after(&orphan.opened.connection);
        let missing = missing.unwrap_or_default();
        if missing == Committed::default() {
            return Ok(());
        }
        let of = orphan.file;
        self.transaction_anyway(Durability::Power, |work| {
            // Each process that had that file open finds the same.
            match ledger::is_first_to_miss(work.transaction, of)? {
                true => ledger::miss(work.transaction, &missing, Utc::now().timestamp_micros()),
                false => Ok(()),
            }
        })
    }

    /// Goes on without what SQLite finds damaged: the write-ahead log, and where that is not it, the file.
    pub(super) fn leave_damages(&mut self) -> Result<()> {
        self.damage = None;
        let file = self.access.open_file().cloned();
        if let Some(file) = file
            && !mem::replace(&mut self.has_left_wal, true)
            && let Some(then) = file.names()
        {
            let now = Look::at(file.path());
            if now.names == then && now.wal_bytes > 0 {
                self.replace(&file, Change::Wal, then, &now)?;
                return self.settle(file.path());
            }
        }
        self.leave_damaged()
    }

    /// Gives a file that SQLite finds damaged another name, with its write-ahead log, and goes on in a new one. Nothing
    /// is deleted.
    fn leave_damaged(&mut self) -> Result<()> {
        let Some(file) = self.access.open_file().cloned() else {
            return Ok(());
        };
        let before = self.before();
        self.leave_order(Change::Content);
        self.file = 0;
        file.close_all();
        self.say_committed();
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
        self.renewed();
        self.wal = Wal::default();
        self.settle(file.path())
    }

    /// Remembers up to where the files had come that are replaced.
    fn leave_order(&mut self, change: Change) {
        let order = match change {
            // All that was committed is there, and whoever reads through an index that was cut off is killed.
            Change::Shm => return,
            // What is written over may be unreadable, or another's.
            Change::Content => None,
            Change::Main | Change::Wal => self
                .connection()
                .ok()
                .and_then(|connection| Order::of(&connection).ok()),
        };
        let order = order.filter(|order| order.id() == self.order);
        let order = order.unwrap_or_else(|| Order::with_unknown_end(self.order));
        self.replaced.order.get_or_insert(order);
        self.replaced.begin = None;
    }

    fn begin_order(&mut self) -> Result<()> {
        if self.replaced.begin.is_none() {
            let begin = Order::of(&*self.connection()?).map_err(|cause| self.error(cause))?;
            self.replaced.begin = Some(begin);
        }
        Ok(())
    }

    /// An older copy was put in place while no log was open.
    pub(super) fn begin_order_anew(&mut self) -> Result<()> {
        if self.replaced.order.is_none() {
            self.replaced.order = Some(Order::with_unknown_end(self.order));
        }
        self.begin_order()
    }

    /// Has nobody wait for what a process that died has promised.
    pub(super) fn settle_promises(&mut self) -> Result<()> {
        let promised = order::is_any_promised(&*self.connection()?);
        match promised.map_err(|cause| self.error(cause))? {
            true => self.transaction_anyway(Durability::Process, |work| {
                order::settle_promises(work.transaction)
            }),
            false => Ok(()),
        }
    }

    /// Tells those who follow the log where they go on.
    pub(super) fn go_on_in_order(&mut self) -> Result<()> {
        let (Some(then), Some(begin)) = (self.replaced.order, self.replaced.begin) else {
            return Ok(());
        };
        let kept = !self.replaced.renumbered;
        self.order = self.transaction_anyway(Durability::Power, |work| {
            order::go_on(work.transaction, &then, &begin, kept)?;
            order::id(work.transaction)
        })?;
        (self.replaced.order, self.replaced.begin) = (None, None);
        self.replaced.renumbered = false;
        Ok(())
    }

    fn write_rows(&mut self, rows: &[Rows]) -> Result<u64> {
        // Counted as a commit, so that the file is not taken for what it was before.
        const COUNT: &str = "UPDATE instance SET commits = commits + 1 WHERE id = ?1";
        let offsets = [What::Activities, What::Events].map(|what| self.replaced.offset(what));
        let offset = |table: &str| match table {
            "activity" => offsets[0],
            _ => offsets[1],
        };
        let written = self.transaction_anyway(Durability::Power, |work| {
            let mut count = work.transaction.prepare_cached(COUNT)?;
            count.execute([work.instance])?;
            rescue::write(work.transaction, work.buckets, rows, &offset)
        })?;
        self.committed.commits += 1;
        self.replaced.renumbered |= written.renumbered;
        Ok(written.count)
    }
}

/// Whether the pages of a main file are one state without a write-ahead log.
fn can_be_read_alone(path: &Path) -> bool {
    let check = || {
        let alone = connection::open_main_alone(path).ok()?;
        let found = alone.query_row("PRAGMA integrity_check(1)", (), |row| {
            row.get::<_, String>(0)
        });
        found.ok()
    };
    check().is_some_and(|found| found == "ok")
}
