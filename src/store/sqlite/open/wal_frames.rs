//! The frames of the write-ahead log, as SQLite counts them.

use rusqlite::Connection;

/// How many frames the write-ahead log has, and how many of them were taken over into the main file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WalFrames {
    pub(crate) total: i64,
    pub(crate) checkpointed: i64,
}

impl WalFrames {
    /// Asks SQLite, which takes nothing over for that. `None` where it cannot be asked.
    pub(crate) fn query(connection: &Connection) -> Option<Self> {
        const NOOP: &str = "PRAGMA wal_checkpoint(NOOP)";
        // Before, SQLite takes an unknown word for `PASSIVE`.
        if rusqlite::version_number() < 3_051_000 {
            return None;
        }
        let frames = connection.query_row(NOOP, (), |row| {
            Ok(WalFrames {
                total: row.get(1)?,
                checkpointed: row.get(2)?,
            })
        });
        frames.ok()
    }

    /// True where everything is in the main file.
    pub(crate) fn are_checkpointed(self) -> bool {
        self.checkpointed == self.total
    }

    /// True where the main file is no state of the log: a reader has kept a checkpoint from being complete.
    pub(crate) fn are_partly_checkpointed(self) -> bool {
        self.checkpointed > 0 && !self.are_checkpointed()
    }

    /// True where frames were taken over since then for sure. The write-ahead log begins anew once all were.
    pub(crate) fn were_checkpointed_since(self, then: WalFrames) -> bool {
        let began_anew = self.checkpointed < then.checkpointed || self.total < then.total;
        match began_anew {
            true => self.checkpointed > 0 || !then.are_checkpointed(),
            false => self.checkpointed > then.checkpointed,
        }
    }
}
