//! The state that a log's shards, its writer thread and its handles share.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use crate::{
    pipeline::{
        Budget, Clock, Config, Ledger, RefusedActivities, Waiters,
        slot::BASE_COST,
        sync::{AtomicBool, Mutex, Thread, current},
    },
    store::Sanitizer,
};

/// The fraction of the memory limit that recordings may take (a quarter), so that they do not crowd out calls.
const RECORDINGS_PART: usize = 4;

/// The bytes of a reservation beyond the base cost: an activity's name and scope always fit. Attributes and payloads cost
/// extra.
const HEADROOM: usize = 4096;

/// The state that a log's shards, its writer thread and its handles share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) budget: Budget,
    /// The part of `budget` that recordings may take.
    pub(crate) recording_budget: Budget,
    pub(crate) config: Config,
    pub(crate) ledger: Mutex<Ledger>,
    /// Payloads that were dropped because a redactor panicked.
    pub(crate) redactor_panics: AtomicU64,
    /// Calls that wait for memory before they start.
    pub(crate) admissions: Arc<Waiters<Reservation>>,
    /// Calls that wait for their commit before they respond.
    pub(crate) commits: Arc<Waiters<()>>,
    /// Activities that the store refused: their calls get no commit.
    pub(crate) refused: Mutex<RefusedActivities>,
    /// Calls that waited for their commit and responded although the store refused their record.
    pub(crate) answered_refused: AtomicU64,
    /// Activities and events that the child of a fork could not put into a shard.
    pub(crate) missed_activities: AtomicU64,
    pub(crate) missed_events: AtomicU64,
    /// The number of events so far: their order within a microsecond.
    event_number: AtomicU64,
    /// A caller waits for a commit, or for the memory that it frees.
    flush_requested: AtomicBool,
    /// True while the writer sleeps without a timeout.
    parked: AtomicBool,
    writer: OnceLock<Thread>,
    /// The id of the process that opened the log.
    process: u32,
    /// True once this is known to be another process, forked from that one.
    forked: AtomicBool,
    /// True once the writer has ended.
    closed: AtomicBool,
}

impl Shared {
    pub(crate) fn new(config: Config, shards: usize) -> Self {
        Shared {
            clock: config.clock(),
            budget: Budget::new(config.memory_limit, shards),
            recording_budget: Budget::new(config.memory_limit / RECORDINGS_PART, shards),
            admissions: Waiters::new(config.wait_timeout),
            commits: Waiters::new(config.durable_timeout),
            answered_refused: AtomicU64::new(0),
            refused: Mutex::default(),
            config,
            ledger: Mutex::default(),
            redactor_panics: AtomicU64::new(0),
            missed_activities: AtomicU64::new(0),
            missed_events: AtomicU64::new(0),
            event_number: AtomicU64::new(0),
            flush_requested: AtomicBool::new(false),
            parked: AtomicBool::new(false),
            writer: OnceLock::new(),
            process: std::process::id(),
            forked: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    /// Returns the redaction rules and limits of this log.
    pub(crate) fn intake(&self) -> Sanitizer<'_> {
        Sanitizer::new(&self.config.redactor, &self.redactor_panics)
    }

    /// Sets the thread that [`wake`](Self::wake) wakes.
    pub(crate) fn set_writer(&self, thread: Thread) {
        self.writer.get_or_init(|| thread);
    }

    /// Announces that the writer is about to sleep until it is woken. It must check every shard once more after this: the
    /// shard's lock orders this before any later call's load.
    pub(crate) fn park(&self) {
        // All changes are exchanges, never plain stores, so that each follows the one it saw.
        self.parked.swap(true, Relaxed);
    }

    /// Announces that the writer is awake.
    pub(crate) fn unpark(&self) {
        self.parked.swap(false, Relaxed);
    }

    /// Wakes the writer if it sleeps without a timeout. Costs one load if it does not.
    #[inline]
    pub(crate) fn wake_if_parked(&self) {
        if self.parked.load(Relaxed) && self.parked.swap(false, Relaxed) {
            self.wake();
        }
    }

    /// Wakes the writer now.
    #[cold]
    pub(crate) fn wake(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    /// Returns true on the writer's thread, which cannot wait for itself.
    pub(crate) fn is_writer(&self) -> bool {
        let writer = self.writer.get();
        writer.is_some_and(|writer| writer.id() == current().id())
    }

    /// Returns true in the child of a fork, which has a copy of the log and no writer thread. Costs a system call (about
    /// 100 ns): too much for every call, negligible for one that waits or takes a chunk of the budget.
    #[cold]
    pub(crate) fn is_forked(&self) -> bool {
        if self.is_known_to_be_forked() {
            return true;
        }
        let forked = self.is_other_process();
        if forked && !self.forked.swap(true, Relaxed) {
            tracing::error!(
                target: "tower_activity::log",
                "this process was forked from the one that opened the log, and records nothing · \
                 open the log after the fork"
            );
        }
        forked
    }

    /// Returns true if [`is_forked`](Self::is_forked) has returned true before. Costs one load.
    pub(crate) fn is_known_to_be_forked(&self) -> bool {
        self.forked.load(Relaxed)
    }

    /// Returns what [`is_forked`](Self::is_forked) does, without a log line.
    pub(crate) fn is_other_process(&self) -> bool {
        std::process::id() != self.process
    }

    /// Returns a number for the next event.
    pub(crate) fn next_event(&self) -> u64 {
        self.event_number.fetch_add(1, Relaxed)
    }

    /// Asks the writer to commit at once, without waiting for the flush interval, all records that are in the shards by now.
    pub(crate) fn flush_soon(&self) {
        self.flush_requested.store(true, Release);
        self.wake();
    }

    /// Returns true if [`flush_soon`](Self::flush_soon) was called since the last time. Call it before the shards are
    /// collected.
    pub(crate) fn take_flush_request(&self) -> bool {
        self.flush_requested.load(Relaxed) && self.flush_requested.swap(false, Acquire)
    }

    /// Announces that the writer has ended.
    pub(crate) fn close(&self) {
        self.closed.store(true, Relaxed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// Gives bytes back to the budget, and serves calls that wait for memory.
    pub(crate) fn give_back(self: &Arc<Self>, bytes: usize) {
        // In the child of a fork the waiters are the parent's, and their lock may have been held at the fork.
        if self.budget.give_back(bytes) && !self.is_forked() {
            self.serve_admissions();
        }
    }

    /// Hands out reservations to waiting calls while there is memory.
    pub(crate) fn serve_admissions(self: &Arc<Self>) {
        self.admissions
            .serve(|| self.reserve(), || self.budget.end_wait());
    }

    /// Reserves memory for one activity. `None` if there is not enough, and in a process that is known to be the child of a
    /// fork; the system call that finds out is left to callers that would have to wait.
    pub(super) fn reserve(self: &Arc<Self>) -> Option<Reservation> {
        let bytes = BASE_COST + HEADROOM;
        let taken = !self.is_known_to_be_forked() && self.budget.take_exactly(bytes);
        taken.then(|| Reservation {
            shared: self.clone(),
            bytes,
        })
    }
}

/// Bytes reserved from the memory limit for one activity that has not started yet. The rest is given back on drop.
pub(crate) struct Reservation {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Reservation {
    /// Spends up to `bytes` of it. Returns how many are missing. Dropping the rest may wake a waiting call: do not drop it
    /// under a lock.
    pub(crate) fn spend(&mut self, bytes: usize) -> usize {
        let missing = bytes.saturating_sub(self.bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
        missing
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.shared.give_back(self.bytes);
        }
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reservation").field(&self.bytes).finish()
    }
}
