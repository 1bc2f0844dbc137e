//! Detects a WAL that does not belong to the main file beside it, because an older copy of either was restored.
//!
//! SQLite cannot tell: it would lay the pages of one over those of the other. But every commit of a writer counts itself in the
//! file's metadata (`commits`), and stores there how many of them were in the main file when the WAL restarted (`wal_base`). So
//! a main file with fewer commits than `wal_base` is older than the WAL, and one with more commits than both together is newer.
//!
//! These numbers are on one page, which the WAL has: the rows of instances take many, of which the mixture may not show those
//! in the WAL, because they are reached through pages of the main file.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{
    connection::{self, Checkpoint, Role},
    consistency::is_torn,
    lock,
    lock_counts::CommitCounts,
    side_files::{beside, identity, set_aside},
};
use crate::{
    error::{Error, ErrorKind, Result},
    record::InstanceId,
};

/// A file that no writer has written to since these numbers are in its metadata has them in the rows of instances.
const STATE: &str = "SELECT coalesce((SELECT value FROM mark WHERE name = 'commits'), (SELECT sum(commits) FROM instance), 0), \
     coalesce((SELECT value FROM mark WHERE name = 'wal_base'), (SELECT max(wal_base) FROM instance), 0), \
     (SELECT schema_version FROM pragma_schema_version), coalesce((SELECT value FROM mark WHERE name = 'file'), 0), \
     coalesce((SELECT commits FROM instance WHERE uuid = ?1), 0)";

/// Checks in a row that must find a mismatch: another process may be in a checkpoint.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(20);
/// How long an open waits for a live instance to notice that its file was replaced.
const LIVING_TIMEOUT: Duration = Duration::from_secs(10);

/// A database's own record of its commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommitState {
    /// Commits of all writers; -1 in schema 1, which does not count them.
    pub(crate) commits: i64,
    /// Those that were in the main file when the WAL restarted.
    pub(crate) wal_base: i64,
    /// SQLite's schema cookie, raised by every schema change and VACUUM.
    pub(crate) schema_cookie: i64,
    /// The file's own number; 0 if it has none.
    pub(crate) file: i64,
    /// Commits of the instance that was asked for.
    pub(crate) own: i64,
}

impl CommitState {
    pub(crate) fn read(connection: &Connection, own: Option<InstanceId>) -> rusqlite::Result<Self> {
        let own = own.as_ref().map(InstanceId::as_bytes);
        connection.query_row(STATE, [own], |row| {
            Ok(CommitState {
                commits: row.get(0)?,
                wal_base: row.get(1)?,
                schema_cookie: row.get(2)?,
                file: row.get(3)?,
                own: row.get(4)?,
            })
        })
    }

    /// Reads the state of the main file without its WAL; `None` if it cannot be read.
    pub(crate) fn read_main_file(path: &Path, own: Option<InstanceId>) -> Option<Self> {
        let connection = connection::open_immutable(path).ok()?;
        CommitState::read_any_schema(&connection, own).ok()
    }

    /// Reads the state of a file of any schema version.
    fn read_any_schema(connection: &Connection, own: Option<InstanceId>) -> rusqlite::Result<Self> {
        let version: i64 =
            connection.query_row("SELECT user_version FROM pragma_user_version", (), |row| {
                row.get(0)
            })?;
        if version > 1 {
            return CommitState::read(connection, own);
        }
        let schema_cookie = connection.query_row("PRAGMA schema_version", (), |row| row.get(0))?;
        Ok(CommitState {
            commits: -1,
            wal_base: 0,
            schema_cookie,
            file: 0,
            own: 0,
        })
    }

    /// Returns true if this main file can belong to the WAL with which it has the state `both`.
    fn matches_wal(self, both: CommitState) -> bool {
        both.commits >= self.commits
            && self.commits.max(0) >= both.wal_base
            && both.schema_cookie >= self.schema_cookie
            && (both.file == self.file || self.file == 0)
    }
}

/// Checks that a WAL found beside the main file belongs to it, before anything reads both together. A writer renames one that
/// does not, and continues without it.
///
/// # Errors
///
/// If it does not belong and `role` is a reader's, and if an instance other than this process's `own` is alive and does not
/// notice within the timeout that its file was replaced.
pub(crate) fn check(path: &Path, role: Role, own: Option<InstanceId>) -> Result<()> {
    let end = Instant::now() + LIVING_TIMEOUT;
    let mut attempt = 1;
    while !wal_matches(path, own) {
        if lock::live_instances(path)
            .iter()
            .all(|(id, _)| Some(*id) == own)
        {
            if attempt == ATTEMPTS {
                // Reads everything, but just here, where a WAL would be lost.
                return match is_torn(path) {
                    true => Ok(()),
                    false => set_wal_aside(path, role),
                };
            }
            attempt += 1;
        } else if Instant::now() >= end {
            let what = format!(
                "cannot open the store {}: the file was replaced while another process has it open, and that process \
                 has not noticed: check whether it hangs",
                path.display()
            );
            return Err(Error::new(ErrorKind::Busy, what));
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Renames a WAL that belongs to another state of the main file; a reader fails instead.
fn set_wal_aside(path: &Path, role: Role) -> Result<()> {
    let wal = beside(path, "-wal");
    if role == Role::Read {
        let what = format!(
            "cannot read the store {}: {} belongs to another state of it (was an older copy restored?), and reading both \
             would mix them: move that file away, or open the store for writing, which renames it",
            path.display(),
            wal.display()
        );
        return Err(Error::new(ErrorKind::Store, what));
    }
    let aside = |suffix| {
        set_aside(path, suffix, "stale").map_err(|cause| {
            let what = format!("cannot rename {}", beside(path, suffix).display());
            Error::new(ErrorKind::Store, what).with_source(cause)
        })
    };
    let renamed = aside("-wal")?;
    aside("-shm")?;
    tracing::error!(
        target: "tower_activity::store", log = %path.display(), renamed = ?renamed,
        "the WAL belongs to another state of the store (an older copy was restored), its rows are not read"
    );
    Ok(())
}

/// Returns true if the WAL beside a main file belongs to it, as far as both can be read. The lock-file counts of the
/// process's `own` instance are ignored: it may be about to open another file.
pub(crate) fn wal_matches(path: &Path, own: Option<InstanceId>) -> bool {
    if !fs::metadata(beside(path, "-wal")).is_ok_and(|wal| wal.len() > 0) {
        return true;
    }
    // A live instance's lock file names the main file that it writes.
    let here = identity(path).map_or(0, |(_, number)| number);
    let elsewhere = |(id, counts): &(InstanceId, CommitCounts)| {
        Some(*id) != own && counts.main_inode != 0 && counts.main_inode != here
    };
    if lock::live_instances(path).iter().any(elsewhere) {
        return false;
    }
    // A part that cannot be read is no reason to discard the rest.
    let Some((main, of_main)) = connection::open_immutable(path)
        .ok()
        .and_then(|it| read_states(&it))
    else {
        return true;
    };
    let Ok(connection) = connection::connect_to_inspect(path) else {
        return true;
    };
    let both = read_states(&connection);
    connection::close(connection, Checkpoint::No);
    both.is_none_or(|(both, of_both)| {
        let is_later = |(id, commits)| of_both.get(id).is_some_and(|later| later >= commits);
        main.matches_wal(both) && of_main.iter().all(is_later)
    })
}

/// Reads the commit state, and the commits of each instance, whose rows are never deleted.
fn read_states(connection: &Connection) -> Option<(CommitState, HashMap<Vec<u8>, i64>)> {
    let counts = CommitState::read_any_schema(connection, None).ok()?;
    if counts.commits < 0 {
        return Some((counts, HashMap::new()));
    }
    let mut each = connection
        .prepare("SELECT uuid, commits FROM instance")
        .ok()?;
    let each = each
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))
        .ok()?;
    Some((counts, each.collect::<rusqlite::Result<_>>().ok()?))
}
