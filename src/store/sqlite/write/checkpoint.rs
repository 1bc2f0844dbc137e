//! When the write-ahead log is taken over into the main file: by size, by time, and at the end.
//!
//! SQLite would do it within a commit, whatever stands under the log's names by then.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::{
    instance_writer::InstanceWriter,
    wal::{MAX_BYTES, PASSIVE, run_checkpoint},
};
use crate::{error::Result, store::sqlite::open::side_files::FileStats};

/// The size from which on the write-ahead log is taken over, whatever the size of the main file.
const MIN_BYTES: u64 = 8 << 20;
/// However little room is left on the disk: below it there is nothing to gain.
const MIN_BYTES_LOW_DISK: u64 = 256 << 10;
/// How long after the last commit all of it is taken over, and the file cut to nothing.
const IDLE: Duration = Duration::from_secs(1);
/// How long what is committed may stand in the write-ahead log alone while commits go on.
const BUSY: Duration = Duration::from_secs(5);
/// How long until the next attempt where a reader keeps it from being taken over.
const RETRY: Duration = Duration::from_secs(2);

/// How often the names are looked at while an activity runs and nothing is committed.
const CHECK_FILES: Duration = Duration::from_secs(5);

const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

impl InstanceWriter {
    /// Takes the write-ahead log over where it is time to. Returns how long until it is again; `None`: not before the
    /// next commit.
    pub(super) fn checkpoint_if_due(&mut self) -> Result<Option<Duration>> {
        let Some(path) = self.path() else {
            return Ok(None);
        };
        let look = FileStats::read(path);
        // It may be upkeep that has written it.
        if self.wal.dirty_since.is_none() && look.wal_bytes == 0 {
            if !self.has_open() {
                return Ok(None);
            }
            // So that nobody takes the instance for dead whose lock file was removed.
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
        let limit = look.main.map_or(0, |(bytes, _)| bytes);
        let limit = limit.clamp(MIN_BYTES, MAX_BYTES);
        // The main file grows by what is taken over: half of what is left is kept for that.
        let is_disk_low = free_bytes(path)
            .is_some_and(|free| look.wal_bytes >= (free / 2).max(MIN_BYTES_LOW_DISK));
        let is_full = self.wal.is_full(look.wal_bytes, limit);
        let done = if idle_at <= now || is_disk_low {
            self.checkpoint(TRUNCATE)?
        } else if busy_at <= now || is_full {
            self.checkpoint(PASSIVE)?
        } else {
            return Ok(Some(until(idle_at.min(busy_at))));
        };
        if !done {
            // A reader is still at an earlier place.
            self.wal.not_before = Some(Instant::now() + RETRY);
            return Ok(Some(RETRY));
        }
        let again = (self.wal.bytes > 0).then(|| until(idle_at));
        Ok(again.map(|again| again.max(Duration::from_millis(10))))
    }

    /// Takes the write-ahead log over now, as far as readers allow.
    pub(super) fn checkpoint_now(&mut self) -> Result<()> {
        if self.path().is_some() {
            self.checkpoint(TRUNCATE)?;
        }
        Ok(())
    }

    /// True when all of it was taken over.
    fn checkpoint(&mut self, sql: &str) -> Result<bool> {
        self.check_files()?;
        self.register_instance()?;
        if self.path().is_some() && self.wal.main.is_none() {
            // It is not known whether the main file is still the log's.
            return Ok(false);
        }
        let complete = self.checkpoint_unchecked(sql)?;
        if complete {
            self.write_total()?;
        }
        Ok(complete)
    }

    /// Makes room on a full disk, within a transaction that failed for it: the names were looked at before.
    pub(super) fn checkpoint_to_free_space(&mut self) -> Result<()> {
        if self.wal.main.is_some() && !self.is_replaced() {
            self.checkpoint_unchecked(TRUNCATE)?;
        }
        Ok(())
    }

    /// Takes the write-ahead log over as far as readers allow, where the names were just looked at.
    pub(super) fn checkpoint_passive(&mut self) -> Result<()> {
        self.checkpoint_unchecked(PASSIVE).map(drop)
    }

    fn checkpoint_unchecked(&mut self, sql: &str) -> Result<bool> {
        let connection = self.connection()?;
        let done = run_checkpoint(&connection, sql, self.instance.id);
        drop(connection);
        let taken = done.map_err(|cause| self.error(cause))?;
        let Some(path) = self.path() else {
            return Ok(true);
        };
        let look = FileStats::read(path);
        self.wal.record_checkpoint(&taken, &look);
        if taken.complete {
            self.wal.dirty_since = None;
            self.wal.not_before = None;
            self.write_lock_counts();
        }
        Ok(taken.complete)
    }
}

/// How many bytes are left on the disk for this user, where the system says so.
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
