//! Where activities and events are kept: narrow, synchronous traits, and the stores that implement them.
//!
//! A [`Store`] is a place. It gives one [`Writer`] to the log's writer thread and [`Reader`]s to whoever
//! asks. What goes in ([`Started`], [`Ended`], [`NewEvent`], [`Batch`]) is apart from what comes out
//! ([`ActivityRecord`](crate::record::ActivityRecord),
//! [`EventRecord`](crate::record::EventRecord)).

mod accounting;
mod batch;
mod canonical_path;
mod check;
mod clock;
#[cfg(feature = "sqlite")]
mod codes;
mod event;
mod growth;
mod health;
mod maintenance;
mod metrics;
mod options;
mod position;
mod read;
mod record;
mod recording;
mod retention;
mod sanitize;
mod scan;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod sums;

use std::{fmt, path::Path, time::Duration};

pub(crate) use accounting::PerKind;
pub use accounting::{Accounting, RecordCounts};
pub use batch::{
    AppendOutcome, Batch, Details, Durability, EndedActivity, Instance, StartedActivity, Trace,
};
pub(crate) use canonical_path::canonical_path;
pub use check::{
    AcceptedChange, Check, CheckCount, CheckCounts, InstanceCheck, LastCheck, RowKind,
};
pub use clock::AHEAD;
pub use event::{Duplicate, NewEvent};
pub use growth::{FieldGrowth, Growth};
pub use health::{ClockHealth, Health, InstanceHealth};
pub use maintenance::{ClockReading, EraseCounts, Maintenance, Prune, PruneCounts};
pub use metrics::{
    ActivitySample, Bucket, Dimension, Grain, RecencyBucket, Subject, Total, TurnStats, TypeCount,
};
#[cfg(feature = "sqlite")]
pub(crate) use options::timed_out;
pub use options::{Cancellation, ReadOptions, WallClock};
pub use position::{CommitPage, Cursor, List, Position};
pub use read::{LARGEST_PAGE, LARGEST_SCAN, Reader, Source, TreePage};
pub use record::{Record, RecordKind};
pub use recording::{NewChunk, NewStep, Step};
#[cfg(feature = "web")]
pub(crate) use retention::RetentionFields;
pub use retention::{Limit, Retention};
pub(crate) use sanitize::{Attribute, Sanitizer};
pub(crate) use scan::{during, sums_and_turns, totals};
pub use sums::Quarter;

use crate::error::{Error, Result};

/// A place where activities are kept.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Opens the write side for one instance. Called on the log's writer thread, again after a failure.
    ///
    /// # Errors
    ///
    /// When the place cannot be reached or is not a store: the log keeps what waits and tries again. For a store that is
    /// only read (`is_invalid`).
    fn writer(&self, _instance: &Instance) -> Result<Box<dyn Writer>> {
        Err(Error::invalid(format!(
            "cannot record in {self:?}: it is only read"
        )))
    }

    /// Opens a read side. Readers never wait for the writer.
    ///
    /// # Errors
    ///
    /// When the place cannot be reached or is not a store.
    fn reader(&self) -> Result<Box<dyn Reader>>;

    /// Opens a handle that prunes and rebuilds, beside the writers.
    ///
    /// # Errors
    ///
    /// When the place cannot be reached or is not a store, and for a store that takes care of itself.
    fn maintenance(&self) -> Result<Box<dyn Maintenance>> {
        Err(Error::invalid(format!(
            "cannot prune or rebuild {self:?}: it takes care of itself"
        )))
    }

    /// Copies the store into a new file, while others record, and verifies the copy. Returns its size in bytes.
    ///
    /// The copy is that of one moment, complete in this one file, which gets its name at the end. It is a log of its own:
    /// what ran at that moment stands in it as abandoned.
    ///
    /// # Errors
    ///
    /// When a file of this name exists or cannot be written, when the store cannot be read, and for a store that has no
    /// file. Then nothing is left under that name.
    fn backup(&self, to: &Path, _progress: &mut dyn FnMut(BackupProgress)) -> Result<u64> {
        Err(Error::invalid(format!(
            "cannot write the backup {}: {self:?} has backups of its own",
            to.display()
        )))
    }

    /// Names the file that it is, where it is one: webhooks are kept beside it.
    fn file(&self) -> Option<&Path> {
        None
    }
}

/// How far a backup has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupProgress {
    /// Pages of the store.
    pub pages: u64,
    /// Pages that are copied.
    pub copied: u64,
}

/// Closes the write side to other crates: what a store has to do with a batch is not settled before there is a second one
/// that is written.
#[doc(hidden)]
pub mod sealed {
    pub trait WriteSide {}
}

/// The write side of a store, owned by the log's writer thread.
///
/// It is sealed: a store outside of this crate is only read. What it has to promise (one transaction a batch, rows that are
/// inserted once, sums that follow them) may still change.
pub trait Writer: sealed::WriteSide + Send {
    /// Commits one batch, all of it or nothing.
    ///
    /// A batch may be given again after an error, also when the first attempt was committed: rows are
    /// idempotent by id, and sums are folded only for rows that were really inserted.
    ///
    /// # Errors
    ///
    /// When nothing of the batch was kept.
    fn append(&mut self, batch: &Batch) -> Result<AppendOutcome>;

    /// Writes the open rows of dead instances as abandoned, a bounded number a transaction. Returns how many.
    ///
    /// # Errors
    ///
    /// When the store could not be read or written; nothing was changed then.
    fn reap(&mut self) -> Result<u64>;

    /// Brings what was committed to where it rests, where it is time to: called between batches. Returns how long until
    /// it is to be called again; `None`: not before the next batch. A store that needs no such thing has none.
    ///
    /// # Errors
    ///
    /// When the store could not be read or written; what was committed stays committed.
    fn checkpoint(&mut self) -> Result<Option<Duration>> {
        Ok(None)
    }

    /// Ends the instance: what it left open is abandoned, its lock is given back.
    ///
    /// # Errors
    ///
    /// When the final accounting could not be written.
    fn close(self: Box<Self>, accounting: &Accounting) -> Result<()>;
}
