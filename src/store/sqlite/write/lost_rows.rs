//! Counts committed rows that are lost, and enters them into the ledger of the file.
//!
//! Two sources outside the database know what was committed: the lock file of each instance, which is removed when the
//! instance ends, and the total of all instances (see [`TotalCounts`]), which stays. Both are read before the database, so
//! that they exceed it only if rows are missing.

use std::path::Path;

use chrono::Utc;
use rusqlite::Connection;

use super::{instance_writer::InstanceWriter, ledger, replaced_files::PreviousFile};
use crate::{
    error::Result,
    record::InstanceId,
    store::{
        Durability,
        sqlite::open::{
            lock,
            lock_counts::{CommitCounts, TotalCounts},
        },
    },
};

/// What was committed, according to the files outside the database.
struct ExternalCounts {
    total: Option<TotalCounts>,
    /// From the lock files.
    instances: Vec<(InstanceId, CommitCounts)>,
}

impl InstanceWriter {
    /// Returns what this instance has committed to the file that it has open: nothing if that is a new one.
    pub(super) fn previous_file(&self) -> PreviousFile {
        PreviousFile {
            committed: match self.file {
                0 => CommitCounts::default(),
                _ => self.committed,
            },
            file: self.file,
            is_moved: false,
        }
    }

    /// Compares the file that was just opened, at the start or in place of the `before` one, with what was committed, and
    /// enters what is missing into its ledger.
    pub(super) fn count_lost_rows(&mut self, before: Option<PreviousFile>) -> Result<()> {
        let Some(path) = self.path().map(ToOwned::to_owned) else {
            return Ok(());
        };
        let external = ExternalCounts::read(&path);
        self.reload_commit_counts()?;
        let own = before.map_or_else(CommitCounts::default, |before| {
            match before.file == self.file {
                true => before.committed.saturating_sub(&self.committed),
                false if before.is_moved => CommitCounts::default(),
                // An unrelated file took its place: it has only the rows that were copied into it.
                false => {
                    let begun = self.replaced.begun.unwrap_or(self.committed);
                    let copied = self.committed.saturating_sub(&begun);
                    before.committed.saturating_sub(&copied)
                }
            }
        });
        let own_id = self.instance.id;
        let lost = external.lost(&*self.connection()?, self.file, (own_id, before));
        let others = lost.map_err(|cause| self.error(cause))?;
        if own != CommitCounts::default() || others != CommitCounts::default() {
            self.transaction_unchecked(Durability::Power, |work| {
                ledger::add(work.transaction, work.instance, &own)?;
                if others != CommitCounts::default() {
                    ledger::add_missing(work.transaction, &others, Utc::now().timestamp_micros())?;
                }
                Ok(())
            })?;
            self.start_new_order()?;
            own.add_to(&mut self.committed);
            // So that the ledger has it even if the main file is moved away without its WAL.
            let _ = self.checkpoint_passive();
            tracing::error!(
                target: "tower_activity::store", log = %path.display(), missing = ?own, of_others = ?others,
                "committed rows are lost"
            );
        }
        self.record_continuation()?;
        let total = ledger::total(&*self.connection()?).map_err(|cause| self.error(cause))?;
        if let Some(total) = total {
            ledger::write_total(&total, &path);
        }
        self.write_lock_counts();
        Ok(())
    }

    /// Writes what all instances have added into the file beside the store, once it is in the main file.
    pub(super) fn write_total(&mut self) -> Result<()> {
        let Some(path) = self.path().map(ToOwned::to_owned) else {
            return Ok(());
        };
        // Read before the database: another instance may be about to write a later one.
        let known = TotalCounts::read(&lock::folder(&path));
        let total = ledger::total(&*self.connection()?).map_err(|cause| self.error(cause))?;
        let Some(total) = total else { return Ok(()) };
        let lost = |known: TotalCounts| {
            known.is_same_file(&total) && !total.committed.covers(&known.committed)
        };
        match known.is_some_and(lost) {
            true => self.count_lost_rows(None),
            false => {
                ledger::write_total(&total, &path);
                Ok(())
            }
        }
    }
}

impl ExternalCounts {
    fn read(store: &Path) -> Self {
        let folder = lock::folder(store);
        ExternalCounts {
            total: TotalCounts::read(&folder),
            instances: CommitCounts::read_all(&folder),
        }
    }

    /// Returns the lost rows of instances without a lock file. The others count their own, or are counted when they are
    /// reaped.
    fn lost(
        &self,
        connection: &Connection,
        file: i64,
        own: (InstanceId, Option<PreviousFile>),
    ) -> rusqlite::Result<CommitCounts> {
        let (own, before) = own;
        let is_compared = |before: &PreviousFile| match before.is_moved {
            true => before.file == file,
            false => before.file != 0,
        };
        let before = before.filter(is_compared);
        let (Some(then), Some(now)) = (&self.total, ledger::total(connection)?) else {
            return Ok(CommitCounts::default());
        };
        let unrelated = before.filter(|before| before.file != file);
        let now = match unrelated {
            Some(before) if then.file == before.file => CommitCounts::default(),
            None if then.is_same_file(&now) => now.committed,
            _ => return Ok(CommitCounts::default()),
        };
        let mut lost = then.committed.saturating_sub(&now);
        let others = self.instances.iter().filter(|(id, _)| *id != own);
        let own = before.map(|before| (own, before.committed));
        for (id, recorded) in others.copied().chain(own) {
            let filed = match unrelated {
                Some(_) => None,
                None => ledger::added(connection, id)?,
            };
            lost = lost.saturating_sub(&recorded.saturating_sub(&filed.unwrap_or_default()));
        }
        Ok(lost)
    }
}
