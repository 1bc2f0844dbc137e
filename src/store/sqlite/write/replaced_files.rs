//! Files that are not the log's any more, and what is still to be copied out of them.

use rusqlite::Connection;

use super::{
    commit_order::{self, CommitOrder},
    rescue::{CheckpointedRows, TableRows},
};
use crate::store::{
    RecordKind,
    sqlite::open::{file::OpenConnection, lock_counts::CommitCounts},
};

/// What came of replaced files.
#[derive(Debug, Default)]
pub(super) struct ReplacedFiles {
    /// How often, since a commit has told.
    pub(super) count: u64,
    /// Rows that were copied, since a commit has told.
    pub(super) rescued: u64,
    /// What was committed into the files that were replaced, until those that stand there now are written.
    pub(super) before: Option<PreviousFile>,
    /// The order of commits of the files that were replaced, until those that stand there now say where it goes on.
    pub(super) order: Option<CommitOrder>,
    /// That of the files that stand there now, before anything was copied into them.
    pub(super) begin: Option<CommitOrder>,
    /// Something that was copied has not the number that it was to have.
    pub(super) renumbered: bool,
    /// Read from files that are closed, not yet written.
    pub(super) rows: Vec<Vec<TableRows>>,
    /// Files that are not the log's any more, not yet copied.
    pub(super) detached: Vec<DetachedFile>,
}

impl ReplacedFiles {
    /// How much higher the numbers of records become that are copied.
    pub(super) fn offset(&self, what: RecordKind) -> i64 {
        match (&self.order, &self.begin) {
            (Some(then), Some(begin)) => begin.offset(then, what),
            _ => 0,
        }
    }

    /// Tells those who follow the log, before the file that stands there now is known by a number, that it goes on in it.
    pub(super) fn announce(&self, connection: &Connection) -> rusqlite::Result<()> {
        match (self.order, self.begin) {
            (Some(then), None) => commit_order::announce(connection, &then),
            _ => Ok(()),
        }
    }
}

/// Files that are not the log's any more, still open.
#[derive(Debug)]
pub(super) struct DetachedFile {
    pub(super) opened: OpenConnection,
    /// What comes after it is in no other file. `None`: nothing of it is, the file has no name any more.
    pub(super) from: Option<CheckpointedRows>,
    /// Its number.
    pub(super) file: i64,
    /// Its write-ahead log stands beside it.
    pub(super) has_wal: bool,
}

/// What was committed into a file before another state of it, or another file, took its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct PreviousFile {
    /// By this instance.
    pub(super) committed: CommitCounts,
    /// The number of the file.
    pub(super) file: i64,
}
