//! State of a recovery: files that were replaced, and what is still to be copied from them.

use rusqlite::Connection;

use super::{
    commit_order::{self, CommitOrder},
    rescue::TableRows,
};
use crate::store::{
    RecordKind,
    sqlite::open::{file::OpenConnection, lock_counts::CommitCounts},
};

/// Progress of recovering from replaced files.
#[derive(Debug, Default)]
pub(super) struct ReplacedFiles {
    /// How often files were replaced, since the last commit that reported it.
    pub(super) count: u64,
    /// Rows copied since the last commit that reported it.
    pub(super) rescued: u64,
    /// What was committed to the old files, until the new ones are written.
    pub(super) before: Option<PreviousFile>,
    /// The commit order of the old files, until the new ones have its continuation.
    pub(super) order: Option<CommitOrder>,
    /// The commit order of the new files, before anything was copied into them.
    pub(super) begin: Option<CommitOrder>,
    /// What this instance had committed to the new files, before anything was copied into them.
    pub(super) begun: Option<CommitCounts>,
    /// A copied record did not get the seq that it was meant to have.
    pub(super) renumbered: bool,
    /// Read from files that are closed; to be written.
    pub(super) rows: Vec<Vec<TableRows>>,
    /// Deleted files whose rows are yet to be copied.
    pub(super) detached: Vec<DetachedFile>,
    /// Rows that are missing in moved files and not in their ledgers, by the file's own number.
    pub(super) missing: Vec<(i64, CommitCounts)>,
}

impl ReplacedFiles {
    /// Remembers what the old files should have, unless that of earlier ones is yet to be compared.
    pub(super) fn note_previous_file(&mut self, before: PreviousFile) {
        if self
            .before
            .is_none_or(|known| known.file == 0 || known.is_moved)
        {
            self.before = Some(before);
        }
    }

    /// Returns what is added to the seqs of copied records.
    pub(super) fn offset(&self, kind: RecordKind) -> i64 {
        match (&self.order, &self.begin) {
            (Some(then), Some(begin)) => begin.offset(then, kind),
            _ => 0,
        }
    }

    /// Announces to followers that the log continues in the new file, before that has a number.
    pub(super) fn announce(&self, connection: &Connection) -> rusqlite::Result<()> {
        match (self.order, self.begin) {
            (Some(then), None) => commit_order::announce(connection, &then),
            _ => Ok(()),
        }
    }
}

/// Files whose main file has no name left, still open.
#[derive(Debug)]
pub(super) struct DetachedFile {
    pub(super) opened: OpenConnection,
    /// The file's own number.
    pub(super) file: i64,
}

/// What was committed to a file before another file, or another state of it, took its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct PreviousFile {
    /// By this instance.
    pub(super) committed: CommitCounts,
    /// The file's own number.
    pub(super) file: i64,
    /// It has another name now: its rows are not expected in another file.
    pub(super) is_moved: bool,
}
