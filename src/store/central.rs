//! Central stores: what several logs are forwarded to, to be read as one.

use uuid::Uuid;

use crate::{
    error::Result,
    record::{ActivityRecord, ChunkRecord, EventRecord, RecordingId, RecordingRecord},
    store::{InstanceHealth, Store, sealed},
};

/// A store that several logs are forwarded to. Each of its [`Reader`](crate::store::Reader)s reads all of them as one.
pub trait CentralStore: Store {
    /// Opens the side that accepts records. Creates what the store needs, or migrates it.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached, or has a newer schema.
    fn intake(&self) -> Result<Box<dyn Intake>>;
}

/// The side of a central store that accepts the records of one log at a time.
///
/// Every method may be repeated after an error, whatever the first attempt has done: records are inserted by id, once.
pub trait Intake: sealed::WriteSide + Send {
    /// Takes the lease of a log, and returns what was accepted of it.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached. [`is_busy`](crate::Error::is_busy) while another holder has the lease: a clone of the file is
    /// being forwarded, or a process that died has not been silent for long enough.
    fn connect(&mut self, log: &ForwardedLog) -> Result<Accepted>;

    /// Names the forwarder that it works for, where it only [counts](Self::fold): the next session of the forwarder ends what this one
    /// has left.
    fn set_holder(&mut self, _holder: Uuid) {}

    /// Returns a number of the store, which is the same at all of its addresses; `None` if that cannot be determined.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached.
    fn store(&mut self) -> Result<Option<i64>> {
        Ok(None)
    }

    /// Accepts a batch, in one transaction. One that was accepted before is left as it is.
    ///
    /// # Errors
    ///
    /// If nothing of the batch was accepted. `is_busy` if the lease was lost, or the batch before it is not the last one that was
    /// accepted.
    fn accept(&mut self, batch: &ForwardBatch) -> Result<()>;

    /// Renews the lease, and replaces what is known of the log's instances, running activities and recordings.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    fn update(&mut self, state: &LogState) -> Result<()>;

    /// Counts accepted batches in the sums, and gives them a place in the order of all logs, which followers read: all, or as many as take
    /// a few seconds. Returns how many; 0 if none is left or another intake is counting them.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached. Those that were counted stay so.
    fn fold(&mut self) -> Result<u64>;

    /// Counts, like [`fold`](Self::fold), what this intake has accepted, and all that was accepted before. What other logs add meanwhile is
    /// theirs to count.
    ///
    /// # Errors
    ///
    /// As for [`fold`](Self::fold).
    fn fold_accepted(&mut self) -> Result<()>;

    /// Gives the lease back.
    ///
    /// # Errors
    ///
    /// If the store cannot be reached. The lease then ends by itself.
    fn disconnect(&mut self) -> Result<()>;
}

/// A log that is forwarded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ForwardedLog {
    /// Its id, which was made with its file.
    pub id: Uuid,
    /// The id of the forwarder.
    pub holder: Uuid,
    /// The host that it is forwarded from, for display.
    pub host: String,
}

impl ForwardedLog {
    /// Returns the log with this id, and its forwarder.
    pub fn new(id: Uuid, holder: Uuid, host: impl Into<String>) -> Self {
        ForwardedLog {
            id,
            holder,
            host: host.into(),
        }
    }
}

/// Places in the commit order of a log. Activities, events and chunks each have an order of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Places {
    /// The last activity.
    pub activity: i64,
    /// The last event.
    pub event: i64,
    /// The last chunk of a recording.
    pub chunk: i64,
}

impl Places {
    /// Returns these places.
    pub fn new(activity: i64, event: i64, chunk: i64) -> Self {
        Places {
            activity,
            event,
            chunk,
        }
    }
}

/// What a central store has accepted of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The last places.
    pub places: Places,
    /// The last batch; `None` before the first. A file that has not cut it is not this log.
    pub batch: Option<Uuid>,
}

/// Records of one log in commit order. It is cut once: a retry sends the same.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ForwardBatch {
    /// Its id. It follows from all records of the log up to its end: two copies of a file have other ids once their records differ.
    pub id: Uuid,
    /// The batch before it.
    pub previous: Option<Uuid>,
    /// The last places before it.
    pub after: Places,
    /// The last places in it.
    pub up_to: Places,
    /// The ended activities between these places.
    pub activities: Vec<ActivityRecord>,
    /// The events between these places.
    pub events: Vec<EventRecord>,
    /// The recordings of the chunks.
    pub recordings: Vec<RecordingRecord>,
    /// The chunks between these places.
    pub chunks: Vec<(RecordingId, ChunkRecord)>,
    /// The instances that recorded these.
    pub instances: Vec<InstanceHealth>,
}

/// What changes in a log without a place in its commit order.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct LogState {
    /// All running activities; `None` if they are the same as before.
    pub open: Option<Vec<ActivityRecord>>,
    /// Recordings that have changed.
    pub recordings: Vec<RecordingRecord>,
    /// Instances that have changed.
    pub instances: Vec<InstanceHealth>,
    /// Number of records that are yet to be forwarded.
    pub waiting: u64,
}
