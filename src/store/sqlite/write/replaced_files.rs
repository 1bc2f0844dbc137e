//! State of a recovery: files that were replaced, and what is still to be copied from them.

use rusqlite::Connection;

use super::{
    commit_order::{self, CommitOrder},
    rescue::{CheckpointedRows, TableRows},
};
use crate::store::{
    RecordKind,
    sqlite::open::{file::OpenConnection, lock_counts::CommitCounts, side_files::FileIds},
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
    /// Old files whose rows are yet to be copied.
    pub(super) detached: Vec<DetachedFile>,
}

impl ReplacedFiles {
    /// Remembers what the old files should have, unless that of earlier ones is yet to be compared.
    pub(super) fn note_previous_file(&mut self, before: PreviousFile) {
        if self.before.is_none_or(|known| known.file == 0) {
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

/// Files that were replaced and are still open.
#[derive(Debug)]
pub(super) struct DetachedFile {
    pub(super) opened: OpenConnection,
    pub(super) ids: FileIds,
    /// The rows that its main file has.
    pub(super) checkpointed: CheckpointedRows,
    /// The main file has no name left, so that all rows have to be copied.
    pub(super) is_deleted: bool,
    pub(super) before: PreviousFile,
    /// Its WAL is beside it.
    pub(super) has_wal: bool,
    /// The main file was written, and no checkpoint of the WAL explains it.
    pub(super) is_foreign: bool,
}

/// What was committed to a file before another file, or another state of it, took its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct PreviousFile {
    /// By this instance.
    pub(super) committed: CommitCounts,
    /// The file's own number.
    pub(super) file: i64,
}
