//! Frame counts of the WAL, as SQLite reports them.

use rusqlite::Connection;

/// Number of frames in the WAL, and how many of them a checkpoint has copied into the main file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WalFrames {
    pub(crate) total: i64,
    pub(crate) checkpointed: i64,
}

impl WalFrames {
    /// Queries SQLite without a checkpoint; `None` before SQLite 3.51, and if the query fails.
    pub(crate) fn query(connection: &Connection) -> Option<Self> {
        const NOOP: &str = "PRAGMA wal_checkpoint(NOOP)";
        // Older versions take an unknown mode for `PASSIVE`.
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

    /// Returns true if all frames are in the main file.
    pub(crate) fn are_checkpointed(self) -> bool {
        self.checkpointed == self.total
    }

    /// Returns true after an incomplete checkpoint, held up by a reader: the main file alone is not a consistent state.
    pub(crate) fn are_partly_checkpointed(self) -> bool {
        self.checkpointed > 0 && !self.are_checkpointed()
    }

    /// Returns true if frames were certainly checkpointed since `then`. The WAL restarts once all were.
    pub(crate) fn were_checkpointed_since(self, then: WalFrames) -> bool {
        let has_restarted = self.checkpointed < then.checkpointed || self.total < then.total;
        match has_restarted {
            true => self.checkpointed > 0 || !then.are_checkpointed(),
            false => self.checkpointed > then.checkpointed,
        }
    }
}
