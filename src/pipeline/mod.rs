//! The write path: shards that buffer the records of calls, the writer thread that commits them, and the accounting.
//!
//! A call locks one [`Shard`] briefly at its start and at its end, and never waits for the store. The log's one writer thread
//! collects ended records from the shards and commits them in large transactions. A record that does not fit into the
//! log's memory limit is rejected, and counted.

mod accounting;
mod admission;
mod budget;
mod clock;
mod commit_wait;
mod config;
mod flush;
mod ledger;
mod local_credit;
mod mode;
#[cfg(all(test, model))]
mod model;
#[cfg(feature = "testing")]
mod passes;
mod queues;
mod receipt_sender;
mod recording_options;
mod shard;
mod shared;
mod slot;
mod sync;
mod waiters;
mod worker;
mod writer_thread;

use std::{cell::Cell, sync::Arc, thread, time::Duration};

pub(crate) use admission::Admission;
pub(crate) use budget::Budget;
pub(crate) use clock::Clock;
#[cfg(feature = "testing")]
pub use clock::ManualClock;
pub(crate) use commit_wait::CommitWait;
pub(crate) use config::{Config, DEFAULT_TIMEOUT};
pub use flush::{Flush, Shutdown};
pub(crate) use ledger::{Ledger, RefusedActivities};
pub(crate) use local_credit::LocalCredit;
pub use mode::Mode;
#[cfg(feature = "testing")]
pub use passes::writer_passes;
pub(crate) use receipt_sender::ReceiptSender;
pub use recording_options::{FlushMode, RecordingOptions};
#[cfg(feature = "recording")]
pub(crate) use shard::EndListener;
pub(crate) use shard::{Change, EndNotification, Rejection, Shard, SlotKey};
pub(crate) use shared::{Reservation, Shared};
pub(crate) use slot::{NAME_ROOM, Stage};
pub(crate) use waiters::{FOREVER, Waiters};
pub(crate) use worker::Message;
use worker::Worker;

use crate::{
    error::Result,
    record::InstanceId,
    store::{Durability, Instance, Store, hostname},
};

/// The write side of one open log.
#[derive(Debug)]
pub(crate) struct Pipeline {
    shards: Arc<[Arc<Shard>]>,
    shared: Arc<Shared>,
    inbox: std::sync::mpsc::Sender<Message>,
}

impl Pipeline {
    /// Opens the store's write side and starts the writer thread.
    pub(crate) fn start(store: &Arc<dyn Store>, config: Config) -> Result<Self> {
        // Several per core, so that the threads of a runtime rarely contend.
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let count = (cores * 4).next_power_of_two().clamp(16, 64);
        let shared = Arc::new(Shared::new(config, count));
        let shards: Arc<[Arc<Shard>]> = (0..count)
            .map(|_| Arc::new(Shard::new(shared.clone(), count)))
            .collect();

        let stamp = shared.clock.stamp();
        let instance = Instance {
            id: InstanceId::from_parts(stamp.wall_us, stamp.salt),
            host: hostname(),
            pid: std::process::id(),
            started_at: chrono::DateTime::from_timestamp_micros(stamp.wall_us).unwrap_or_default(),
            durability: match shared.config.mode {
                Mode::Durable => Durability::Power,
                Mode::Fast | Mode::Wait => Durability::Process,
            },
        };
        let (inbox, messages) = std::sync::mpsc::channel();
        let worker = Worker::new(
            shards.clone(),
            shared.clone(),
            store.clone(),
            instance,
            messages,
        );
        writer_thread::open(store.file(), worker)?;
        Ok(Pipeline {
            shards,
            shared,
            inbox,
        })
    }

    /// Returns the shard of the calling thread.
    #[inline]
    pub(crate) fn shard(&self) -> &Arc<Shard> {
        &self.shards[thread_number() & (self.shards.len() - 1)]
    }

    pub(crate) fn shards(&self) -> &[Arc<Shard>] {
        &self.shards
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Returns true once the log has been shut down.
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Asks the writer to commit every record that has ended by now.
    pub(crate) fn flush(&self, timeout: Duration) -> Flush {
        Flush::new(self, timeout)
    }

    /// Asks the writer to reject new records, commit those that have ended, and stop.
    pub(crate) fn shutdown(&self, timeout: Duration) -> Shutdown {
        Shutdown::new(self, timeout)
    }
}

/// Returns a small number that is unique to the thread, so that threads spread over the shards. Each log maps it onto its
/// own shards.
#[inline]
fn thread_number() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) });

    NUMBER.with(|number| {
        if number.get() == usize::MAX {
            number.set(NEXT.fetch_add(1, Relaxed));
        }
        number.get()
    })
}
