//! Stores, where logs are kept: SQLite ([`sqlite`]) or your own for reading.
//!
//! Most programs name a store only by its path, in [`ActivityLog::open`](crate::ActivityLog::open) and
//! [`ActivityReader::open`](crate::query::ActivityReader::open). Use this module to
//!
//! - prune, erase, check or rebuild a store: [`Store::maintenance`] and [`Retention`];
//! - back up a store: [`Store::backup`];
//! - read a store of another kind with every tool of this crate: implement [`Store`] and [`Reader`].
//!
//! A [`Store`] opens one [`Writer`] for the writer thread of a log, and any number of [`Reader`]s. All traits are synchronous.
//! The types that are written ([`StartedActivity`], [`EndedActivity`], [`NewEvent`], [`Batch`]) are separate from those that are
//! read ([`ActivityRecord`](crate::record::ActivityRecord), [`EventRecord`](crate::record::EventRecord)).
//!
//! # Examples
//!
//! Delete the events dated before this year:
//!
//! ```no_run
//! use std::time::Duration;
//! use tower_activity::store::{Limit, Prune, PruneCounts, Retention, Store, sqlite::SqliteStore};
//!
//! let store = SqliteStore::new("activity.db")?;
//! let mut maintenance = store.maintenance()?;
//! let mut keep = Retention::default();
//! keep.events = Some(Limit::age(Duration::ZERO));
//! let prune = Prune::ByDate(keep, "2026-01-01T00:00:00Z".parse()?);
//! while maintenance.prune(prune)? != PruneCounts::default() {}
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod accounting;
#[cfg(any(feature = "postgres", feature = "clickhouse"))]
mod address;
mod batch;
#[cfg(any(feature = "postgres", feature = "clickhouse"))]
mod batch_span;
mod canonical_path;
mod central;
mod check;
#[cfg(feature = "clickhouse")]
pub mod clickhouse;
mod clock;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "clickhouse"))]
mod codes;
mod descendants;
mod event;
mod failures;
mod gaps;
mod grouping;
mod growth;
mod health;
mod hostname;
#[cfg(any(feature = "postgres", feature = "clickhouse"))]
mod like;
mod location;
#[cfg(feature = "sqlite")]
pub(crate) mod lock_file;
mod maintenance;
mod metrics;
mod newest_recordings;
mod options;
#[cfg(feature = "sqlite")]
mod outage;
mod position;
#[cfg(feature = "postgres")]
pub mod postgres;
mod raw_attributes;
mod read;
mod record;
mod recording;
mod retention;
mod root_cause;
mod sanitize;
mod scan;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod sums;
mod tables;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod terms;
mod token;
mod turn_stats;

use std::{fmt, path::Path, time::Duration};

pub(crate) use accounting::PerKind;
pub use accounting::{Accounting, RecordCounts};
pub(crate) use batch::Payloads;
pub use batch::{
    AppendOutcome, Batch, Details, Durability, EndedActivity, Instance, StartedActivity, Trace,
};
pub(crate) use canonical_path::canonical_path;
pub use central::{Accepted, CentralStore, ForwardBatch, ForwardedLog, Intake, LogState, Places};
pub use check::{
    AcceptedChange, CentralCheck, Check, CheckCount, CheckCounts, InstanceCheck, LastCheck, RowKind,
};
pub use clock::AHEAD;
pub use descendants::Descendants;
pub use event::{Duplicate, NewEvent};
pub use failures::FailureGroup;
pub(crate) use failures::{FailureSums, selects_all_failures};
pub use gaps::Gaps;
pub use grouping::Grouping;
pub(crate) use grouping::{GroupTotals, text_of};
pub use growth::{FieldGrowth, Growth, Sizes};
pub use health::{
    ClockHealth, Health, InstanceHealth, LogCounts, LogHealth, LogsHealth, TargetHealth, Vitals,
};
pub(crate) use hostname::hostname;
#[cfg(feature = "sqlite")]
pub(crate) use location::central as central_at;
pub use location::open;
pub use maintenance::{ClockReading, EraseCounts, Maintenance, Prune, PruneCounts};
pub use metrics::{
    ActivitySample, AttributeSample, Bucket, CountedActivity, Dimension, Grain, Subject, Total,
    TypeCount,
};
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "clickhouse"))]
pub(crate) use options::timed_out;
pub use options::{Cancellation, LARGEST_PAGE, LARGEST_SCAN, ReadOptions, WallClock};
#[cfg(feature = "sqlite")]
pub use outage::Outage;
#[cfg(feature = "sqlite")]
pub(crate) use outage::{OutageListener, OutageWatch};
pub use position::{CommitPage, Cursor, List, Position};
pub(crate) use raw_attributes::RawAttributes;
pub use read::{Reader, Source, TreePage};
pub use record::{Record, RecordKind};
pub use recording::{NewChunk, NewStep, Step};
#[cfg(feature = "web")]
pub(crate) use retention::RetentionFields;
pub use retention::{Limit, Retention};
pub(crate) use root_cause::{FailedNode, path_to_root_cause};
#[cfg(any(feature = "subscriber", feature = "mcp"))]
pub(crate) use sanitize::DROPPED_COUNT;
pub(crate) use sanitize::{Attribute, MAX_NAME_BYTES, Sanitizer, TRACE_LINK};
#[cfg(feature = "postgres")]
pub(crate) use sanitize::{limited_activity, limited_event};
pub(crate) use scan::{SampleSums, SampleTotals, descendants_of, during, too_many};
pub use sums::Quarter;
pub use token::AccessToken;
#[cfg(feature = "webhook")]
pub(crate) use token::is_name;
pub use turn_stats::{RecencyBucket, TurnHistory, TurnStats, Turns};

use crate::error::{Error, Result};

/// A place where a log is kept.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Opens the write side for one instance. Called on the log's writer thread, and again after a failure.
    ///
    /// # Errors
    ///
    /// If the store cannot be opened: the log keeps waiting records and retries. For a read-only store (`is_invalid`).
    fn writer(&self, _instance: &Instance) -> Result<Box<dyn Writer>> {
        Err(Error::invalid(format!(
            "cannot record in {self:?}: the store is read-only"
        )))
    }

    /// Opens a reader. Readers never wait for the writer.
    ///
    /// # Errors
    ///
    /// If the store cannot be opened.
    fn reader(&self) -> Result<Box<dyn Reader>>;

    /// Opens a handle that prunes, erases and rebuilds beside the writers.
    ///
    /// # Errors
    ///
    /// If the store cannot be opened, and for a store that maintains itself (`is_invalid`).
    fn maintenance(&self) -> Result<Box<dyn Maintenance>> {
        Err(Error::invalid(format!(
            "cannot prune or rebuild {self:?}: the store maintains itself"
        )))
    }

    /// Copies the store into a new file while others record, and verifies the copy. Returns its size in bytes.
    ///
    /// The copy is a consistent snapshot in a single file, which gets its name at the end. It is a log of its own: activities
    /// that were running are abandoned in it.
    ///
    /// # Errors
    ///
    /// If the file exists or cannot be written, the store cannot be read, or it has no file. No file is left under that name.
    fn backup(&self, to: &Path, _progress: &mut dyn FnMut(BackupProgress)) -> Result<u64> {
        Err(Error::invalid(format!(
            "cannot write the backup {}: use the backup tools of {self:?}",
            to.display()
        )))
    }

    /// Returns the path of the store's file, if it has one. Webhooks are stored beside it.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// Returns the tables in which webhooks keep their state, for a central store; `None` if they are kept beside the file. Does not
    /// connect.
    #[doc(hidden)]
    fn webhook_tables(&self) -> Option<Box<dyn sealed::Tables>> {
        None
    }

    /// Returns its name for people, without a password: the path of a file, or an address. A file keeps by it how far it was
    /// forwarded.
    fn name(&self) -> String {
        match self.file() {
            Some(path) => path.display().to_string(),
            None => format!("{self:?}"),
        }
    }
}

/// The progress of a backup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupProgress {
    /// Pages of the store.
    pub pages: u64,
    /// Copied pages.
    pub copied: u64,
}

/// Seals the write side, whose contract may change until there is a second writable store.
#[doc(hidden)]
pub mod sealed {
    pub use crate::store::tables::{Cell, Tables};

    pub trait WriteSide {}
}

/// The write side of a store, owned by the log's writer thread.
///
/// The trait is sealed: stores outside this crate are read-only. Its contract (one transaction per batch, idempotent inserts,
/// sums in the same transaction) may still change.
pub trait Writer: sealed::WriteSide + Send {
    /// Commits one batch atomically.
    ///
    /// A batch may be passed again after an error, even if the first attempt was committed: inserts are idempotent by id, and
    /// sums count only inserted rows.
    ///
    /// # Errors
    ///
    /// If nothing of the batch was committed.
    fn append(&mut self, batch: &Batch) -> Result<AppendOutcome>;

    /// Marks open rows of dead instances as abandoned, a bounded number per transaction. Returns their number.
    ///
    /// # Errors
    ///
    /// If the store could not be read or written; nothing was changed then.
    fn reap(&mut self) -> Result<u64>;

    /// Checkpoints committed data if it is due. Called between batches. Returns the time until the next call; `None` if no call
    /// is needed before the next batch.
    ///
    /// # Errors
    ///
    /// If the store could not be read or written. Committed data stays committed.
    fn checkpoint(&mut self) -> Result<Option<Duration>> {
        Ok(None)
    }

    /// Ends the instance: marks its open activities as abandoned and releases its lock file. The last call, unless it failed:
    /// then it may be called again.
    ///
    /// # Errors
    ///
    /// If the final accounting could not be written.
    fn close(&mut self, accounting: &Accounting) -> Result<()>;
}
