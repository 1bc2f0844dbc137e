//! A write-ahead log that does not belong to the main file beside it: an older copy of either was put back.
//!
//! SQLite cannot know: it would lay the pages of one over those of the other. But every commit counts itself in the row
//! of its instance (`commits`), and says how many commits of all instances were in the main file when the write-ahead
//! log began anew (`wal_base`). So a main file with fewer commits than that is older than the write-ahead log, and one
//! with more commits than both together is younger.

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
    lock,
    lock_counts::CommitCounts,
    side_files::{beside, identity, set_aside},
};
use crate::{
    error::{Error, ErrorKind, Result},
    record::InstanceId,
};

const STATE: &str = "SELECT coalesce(sum(commits), 0), coalesce(max(wal_base), 0), \
     (SELECT schema_version FROM pragma_schema_version), coalesce((SELECT value FROM mark WHERE name = 'file'), 0), \
     coalesce((SELECT commits FROM instance WHERE uuid = ?1), 0) FROM instance";

/// How often it must look as if they did not belong together: another program may be moving pages right now.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(20);
/// How long an opening waits for a living instance to notice what stands in the place of its file.
const LIVING_TIMEOUT: Duration = Duration::from_secs(10);

/// What a log says of its commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommitState {
    /// Of all instances together; -1 where the file is of schema 1, which counts none.
    pub(crate) commits: i64,
    /// How many there were when the write-ahead log began.
    pub(crate) wal_base: i64,
    /// The number of its schema, which every change of that raises, and each VACUUM.
    pub(crate) schema_cookie: i64,
    /// The number of the file; 0 where it has none.
    pub(crate) file: i64,
    /// Commits of one instance.
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

    /// Those of the main file without its write-ahead log; `None` where they cannot be read.
    pub(crate) fn read_main_file(path: &Path, own: Option<InstanceId>) -> Option<Self> {
        let connection = connection::open_immutable(path).ok()?;
        CommitState::read_any_schema(&connection, own).ok()
    }

    /// Those of a file of any schema: schema 1 counts no commits.
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

    /// True when a main file with these counts and a write-ahead log belong together that say these counts together.
    fn matches_wal(self, both: CommitState) -> bool {
        both.commits >= self.commits
            && self.commits.max(0) >= both.wal_base
            && both.schema_cookie >= self.schema_cookie
            && (both.file == self.file || self.file == 0)
    }
}

/// Looks whether the write-ahead log that was left beside a log belongs to it, before anything reads both together. A
/// writer gives one that does not another name, and goes on without it.
///
/// # Errors
///
/// For a reader, when it does not belong to it; and when another instance than this process's `own` lives, and does not
/// notice that another file stands in the place of its.
pub(crate) fn check(path: &Path, role: Role, own: Option<InstanceId>) -> Result<()> {
    let end = Instant::now() + LIVING_TIMEOUT;
    let mut attempt = 1;
    while !wal_matches(path, own) {
        if lock::live_instances(path)
            .iter()
            .all(|(id, _)| Some(*id) == own)
        {
            if attempt == ATTEMPTS {
                return set_wal_aside(path, role);
            }
            attempt += 1;
        } else if Instant::now() >= end {
            let what = format!(
                "cannot open the log {}: another file was put in its place while another process has it open, and that \
                 process has not noticed: look whether it hangs",
                path.display()
            );
            return Err(Error::new(ErrorKind::Busy, what));
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Goes on without a write-ahead log that belongs to another state of the main file.
fn set_wal_aside(path: &Path, role: Role) -> Result<()> {
    let wal = beside(path, "-wal");
    if role == Role::Read {
        let what = format!(
            "cannot read the log {}: {} belongs to another state of it (was an older copy put back?), and both together \
             would be mixed: move that file away, or open the log for writing, which gives it another name",
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
        "the write-ahead log belongs to another state of the log (an older copy was put back), its rows are not read"
    );
    Ok(())
}

/// True when the write-ahead log beside a log belongs to it, as far as can be read. What the process's `own` instance says
/// of its file is left out: it may be about to open another.
pub(crate) fn wal_matches(path: &Path, own: Option<InstanceId>) -> bool {
    if !fs::metadata(beside(path, "-wal")).is_ok_and(|wal| wal.len() > 0) {
        return true;
    }
    // One that lives says which file it writes.
    let here = identity(path).map_or(0, |(_, number)| number);
    let elsewhere = |(id, said): &(InstanceId, CommitCounts)| {
        Some(*id) != own && said.main_inode != 0 && said.main_inode != here
    };
    if lock::live_instances(path).iter().any(elsewhere) {
        return false;
    }
    // What cannot be read is no reason to give up what could be.
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

/// What a log says of its commits: of all instances together, and of each. Their rows are never deleted.
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
