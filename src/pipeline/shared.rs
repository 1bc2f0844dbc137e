//! What a log's shards, its writer thread and its handles have in common.

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
    store::Intake,
};

/// Which part of the memory bound recordings may take, so that they do not keep calls off the record.
const RECORDINGS_PART: usize = 4;

/// What a permit holds beside an activity's base charge: its name and scope always fit. What else it brings is
/// charged when it is there.
const HEADROOM: usize = 4096;

/// What a log's shards, its writer thread and its handles have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) budget: Budget,
    /// The part of it that recordings may take.
    pub(crate) recording_budget: Budget,
    pub(crate) config: Config,
    pub(crate) ledger: Mutex<Ledger>,
    /// Payloads of which nothing was kept because a redactor panicked.
    pub(crate) redactor_panics: AtomicU64,
    /// Calls that wait for room before they start.
    pub(crate) admissions: Arc<Waiters<Reservation>>,
    /// Calls that wait for their commit before they answer.
    pub(crate) commits: Arc<Waiters<()>>,
    /// Those for which that does not come.
    pub(crate) refused: Mutex<RefusedActivities>,
    /// Calls that waited for their commit and answered though the store refused their record.
    pub(crate) answered_refused: AtomicU64,
    /// Activities and events that the child of a fork did not leave in a shard.
    pub(crate) missed_activities: AtomicU64,
    pub(crate) missed_events: AtomicU64,
    /// How many events have happened: their order within a microsecond.
    event_number: AtomicU64,
    /// Somebody waits for a commit, or for the room that it makes.
    flush_requested: AtomicBool,
    /// True while the writer sleeps without a turn to come.
    parked: AtomicBool,
    writer: OnceLock<Thread>,
    /// The process that has the writer thread.
    process: u32,
    /// This is known to be another process, forked from that one.
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

    /// The rules for what enters a record of this log.
    pub(crate) fn intake(&self) -> Intake<'_> {
        Intake::new(&self.config.redactor, &self.redactor_panics)
    }

    /// Names the thread that [`wake`](Self::wake) wakes.
    pub(crate) fn set_writer(&self, thread: Thread) {
        self.writer.get_or_init(|| thread);
    }

    /// Says that the writer is about to sleep until it is woken. It must look at every shard once more
    /// after this: the shard's lock orders this before any later call's load.
    pub(crate) fn park(&self) {
        // Exchanged, never just stored, as all changes of it: each follows the one that it saw.
        self.parked.swap(true, Relaxed);
    }

    /// Says that the writer is awake.
    pub(crate) fn unpark(&self) {
        self.parked.swap(false, Relaxed);
    }

    /// Wakes the writer where it sleeps without a turn to come. One load where it does not.
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

    /// True on the writer's thread, which cannot wait for itself.
    pub(crate) fn is_writer(&self) -> bool {
        let writer = self.writer.get();
        writer.is_some_and(|writer| writer.id() == current().id())
    }

    /// True in the child of a fork, which has a copy of the log and no writer thread. It asks the system (about
    /// 100 ns): too much for every call, and nothing for one that waits, or takes credit for many.
    #[cold]
    pub(crate) fn is_forked(&self) -> bool {
        if self.is_known_to_be_forked() {
            return true;
        }
        let forked = self.is_other_process();
        if forked && !self.forked.swap(true, Relaxed) {
            tracing::error!(
                target: "tower_activity::log",
                "this process was forked from the one that opened the log, and records nothing: \
                 open the log after the fork"
            );
        }
        forked
    }

    /// The same, as far as somebody has asked.
    pub(crate) fn is_known_to_be_forked(&self) -> bool {
        self.forked.load(Relaxed)
    }

    /// The same, without a word.
    pub(crate) fn is_other_process(&self) -> bool {
        std::process::id() != self.process
    }

    /// A number for the next event.
    pub(crate) fn next_event(&self) -> u64 {
        self.event_number.fetch_add(1, Relaxed)
    }

    /// Asks the writer to commit at once what has been left in the shards by now.
    pub(crate) fn flush_soon(&self) {
        self.flush_requested.store(true, Release);
        self.wake();
    }

    /// True when somebody has asked since the last time. Look before the shards are swept.
    pub(crate) fn take_flush_request(&self) -> bool {
        self.flush_requested.load(Relaxed) && self.flush_requested.swap(false, Acquire)
    }

    /// Says that the writer has ended.
    pub(crate) fn close(&self) {
        self.closed.store(true, Relaxed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// Gives bytes back, and to whoever waits for room.
    pub(crate) fn give_back(self: &Arc<Self>, bytes: usize) {
        // In the child of a fork those who wait are its parent's, and so may be the lock that they stand under.
        if self.budget.give_back(bytes) && !self.is_forked() {
            self.serve_admissions();
        }
    }

    /// Gives room to those who wait for it, as far as there is some.
    pub(crate) fn serve_admissions(self: &Arc<Self>) {
        self.admissions
            .serve(|| self.reserve(), || self.budget.end_wait());
    }

    /// `None` where there is no room, and in the child of a fork as far as that is known: asking the system is for
    /// those who would have to wait.
    pub(super) fn reserve(self: &Arc<Self>) -> Option<Reservation> {
        let bytes = BASE_COST + HEADROOM;
        let taken = !self.is_known_to_be_forked() && self.budget.take_exactly(bytes);
        taken.then(|| Reservation {
            shared: self.clone(),
            bytes,
        })
    }
}

/// Room in the log's memory for one activity that has not started yet.
pub(crate) struct Reservation {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Reservation {
    /// Uses up to this many of its bytes. Returns how many are missing. What is left goes back with the permit,
    /// and may wake whoever waits for it: not under a lock.
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
