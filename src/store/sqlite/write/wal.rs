//! The state of the WAL, and running a checkpoint.

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

/// A WAL of this size is checkpointed whatever the size of the main file: about 10,000 pages, beyond which the insert rate no
/// longer rises.
pub(super) const MAX_BYTES: u64 = 80 << 20;

pub(super) const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// State of the WAL, as far as this instance knows it.
#[derive(Debug, Default)]
pub(super) struct WalState {
    /// Size after the last commit.
    pub(super) bytes: u64,
    /// Size of the file at the last complete checkpoint: new commits fill it from the start.
    pub(super) reused_bytes: u64,
    /// Size and time of the main file when its content was last compared; `None` after a checkpoint of this process.
    pub(super) main: Option<(u64, SystemTime)>,
    /// Size and time of a main file that could not be identified, and since when.
    pub(super) unknown: Option<(Option<(u64, SystemTime)>, Instant)>,
    /// Frame counts at the last checkpoint of this process, or when the main file was last compared.
    pub(super) frames: WalFrames,
    /// Commits of all instances that are certainly in the main file; `None` while that may still be of schema 1, which does
    /// not count them.
    pub(super) base: Option<i64>,
    /// Commits of this instance that are certainly in the main file.
    pub(super) own_base: i64,
    /// Rows that are certainly in the main file.
    pub(super) checkpointed: CheckpointedRows,
    /// Time of the first commit that may be missing from the main file.
    pub(super) dirty_since: Option<Instant>,
    pub(super) last_commit: Option<Instant>,
    pub(super) not_before: Option<Instant>,
    /// The main file was written, and no checkpoint of this WAL explains it.
    pub(super) is_foreign: bool,
    /// The WAL takes less space than its size, but can be read: its file system compresses.
    pub(super) is_compressed: bool,
}

impl WalState {
    pub(super) fn record_commit(&mut self) {
        let now = Instant::now();
        self.dirty_since.get_or_insert(now);
        self.last_commit = Some(now);
    }

    /// Records what a checkpoint has copied into the main file.
    pub(super) fn record_checkpoint(&mut self, taken: &CheckpointOutcome, stats: &FileStats) {
        // The main file may have been overwritten meanwhile: the next check compares its content.
        self.main = None;
        self.frames = taken.frames;
        self.bytes = stats.wal_bytes;
        if taken.complete {
            self.reused_bytes = stats.wal_bytes;
            self.checkpointed = taken.checkpointed;
            self.base = Some(taken.base);
            self.own_base = taken.own_base;
        }
    }

    /// Returns true if the part of the file that is in use has reached the limit.
    pub(super) fn is_full(&mut self, bytes: u64, limit: u64) -> bool {
        // SQLite truncates it to `journal_size_limit` when it restarts.
        self.reused_bytes = self.reused_bytes.min(bytes);
        bytes >= limit && bytes > self.reused_bytes
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.dirty_since.is_some()
    }
}

/// Checkpoints what maintenance has written, as far as readers allow, once the WAL has its maximum size: a long job leaves no
/// larger WAL than a writer.
pub(crate) fn limit_size(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    if FileStats::read(path).wal_bytes >= MAX_BYTES && stale_wal::wal_matches(path, None) {
        connection.query_row(PASSIVE, (), |_| Ok(()))?;
    }
    Ok(())
}

/// Result of a checkpoint.
pub(super) struct CheckpointOutcome {
    checkpointed: CheckpointedRows,
    base: i64,
    own_base: i64,
    frames: WalFrames,
    /// All frames are in the main file.
    pub(super) complete: bool,
}

/// Checkpoints what a new connection finds in the WAL.
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
    // Do not wait for readers.
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
