//! Acts of clients and people on a log while it is written to.

use std::fmt;

use crate::foreign_clients::client::Client;

/// An act on a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Act {
    /// A client reads all views.
    Select,
    /// A client keeps a read transaction open during the next acts.
    LongRead,
    /// A client writes into a table of its own.
    Insert,
    /// A client holds an exclusive lock for two seconds.
    Exclusive,
    Vacuum,
    /// `VACUUM INTO` a new file.
    VacuumInto,
    /// The backup API, into a new file.
    Backup,
    JournalDelete,
    JournalWal,
    /// `wal_checkpoint(TRUNCATE)`.
    Checkpoint,
    IntegrityCheck,
    /// `activity list`.
    List,
    /// `activity doctor`.
    Doctor,
    /// `activity event`.
    Event,
    /// Copies all files of the log.
    CopyAll,
    /// Copies the main file.
    CopyMain,
    /// Moves the main file away, and leaves its side files.
    MoveMain,
    /// Moves the main file away with its side files.
    MoveAll,
    /// Moves the current file away, and the last moved one back.
    MoveBack,
    /// Renames the last moved file over the current one.
    MoveOver,
    /// Removes `-wal` and `-shm`.
    RemoveSides,
    RemoveWal,
    RemoveShm,
    /// Removes the folder `-instances`.
    RemoveInstances,
    /// Creates a hard link to the file, which no process opens.
    HardLink,
    /// Creates a symbolic link to the file, which no process opens.
    SymbolicLink,
    ChangeMode,
    /// Leaves the log alone for a second.
    Rest,
    /// Lets more than ten minutes pass, so that maintenance is due.
    Age,
    /// Kills the writer and starts another one.
    KillWriter,
    /// Ends the writer and starts another one.
    EndWriter,
    /// A client deletes half of the activities.
    DeleteRows,
    /// Renames an older copy over the main file.
    ReplaceWithCopy,
    /// Copies an older copy over the main file.
    OverwriteWithCopy,
    /// Removes `-shm` while a client writes.
    RemoveShmInWrite,
    /// Truncates `-wal` to no bytes.
    TruncateWal,
    /// Removes the main file.
    RemoveMain,
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Act {
    /// All acts after which every acknowledged row must be found.
    pub const HARMLESS: [Act; 31] = [
        Act::Select,
        Act::LongRead,
        Act::Insert,
        Act::Exclusive,
        Act::Vacuum,
        Act::VacuumInto,
        Act::Backup,
        Act::JournalDelete,
        Act::JournalWal,
        Act::Checkpoint,
        Act::IntegrityCheck,
        Act::List,
        Act::Doctor,
        Act::Event,
        Act::CopyAll,
        Act::CopyMain,
        Act::MoveMain,
        Act::MoveAll,
        Act::MoveBack,
        Act::MoveOver,
        Act::RemoveSides,
        Act::RemoveWal,
        Act::RemoveShm,
        Act::RemoveInstances,
        Act::HardLink,
        Act::SymbolicLink,
        Act::ChangeMode,
        Act::Rest,
        Act::Age,
        Act::KillWriter,
        Act::EndWriter,
    ];

    /// All acts that destroy rows, which must be noticed, counted and reported.
    pub const DESTROYING: [Act; 6] = [
        Act::DeleteRows,
        Act::ReplaceWithCopy,
        Act::OverwriteWithCopy,
        Act::RemoveShmInWrite,
        Act::TruncateWal,
        Act::RemoveMain,
    ];

    /// True if a foreign SQLite client does it, and not `activity`, `cp`, `mv` or `rm`.
    pub fn has_client(self) -> bool {
        matches!(
            self,
            Act::Select
                | Act::LongRead
                | Act::Insert
                | Act::Exclusive
                | Act::Vacuum
                | Act::VacuumInto
                | Act::Backup
                | Act::JournalDelete
                | Act::JournalWal
                | Act::Checkpoint
                | Act::IntegrityCheck
                | Act::DeleteRows
                | Act::RemoveShmInWrite
        )
    }

    /// True if the writer can record meanwhile.
    pub fn leaves_the_writer(self) -> bool {
        !matches!(
            self,
            Act::KillWriter
                | Act::EndWriter
                | Act::Age
                | Act::ReplaceWithCopy
                | Act::OverwriteWithCopy
        )
    }

    /// True if it replaces or removes a file of the log, which the writer counts.
    pub fn exchanges_files(self) -> bool {
        matches!(
            self,
            Act::MoveMain
                | Act::MoveAll
                | Act::MoveBack
                | Act::MoveOver
                | Act::RemoveSides
                | Act::RemoveWal
                | Act::RemoveShm
                | Act::ReplaceWithCopy
                | Act::RemoveShmInWrite
                | Act::RemoveMain
        )
    }

    /// True if the writer must notice it before the next client acts.
    pub fn is_upon_files(self) -> bool {
        let others = [Act::RemoveInstances, Act::KillWriter, Act::EndWriter];
        self.exchanges_files() || self.destroys() || others.contains(&self)
    }

    /// True if a file must have been moved away before.
    pub fn needs_a_moved_file(self) -> bool {
        matches!(self, Act::MoveBack | Act::MoveOver)
    }

    pub fn destroys(self) -> bool {
        Act::DESTROYING.contains(&self)
    }
}

/// An act, its client, and what the writer does meanwhile and afterwards.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub act: Act,
    pub client: Client,
    /// Whether the writer records meanwhile.
    pub busy: bool,
    /// Calls that are recorded afterwards. At least one after an act on files, so that the writer notices it before the
    /// next client acts.
    pub calls: u32,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.act)?;
        if self.act.has_client() {
            write!(f, " by {}", self.client)?;
        }
        if self.busy {
            f.write_str(" while calls are recorded")?;
        }
        Ok(())
    }
}
