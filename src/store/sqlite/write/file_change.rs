//! What has happened to the files of an open log: their names, sizes and contents compared with what the writer knows.

use std::{
    mem,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::OptionalExtension;

use super::instance_writer::InstanceWriter;
use crate::store::sqlite::{
    columns::signed,
    open::{
        connection::{Checkpoint, close, connect_to_inspect},
        damage::QUIET_PERIOD,
        driver,
        file::OpenFile,
        side_files::{FileIds, FileStats},
        stale_wal::CommitState,
        wal_frames::WalFrames,
    },
};

/// How often in a row another content of the main file must be seen that does not change: another program may be moving
/// pages.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(20);
/// A main file up to this size is read completely where it has changed and nothing says why.
const MAX_CHECKED_BYTES: u64 = 16 << 20;

/// What has happened to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileChange {
    /// Another main file, or none.
    Main,
    /// The content of the main file, by a copy that was written over it.
    Content,
    /// Another write-ahead log or none, or one that was cut off.
    Wal,
    /// Another index of the write-ahead log, or none.
    Shm,
}

impl InstanceWriter {
    /// Compares the files that stand there `now` with those that were opened `then`.
    pub(super) fn detect_change(
        &mut self,
        file: &OpenFile,
        then: FileIds,
        now: &FileStats,
    ) -> Option<FileChange> {
        if now.ids.main != then.main {
            return Some(FileChange::Main);
        }
        if file.is_shm_truncated(now) {
            // Before anything reads by it.
            return Some(FileChange::Shm);
        }
        if !self.main_content_matches(file.path(), then, now) {
            return Some(FileChange::Content);
        }
        if now.ids.wal != then.wal || !self.wal_is_intact(now) {
            return Some(FileChange::Wal);
        }
        (now.ids.shm != then.shm).then_some(FileChange::Shm)
    }

    /// False where a copy was written over the main file, of an earlier state of the log or of another one.
    fn main_content_matches(&mut self, path: &Path, then: FileIds, now: &FileStats) -> bool {
        self.wal.is_foreign = false;
        if self.wal.main == now.main {
            return true;
        }
        let mut seen = *now;
        let unknown = self.wal.unknown.filter(|(main, _)| *main == seen.main);
        if let Some((_, since)) = unknown
            && since.elapsed() < QUIET_PERIOD
        {
            return true;
        }
        // A checkpoint of this process that a reader has kept from being complete leaves pages of several states.
        let is_own = self.wal.main.is_none() && self.wal.unknown.is_none();
        // Something has changed it: a checkpoint by somebody else, most often.
        let schema_cookie = self.schema_cookie();
        let mut still = 0;
        for _ in 0..2 * ATTEMPTS {
            let frames = self.frames();
            let found = CommitState::read_main_file(path, Some(self.instance.id));
            if found.map_or(is_own || unknown.is_some(), |found| {
                self.is_own_state(&found, schema_cookie, frames)
            }) {
                // After a checkpoint of this process it is not known how the file looked.
                let is_explained = self.wal.main.is_none()
                    || frames.is_some_and(|frames| {
                        frames.are_checkpointed() || frames.were_checkpointed_since(self.wal.frames)
                    });
                let is_small = seen
                    .main
                    .is_some_and(|(bytes, _)| bytes <= MAX_CHECKED_BYTES);
                let can_be_checked = is_small && now.ids == then;
                if !is_explained && can_be_checked && !self.can_be_read() {
                    return false;
                }
                self.wal.is_foreign = !is_explained;
                self.wal.main = seen.main;
                self.wal.unknown = None;
                self.wal.frames = frames.unwrap_or_default();
                // A checkpoint by somebody else has taken over as many.
                let commits = found.map(|found| found.commits).filter(|all| *all >= 0);
                self.wal.base = self.wal.base.max(commits);
                return true;
            }
            thread::sleep(PAUSE);
            let again = FileStats::read(path);
            let stands = mem::replace(&mut seen, again).main == again.main && found.is_some();
            still = if stands { still + 1 } else { 0 };
            if still == ATTEMPTS {
                return false;
            }
        }
        // Somebody is writing it: until it is known, what is committed stays in the write-ahead log.
        self.wal.unknown = Some((seen.main, Instant::now()));
        self.wal.main = None;
        true
    }

    /// True where the main file alone can be what a checkpoint of this log has left.
    fn is_own_state(
        &self,
        found: &CommitState,
        schema_cookie: Option<i64>,
        frames: Option<WalFrames>,
    ) -> bool {
        let committed = signed(self.committed.commits);
        let least = match frames {
            Some(frames) if frames.are_checkpointed() => committed,
            _ => self.wal.own_base,
        };
        // The last commit may not be counted yet.
        let most = committed.saturating_add(1);
        self.wal.base.is_none_or(|base| found.commits >= base)
            && (least..=most).contains(&found.own)
            && (found.file == self.file || found.file == 0)
            // It never goes ahead of what the connection sees, but in a copy made by VACUUM.
            && schema_cookie.is_none_or(|schema_cookie| found.schema_cookie <= schema_cookie)
    }

    /// The number of the schema as the connection sees it.
    fn schema_cookie(&self) -> Option<i64> {
        let connection = self.connection().ok()?;
        let schema_cookie = connection.query_row("PRAGMA schema_version", (), |row| row.get(0));
        schema_cookie.ok()
    }

    /// How the write-ahead log stands. Takes nothing over.
    pub(super) fn frames(&self) -> Option<WalFrames> {
        WalFrames::query(&*self.connection().ok()?)
    }

    /// False where the write-ahead log was cut off, other than by a checkpoint.
    fn wal_is_intact(&mut self, now: &FileStats) -> bool {
        if now.ids.wal.is_none() {
            return true;
        }
        if now.wal_has_holes && !self.wal.is_compressed {
            self.wal.is_compressed = self.can_be_read();
            return self.wal.is_compressed;
        }
        if now.wal_bytes >= self.wal.bytes {
            return true;
        }
        let expected = signed(self.committed.commits);
        let row = self.row();
        let Ok(connection) = self.connection() else {
            return true;
        };
        const OWN: &str = "SELECT commits, (SELECT max(seq) FROM activity), (SELECT max(seq) FROM event) \
             FROM instance WHERE id = ?1";
        // Not what the connection remembers of its pages, but what can still be read.
        let read = driver::release_memory(&connection).and_then(|()| {
            connection
                .query_row(OWN, [row], |row| row.get::<_, i64>(0))
                .optional()
        });
        drop(connection);
        let there = matches!(read, Ok(Some(commits)) if commits >= expected);
        if there {
            self.wal.bytes = now.wal_bytes;
        }
        there
    }

    /// Reads all pages, by a connection that remembers nothing of them and nothing of the schema.
    fn can_be_read(&self) -> bool {
        let Some(path) = self.path() else {
            return true;
        };
        let Ok(connection) = connect_to_inspect(path) else {
            return false;
        };
        let check = "PRAGMA quick_check(1)";
        let checked = connection.query_row(check, (), |row| row.get::<_, String>(0));
        close(connection, Checkpoint::No);
        checked.is_ok_and(|found| found == "ok")
    }
}
