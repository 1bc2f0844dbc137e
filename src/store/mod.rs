//! Where activities and events are kept: narrow, synchronous traits, and the stores that implement them.
//!
//! A [`Store`] is a place. It gives one [`Writer`] to the log's writer thread and [`Reader`]s to whoever
//! asks. What goes in ([`Started`], [`Ended`], [`NewEvent`], [`Batch`]) is apart from what comes out
//! ([`ActivityRecord`](crate::record::ActivityRecord),
//! [`EventRecord`](crate::record::EventRecord)).

mod batch;
mod event;
mod growth;
mod import;
mod metrics;
mod read;
mod recording;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod tell;
mod upkeep;

use std::{fmt, path::Path};

pub use batch::{
    Accounting, Appended, Batch, Details, Durability, Ended, Instance, Started, Trace,
};
pub use event::{Duplicate, EventAccounting, NewEvent};
pub use growth::{FieldGrowth, Growth};
pub use import::{Import, Imported};
pub(crate) use metrics::QUARTER_US;
pub use metrics::{After, Bucket, Dimension, Grain, Pace, Subject, Tallied, Total, TypeCount};
pub use read::{
    Cursor, EventPage, Followed, FollowedEvents, Health, InstanceHealth, LARGEST_PAGE, Page,
    Reader, Stop, TreePage,
};
pub use recording::{KeepRecordings, NewChunk, NewStep, RecordingAccounting, Step};
pub(crate) use tell::{send_away, tell};
pub use upkeep::{Cutoffs, Erased, Limit, Pruned, Upkeep};
pub(crate) use upkeep::{Keep, Retention};

use crate::error::{Error, Result};

/// A place where activities are kept.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Opens the write side for one instance. Called on the log's writer thread, again after a failure.
    ///
    /// # Errors
    ///
    /// When the place cannot be reached or is not a store. The log keeps what waits and tries again.
    fn writer(&self, instance: &Instance) -> Result<Box<dyn Writer>>;

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
    fn upkeep(&self) -> Result<Box<dyn Upkeep>> {
        Err(Error::invalid(format!(
            "cannot prune or rebuild {self:?}: it takes care of itself"
        )))
    }

    /// Names the file that it is, where it is one: webhooks are kept beside it.
    fn file(&self) -> Option<&Path> {
        None
    }
}

/// The write side of a store, owned by the log's writer thread.
pub trait Writer: Send {
    /// Commits one batch, all of it or nothing.
    ///
    /// A batch may be given again after an error, also when the first attempt was committed: rows are
    /// idempotent by id, and sums are folded only for rows that were really inserted.
    ///
    /// # Errors
    ///
    /// When nothing of the batch was kept.
    fn append(&mut self, batch: &Batch) -> Result<Appended>;

    /// Writes the open rows of dead instances as abandoned, a bounded number a transaction. Returns how many.
    ///
    /// # Errors
    ///
    /// When the store could not be read or written; nothing was changed then.
    fn sweep_abandoned(&mut self) -> Result<u64>;

    /// Deletes a part of the recordings that are not to be kept any more: a bounded number of chunks. Returns how
    /// many rows went; 0 when there is nothing left to delete. A store that keeps no recordings has none.
    ///
    /// # Errors
    ///
    /// When the store could not be read or written; nothing was changed then.
    fn prune_recordings(&mut self, _keep: KeepRecordings) -> Result<u64> {
        Ok(0)
    }

    /// Ends the instance: what it left open is abandoned, its lock is given back.
    ///
    /// # Errors
    ///
    /// When the final accounting could not be written.
    fn close(self: Box<Self>, accounting: &Accounting) -> Result<()>;
}
