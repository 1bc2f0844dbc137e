//! The frames of the write-ahead log, as SQLite counts them.

use rusqlite::Connection;

/// How many frames the write-ahead log has, and how many of them were taken over into the main file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Frames {
    pub(crate) all: i64,
    pub(crate) taken: i64,
}

impl Frames {
    /// Asks SQLite, which takes nothing over for that. `None` where it cannot be asked.
    pub(crate) fn of(connection: &Connection) -> Option<Self> {
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
    pub(crate) fn are_taken(self) -> bool {
        self.taken == self.all
    }

    /// True where the main file is no state of the log: a reader has kept a checkpoint from being complete.
    pub(crate) fn are_taken_in_part(self) -> bool {
        self.taken > 0 && !self.are_taken()
    }

    /// True where frames were taken over since then for sure. The write-ahead log begins anew once all were.
    pub(crate) fn were_taken_since(self, then: Frames) -> bool {
        let began_anew = self.taken < then.taken || self.all < then.all;
        match began_anew {
            true => self.taken > 0 || !then.are_taken(),
            false => self.taken > then.taken,
        }
    }
}
