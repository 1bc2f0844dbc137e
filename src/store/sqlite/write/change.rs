//! What has happened to the files of an open log: their names, sizes and contents compared with what the writer knows.

use std::{
    mem,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::OptionalExtension;

use super::side::WriteSide;
use crate::store::sqlite::{
    columns::signed,
    open::{
        connection::{Checkpoint, close, connect_to_look},
        damage::STILL,
        driver,
        file::OpenFile,
        frames::Frames,
        names::{Look, Names},
        stale::Counts,
    },
};

/// How often in a row another content of the main file must be seen that does not change: another program may be moving
/// pages.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(20);
/// A main file up to this size is read completely where it has changed and nothing says why.
const SMALL: u64 = 16 << 20;

/// What has happened to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Another main file, or none.
    Main,
    /// The content of the main file, by a copy that was written over it.
    Content,
    /// Another write-ahead log or none, or one that was cut off.
    Wal,
    /// Another index of the write-ahead log, or none.
    Shm,
}

impl WriteSide {
    /// Compares the files that stand there `now` with those that were opened `then`.
    pub(super) fn change(&mut self, file: &OpenFile, then: Names, now: &Look) -> Option<Change> {
        if now.names.main != then.main {
            return Some(Change::Main);
        }
        if file.is_shm_cut(now) {
            // Before anything reads by it.
            return Some(Change::Shm);
        }
        if !self.has_its_content(file.path(), then, now) {
            return Some(Change::Content);
        }
        if now.names.wal != then.wal || !self.has_its_wal(now) {
            return Some(Change::Wal);
        }
        (now.names.shm != then.shm).then_some(Change::Shm)
    }

    /// False where a copy was written over the main file, of an earlier state of the log or of another one.
    fn has_its_content(&mut self, path: &Path, then: Names, now: &Look) -> bool {
        self.wal.is_foreign = false;
        if self.wal.main == now.main {
            return true;
        }
        let mut seen = *now;
        let unknown = self.wal.unknown.filter(|(main, _)| *main == seen.main);
        if let Some((_, since)) = unknown
            && since.elapsed() < STILL
        {
            return true;
        }
        // A checkpoint of this process that a reader has kept from being complete leaves pages of several states.
        let is_own = self.wal.main.is_none() && self.wal.unknown.is_none();
        // Something has changed it: a checkpoint by somebody else, most often.
        let cookie = self.cookie();
        let mut still = 0;
        for _ in 0..2 * ATTEMPTS {
            let frames = self.frames();
            let found = Counts::of_main_alone(path, Some(self.instance.id));
            if found.map_or(is_own || unknown.is_some(), |found| {
                self.is_own_state(&found, cookie, frames)
            }) {
                // After a checkpoint of this process it is not known how the file looked.
                let is_explained = self.wal.main.is_none()
                    || frames.is_some_and(|frames| {
                        frames.are_taken() || frames.were_taken_since(self.wal.frames)
                    });
                let is_small = seen.main.is_some_and(|(bytes, _)| bytes <= SMALL);
                let can_be_checked = is_small && now.names == then;
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
            let again = Look::at(path);
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
    fn is_own_state(&self, found: &Counts, cookie: Option<i64>, frames: Option<Frames>) -> bool {
        let committed = signed(self.committed.commits);
        let least = match frames {
            Some(frames) if frames.are_taken() => committed,
            _ => self.wal.own_base,
        };
        // The last commit may not be counted yet.
        let most = committed.saturating_add(1);
        self.wal.base.is_none_or(|base| found.commits >= base)
            && (least..=most).contains(&found.own)
            && (found.file == self.file || found.file == 0)
            // It never goes ahead of what the connection sees, but in a copy made by VACUUM.
            && cookie.is_none_or(|cookie| found.cookie <= cookie)
    }

    /// The number of the schema as the connection sees it.
    fn cookie(&self) -> Option<i64> {
        let connection = self.connection().ok()?;
        let cookie = connection.query_row("PRAGMA schema_version", (), |row| row.get(0));
        cookie.ok()
    }

    /// How the write-ahead log stands. Takes nothing over.
    pub(super) fn frames(&self) -> Option<Frames> {
        Frames::of(&*self.connection().ok()?)
    }

    /// False where the write-ahead log was cut off, other than by a checkpoint.
    fn has_its_wal(&mut self, now: &Look) -> bool {
        if now.names.wal.is_none() {
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
        let Ok(connection) = connect_to_look(path) else {
            return false;
        };
        let check = "PRAGMA quick_check(1)";
        let checked = connection.query_row(check, (), |row| row.get::<_, String>(0));
        close(connection, Checkpoint::No);
        checked.is_ok_and(|found| found == "ok")
    }
}
