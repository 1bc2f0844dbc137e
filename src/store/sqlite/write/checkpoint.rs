//! Checkpoints of the WAL: by size, by time, and at the end.
//!
//! SQLite's automatic checkpoint would run within a commit, without checking that the files are still the store's.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::{
    instance_writer::InstanceWriter,
    wal::{MAX_BYTES, PASSIVE, run_checkpoint},
};
use crate::{error::Result, store::sqlite::open::side_files::FileStats};

/// The WAL grows at least to this size before a checkpoint, even beside a smaller main file.
const MIN_BYTES: u64 = 8 << 20;
/// A smaller WAL is not worth a checkpoint, however full the disk is.
const MIN_BYTES_LOW_DISK: u64 = 256 << 10;
/// How long after the last commit the WAL is checkpointed and truncated.
const IDLE: Duration = Duration::from_secs(1);
/// How long a commit may be in the WAL alone while more commits follow.
const BUSY: Duration = Duration::from_secs(5);
/// How long until the next attempt after a reader has held up a checkpoint.
const RETRY: Duration = Duration::from_secs(2);

/// How often the files are checked while an activity runs and nothing is committed.
const CHECK_FILES: Duration = Duration::from_secs(5);

const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

impl InstanceWriter {
    /// Runs a checkpoint if one is due. Returns how long until the next one; `None`: not before the next commit.
    pub(super) fn checkpoint_if_due(&mut self) -> Result<Option<Duration>> {
        let Some(path) = self.path() else {
            return Ok(None);
        };
        let stats = FileStats::read(path);
        // Maintenance may have written to the WAL.
        if self.wal.dirty_since.is_none() && stats.wal_bytes == 0 {
            if !self.has_open() {
                return Ok(None);
            }
            // Recreates a removed lock file, so that the instance is not taken for dead.
            self.check_files()?;
            return Ok(Some(CHECK_FILES));
        }
        let now = Instant::now();
        let until = |at: Instant| at.saturating_duration_since(now);
        if let Some(at) = self.wal.not_before
            && at > now
        {
            return Ok(Some(until(at)));
        }
        let idle_at = self.wal.last_commit.map_or(now, |last| last + IDLE);
        let busy_at = self.wal.dirty_since.map_or(idle_at, |since| since + BUSY);
        let limit = stats.main.map_or(0, |(bytes, _)| bytes);
        let limit = limit.clamp(MIN_BYTES, MAX_BYTES);
        // A checkpoint makes the main file grow: half of the free space is kept for that.
        let is_disk_low = free_bytes(path)
            .is_some_and(|free| stats.wal_bytes >= (free / 2).max(MIN_BYTES_LOW_DISK));
        let is_full = self.wal.is_full(stats.wal_bytes, limit);
        let done = if idle_at <= now || is_disk_low {
            self.checkpoint(TRUNCATE)?
        } else if busy_at <= now || is_full {
            self.checkpoint(PASSIVE)?
        } else {
            return Ok(Some(until(idle_at.min(busy_at))));
        };
        if !done {
            // A reader still uses an older snapshot.
            self.wal.not_before = Some(Instant::now() + RETRY);
            return Ok(Some(RETRY));
        }
        let again = (self.wal.bytes > 0).then(|| until(idle_at));
        Ok(again.map(|again| again.max(Duration::from_millis(10))))
    }

    /// Checkpoints and truncates the WAL now, as far as readers allow.
    pub(super) fn checkpoint_now(&mut self) -> Result<()> {
        if self.path().is_some() {
            self.checkpoint(TRUNCATE)?;
        }
        Ok(())
    }

    /// Checks the files and runs a checkpoint. Returns true if it was complete.
    fn checkpoint(&mut self, sql: &str) -> Result<bool> {
        self.check_files()?;
        self.register_instance()?;
        if self.path().is_some() && self.wal.main.is_none() {
            // The main file may have been overwritten.
            return Ok(false);
        }
        let complete = self.checkpoint_unchecked(sql)?;
        if complete {
            self.write_total()?;
        }
        Ok(complete)
    }

    /// Frees space on a full disk, after a transaction failed for it. The files were checked before that.
    pub(super) fn checkpoint_to_free_space(&mut self) -> Result<()> {
        if self.wal.main.is_some() && !self.is_replaced() {
            self.checkpoint_unchecked(TRUNCATE)?;
        }
        Ok(())
    }

    /// Checkpoints the WAL as far as readers allow, without checking the files: they were just checked.
    pub(super) fn checkpoint_passive(&mut self) -> Result<()> {
        self.checkpoint_unchecked(PASSIVE).map(drop)
    }

    /// Runs a checkpoint without checking the files. Returns true if it was complete.
    fn checkpoint_unchecked(&mut self, sql: &str) -> Result<bool> {
        let connection = self.connection()?;
        let done = run_checkpoint(&connection, sql, self.instance.id);
        drop(connection);
        let taken = done.map_err(|cause| self.error(cause))?;
        let Some(path) = self.path() else {
            return Ok(true);
        };
        let stats = FileStats::read(path);
        self.wal.record_checkpoint(&taken, &stats);
        if taken.complete {
            self.wal.dirty_since = None;
            self.wal.not_before = None;
            self.write_lock_counts();
        }
        Ok(taken.complete)
    }
}

/// Returns how many bytes are free on the disk for this user; `None` if the system cannot tell.
fn free_bytes(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let found = rustix::fs::statvfs(path).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}
