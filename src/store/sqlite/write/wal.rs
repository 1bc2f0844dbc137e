//! The write-ahead log: how it stands, and how it is taken over into the main file.

use std::{
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use rusqlite::Connection;

use super::rescue::CheckpointedRows;
use crate::{
    record::InstanceId,
    store::sqlite::open::{
        connection::BUSY_TIMEOUT,
        side_files::FileStats,
        stale_wal::{self, CommitState},
        wal_frames::WalFrames,
    },
};

/// The size from which on it is taken over in any case: about 10,000 pages, beyond which the rate no longer rises.
pub(super) const MAX_BYTES: u64 = 80 << 20;

pub(super) const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// How the write-ahead log stands, as far as this instance knows.
#[derive(Debug, Default)]
pub(super) struct WalState {
    /// Its size after the last commit.
    pub(super) bytes: u64,
    /// The size of its file at the last complete checkpoint: commits fill it from the start.
    pub(super) reused_bytes: u64,
    /// How the main file looked when its content was last compared; `None` after a checkpoint of this process.
    pub(super) main: Option<(u64, SystemTime)>,
    /// How it looks since when, where it cannot be read alone.
    pub(super) unknown: Option<(Option<(u64, SystemTime)>, Instant)>,
    /// How the write-ahead log stood then.
    pub(super) frames: WalFrames,
    /// Commits of all instances that are in the main file for sure; `None` while it may still be one of schema 1, which
    /// counts none.
    pub(super) base: Option<i64>,
    /// Those of this instance.
    pub(super) own_base: i64,
    /// Rows that are in the main file for sure.
    pub(super) checkpointed: CheckpointedRows,
    /// When the first commit was that is not in the main file for sure.
    pub(super) dirty_since: Option<Instant>,
    pub(super) last_commit: Option<Instant>,
    pub(super) not_before: Option<Instant>,
    /// Somebody has written the main file, and no checkpoint of this write-ahead log says why.
    pub(super) is_foreign: bool,
    /// Its file system takes less than the file's size, and what is in it can be read.
    pub(super) is_compressed: bool,
}

impl WalState {
    pub(super) fn record_commit(&mut self) {
        let now = Instant::now();
        self.dirty_since.get_or_insert(now);
        self.last_commit = Some(now);
    }

    /// Takes note of what is in the main file now.
    pub(super) fn record_checkpoint(&mut self, taken: &CheckpointOutcome, look: &FileStats) {
        // Somebody may have written over it meanwhile: the next look compares its content.
        self.main = None;
        self.frames = taken.frames;
        self.bytes = look.wal_bytes;
        if taken.complete {
            self.reused_bytes = look.wal_bytes;
            self.checkpointed = taken.checkpointed;
            self.base = Some(taken.base);
            self.own_base = taken.own_base;
        }
    }

    /// True where the part of its file that is in use has reached the limit.
    pub(super) fn is_full(&mut self, bytes: u64, limit: u64) -> bool {
        // SQLite cuts it to `journal_size_limit` when it begins anew.
        self.reused_bytes = self.reused_bytes.min(bytes);
        bytes >= limit && bytes > self.reused_bytes
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.dirty_since.is_some()
    }
}

/// Takes over, as far as readers allow, what upkeep has written: a long job leaves no more beside the file than a writer.
pub(crate) fn limit_size(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    if FileStats::read(path).wal_bytes >= MAX_BYTES && stale_wal::wal_matches(path, None) {
        connection.query_row(PASSIVE, (), |_| Ok(()))?;
    }
    Ok(())
}

/// What came of a checkpoint.
pub(super) struct CheckpointOutcome {
    checkpointed: CheckpointedRows,
    base: i64,
    own_base: i64,
    frames: WalFrames,
    /// All of it was taken over.
    pub(super) complete: bool,
}

/// Takes over what a new connection finds in the write-ahead log.
pub(super) fn checkpoint_first(
    connection: &Connection,
    own: InstanceId,
) -> rusqlite::Result<CheckpointOutcome> {
    run_checkpoint(connection, PASSIVE, own)
}

pub(super) fn run_checkpoint(
    connection: &Connection,
    sql: &str,
    own: InstanceId,
) -> rusqlite::Result<CheckpointOutcome> {
    let checkpointed = CheckpointedRows::read(connection)?;
    let counts = CommitState::read(connection, Some(own))?;
    // Nobody waits for a reader.
    connection.busy_timeout(Duration::ZERO)?;
    let done = connection.query_row(sql, (), |row| {
        let (busy, pages, taken): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let frames = WalFrames {
            total: pages,
            checkpointed: taken,
        };
        Ok((!busy && pages == taken, frames))
    });
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let (complete, frames) = done?;
    Ok(CheckpointOutcome {
        checkpointed,
        base: counts.commits,
        own_base: counts.own,
        frames,
        complete,
    })
}
