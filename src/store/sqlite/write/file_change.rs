//! Detects changes to the files of an open log: compares their identities, sizes and contents with what the writer knows.

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
        consistency::{self, Files, is_consistent},
        damage::QUIET_PERIOD,
        driver,
        file::OpenFile,
        side_files::{FileIds, FileStats},
        stale_wal::CommitState,
        wal_frames::WalFrames,
    },
};

/// How often in a row the same foreign content must be found in the main file: another program may be in a checkpoint.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(20);

/// A change that another program made to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileChange {
    /// The main file is another one, or missing.
    Main,
    /// A copy was written over the main file.
    Content,
    /// The WAL is another one, missing, or truncated.
    Wal,
    /// The WAL index (`-shm`) is another one, missing, or truncated.
    Shm,
}

impl InstanceWriter {
    /// Compares the files at the log's paths `now` with those that were opened `then`.
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
            // Before anything reads through it, which would raise SIGBUS.
            return Some(FileChange::Shm);
        }
        if !self.main_content_matches(file.path(), then, now) {
            return Some(FileChange::Content);
        }
        if now.ids.wal != then.wal || !self.wal_is_intact(file.path(), now) {
            return Some(FileChange::Wal);
        }
        (now.ids.shm != then.shm).then_some(FileChange::Shm)
    }

    /// Returns false if a copy was written over the main file: an earlier state of the log, or another log.
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
        // An incomplete checkpoint of this process leaves pages of several states.
        let is_own = self.wal.main.is_none() && self.wal.unknown.is_none();
        // Something changed the file, usually another process's checkpoint.
        let schema_cookie = self.schema_cookie();
        let mut still = 0;
        for _ in 0..2 * ATTEMPTS {
            let frames = self.frames();
            let found = CommitState::read_main_file(path, Some(self.instance.id));
            if found.map_or(is_own || unknown.is_some(), |found| {
                self.is_own_state(&found, schema_cookie, frames)
            }) {
                // After our own checkpoint the file's earlier size and time are not known.
                let is_explained = self.wal.main.is_none()
                    || frames.is_some_and(|frames| {
                        frames.are_checkpointed() || frames.were_checkpointed_since(self.wal.frames)
                    });
                let is_damaged = || {
                    is_consistent(path, Files::MainAndWal, consistency::MAX_BYTES) == Some(false)
                };
                if !is_explained && now.ids == then && is_damaged() {
                    return false;
                }
                self.wal.is_foreign = !is_explained;
                self.wal.main = seen.main;
                self.wal.unknown = None;
                self.wal.frames = frames.unwrap_or(self.wal.frames);
                // Another process's checkpoint has copied that many.
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
        // Another program is writing the file. Until it is done, commits stay in the WAL.
        self.wal.unknown = Some((seen.main, Instant::now()));
        self.wal.main = None;
        true
    }

    /// Returns true if the main file alone can be what a checkpoint of this log left behind.
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
        // The last commit may not be in our own count yet.
        let most = committed.saturating_add(1);
        self.wal.base.is_none_or(|base| found.commits >= base)
            && (least..=most).contains(&found.own)
            && (found.file == self.file || found.file == 0)
            // Only a copy made by VACUUM is ahead of what the connection sees.
            && schema_cookie.is_none_or(|schema_cookie| found.schema_cookie <= schema_cookie)
    }

    /// Reads SQLite's schema cookie through the writer's connection.
    fn schema_cookie(&self) -> Option<i64> {
        let connection = self.connection().ok()?;
        let schema_cookie = connection.query_row("PRAGMA schema_version", (), |row| row.get(0));
        schema_cookie.ok()
    }

    /// Queries the WAL's frame counts without a checkpoint; `None` if SQLite is older than 3.51.
    pub(super) fn frames(&self) -> Option<WalFrames> {
        WalFrames::query(&*self.connection().ok()?)
    }

    /// Returns false if anything but a checkpoint truncated the WAL.
    fn wal_is_intact(&mut self, path: &Path, now: &FileStats) -> bool {
        if now.ids.wal.is_none() {
            return true;
        }
        if now.wal_has_holes && !self.wal.is_compressed {
            // Whatever the size: a hole that is not compression would be checkpointed as zeros. Done once for a WAL.
            self.wal.is_compressed = is_consistent(path, Files::MainAndWal, u64::MAX) == Some(true);
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
        // The ends of both tables are read as well: those pages were written last.
        const OWN: &str = "SELECT commits, (SELECT max(seq) FROM activity), (SELECT max(seq) FROM event) \
             FROM instance WHERE id = ?1";
        // From the files, not from the connection's page cache.
        let read = driver::release_memory(&connection).and_then(|()| {
            connection
                .query_row(OWN, [row], |row| row.get::<_, i64>(0))
                .optional()
        });
        drop(connection);
        let is_readable = matches!(read, Ok(Some(commits)) if commits >= expected);
        if is_readable {
            self.wal.bytes = now.wal_bytes;
        }
        is_readable
    }
}
