//! What has happened to the files of an open log: their names, sizes and contents compared with what the writer knows.

use std::{
    mem,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OptionalExtension};

use super::side::WriteSide;
use crate::store::sqlite::open::{
    connection::{Checkpoint, close, connect_to_look},
    driver,
    file::OpenFile,
    names::{Look, Names},
    stale::Counts,
};

/// How often in a row another content of the main file must be seen that does not change: another program may be moving
/// pages.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(20);
/// How long a main file that cannot be read must stay as it is until nobody is taken to be writing it.
pub(in crate::store::sqlite) const STILL: Duration = Duration::from_secs(2);
/// A main file up to this size is read completely where it has changed and nothing says why.
const SMALL: u64 = 16 << 20;

/// What has happened to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) enum Change {
    /// Another main file, or none.
    Main,
    /// The content of the main file, by a copy that was written over it.
    Content,
    /// Another write-ahead log or none, or one that was cut off.
    Wal,
    /// Another index of the write-ahead log, or none.
    Shm,
}

/// How many frames the write-ahead log has, and how many of them were taken over into the main file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::store::sqlite) struct Frames {
    pub(in crate::store::sqlite) all: i64,
    pub(in crate::store::sqlite) taken: i64,
}

impl Frames {
    /// Asks SQLite, which takes nothing over for that. `None` where it cannot be asked.
    pub(in crate::store::sqlite) fn of(connection: &Connection) -> Option<Self> {
        const LOOK: &str = "PRAGMA wal_checkpoint(NOOP)";
        // Before, SQLite takes an unknown word for `PASSIVE`.
        if rusqlite::version_number() < 3_051_000 {
            return None;
        }
        let frames = connection.query_row(LOOK, (), |row| {
            Ok(Frames {
                all: row.get(1)?,
                taken: row.get(2)?,
            })
        });
        frames.ok()
    }

    /// True where everything is in the main file.
    fn are_taken(self) -> bool {
        self.taken == self.all
    }

    /// True where the main file is no state of the log: a reader has kept a checkpoint from being complete.
    pub(in crate::store::sqlite) fn are_taken_in_part(self) -> bool {
        self.taken > 0 && !self.are_taken()
    }

    /// True where frames were taken over since then for sure. The write-ahead log begins anew once all were.
    pub(in crate::store::sqlite) fn were_taken_since(self, then: Frames) -> bool {
        let began_anew = self.taken < then.taken || self.all < then.all;
        match began_anew {
            true => self.taken > 0 || !then.are_taken(),
            false => self.taken > then.taken,
        }
    }
}

impl WriteSide {
    /// Compares the files that stand there `now` with those that were opened `then`.
    pub(in crate::store::sqlite) fn change(
        &mut self,
        file: &OpenFile,
        then: Names,
        now: &Look,
    ) -> Option<Change> {
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
        let committed = i64::try_from(self.committed.commits).unwrap_or(i64::MAX);
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
    pub(in crate::store::sqlite) fn frames(&self) -> Option<Frames> {
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
        let expected = i64::try_from(self.committed.commits).unwrap_or(i64::MAX);
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
