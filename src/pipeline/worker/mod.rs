//! The writer thread: sweeps the shards, commits what ended, and keeps what the store does not take.

mod backlog;
mod bisect;
mod closing;
mod connection;
mod maintenance;
mod open_rows;
mod pause;

use std::{
    collections::HashMap,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, Sender},
    },
    time::{Duration, Instant},
};

use self::{
    backlog::Backlog, closing::Closing, connection::Connection, maintenance::MaintenanceSchedule,
    open_rows::OpenRows,
};
use crate::{
    error::{Error, ErrorKind, Result},
    pipeline::{Shard, Shared, accounting::accounting, queues::MAX_BATCH, sync::Thread},
    store::{Accounting, Appended, Batch, Instance, PerKind, Store},
};

/// About as many records as a store indexes at a time.
const INDEXED: usize = 500;
/// How often the shards are swept while there is work.
const TICK: Duration = Duration::from_millis(2);
/// How long without work until the thread parks; shorter would wake it for every call of a slow stream.
const LINGER: Duration = Duration::from_millis(100);
/// How often counters that moved without a record are saved.
const SAVE: Duration = Duration::from_secs(1);
/// After so many panics over the same batch its records are tried one by one.
const PANICS: u32 = 3;

/// What handles say to the writer thread.
#[derive(Debug)]
pub(crate) enum Message {
    /// Commit everything, then answer.
    Flush(Sender<Result<()>>),
    /// Admit nothing more, commit what can be committed until the deadline, answer, end.
    Shutdown {
        deadline: Instant,
        answer: Sender<Result<()>>,
    },
}

/// What a worker says after its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more to do at once.
    Again,
    /// There is nothing to do for a while: see [`Worker::pause`].
    Idle,
    /// The log is shut down.
    Ended,
}

/// What the writer thread does for one log.
pub(crate) struct Worker {
    shards: Arc<[Arc<Shard>]>,
    shared: Arc<Shared>,
    messages: Receiver<Message>,
    connection: Connection,
    backlog: Backlog,
    open_rows: OpenRows,
    maintenance: MaintenanceSchedule,
    flushes: Vec<Sender<Result<()>>>,
    /// Somebody waits for what has been swept.
    flush_requested: bool,
    /// The last call that waits for a commit and whose record has been swept.
    durable_until: u64,
    closing: Option<Closing>,
}

impl Worker {
    pub(crate) fn new(
        shards: Arc<[Arc<Shard>]>,
        shared: Arc<Shared>,
        store: Arc<dyn Store>,
        instance: Instance,
        messages: Receiver<Message>,
    ) -> Self {
        Worker {
            shards,
            messages,
            connection: Connection::new(store, instance),
            backlog: Backlog::new(),
            open_rows: OpenRows::new(&shared),
            shared,
            maintenance: MaintenanceSchedule::default(),
            flushes: Vec::new(),
            flush_requested: false,
            durable_until: 0,
            closing: None,
        }
    }

    /// Opens the store.
    pub(crate) fn open_writer(&mut self) -> Result<()> {
        self.connection.open()?;
        self.maintenance.open(&*self.connection.store, &self.shared)
    }

    /// Names the thread that works for the log.
    pub(crate) fn set_thread(&self, thread: Thread) {
        self.shared.set_writer(thread);
    }

    /// Does what there is to do.
    pub(crate) fn run_once(&mut self) -> Progress {
        while self.closing.is_none()
            && let Ok(message) = self.messages.try_recv()
        {
            match message {
                Message::Flush(answer) => self.flushes.push(answer),
                // Whoever asks for the same behind it is answered at the end.
                Message::Shutdown { deadline, answer } => self.begin_to_close(deadline, answer),
            }
            // Whoever asks wants to know now, not after the pause.
            self.connection.retry_at = None;
        }
        if let Some(closing) = self.closing.take() {
            return self.go_on_closing(closing);
        }
        self.flush_requested |= self.shared.take_flush_request();
        let came = self.collect();
        self.copy_open_rows(!self.flushes.is_empty());
        let due = self.is_due();
        if due && self.commit() {
            for answer in self.flushes.drain(..) {
                // Whoever asked may have given up; what was asked for is done.
                let _ = answer.send(Ok(()));
            }
            self.connection.reap_dead_instances(&self.shared);
        }
        let mut tended =
            !self.connection.broken && self.maintenance.step(&*self.connection.store, &self.shared);
        // In the pauses between commits, so that recording pays nothing for it. Where more comes in a turn than
        // could be indexed in it, there is none.
        let pause = !due && came < INDEXED && self.connection.retry_at.is_none();
        let indexed = pause && self.maintenance.index(&*self.connection.store);
        tended |= indexed;
        if tended {
            let at = &mut self.connection.checkpoint_at;
            at.get_or_insert(Instant::now() + SAVE);
        }
        self.connection.checkpoint(&self.shared);
        match indexed {
            true => Progress::Again,
            false => Progress::Idle,
        }
    }

    /// Takes what is new. Returns how many records that were.
    fn collect(&mut self) -> usize {
        self.durable_until = self.shared.commits.last();
        self.backlog.collect(&self.shards)
    }

    /// Copies what is open, unless earlier copies are being committed.
    fn copy_open_rows(&mut self, at_once: bool) {
        if self.backlog.batch.open.is_empty() {
            self.open_rows.copy(&self.shards, &self.shared, at_once);
        }
    }

    fn is_due(&self) -> bool {
        if self
            .connection
            .retry_at
            .is_some_and(|at| Instant::now() < at)
        {
            return false;
        }
        let waiting = self.backlog.queues.len();
        let waited = (self.backlog.oldest)
            .is_some_and(|since| since.elapsed() >= self.shared.config.flush_interval);
        waited
            || self.flush_requested
            || waiting >= MAX_BATCH
            || (waiting > 0 && self.shared.budget.is_short())
            || !self.open_rows.open.is_empty()
            || !self.backlog.batch.is_empty()
            || !self.flushes.is_empty()
    }

    /// Commits all that waits. `false` when the store did not take it; it is kept, and tried again later.
    fn commit(&mut self) -> bool {
        loop {
            let mut batch = mem::take(&mut self.backlog.batch);
            if batch.is_empty() {
                batch = self.backlog.take();
                batch.open = mem::take(&mut self.open_rows.open);
                self.shared.intake().batch(&mut batch);
                batch.environment = self.shared.config.environment.clone();
            }
            batch.accounting = self.accounting(batch.counts());
            match self.append(&batch) {
                Ok(appended) => {
                    self.settle(&mut batch, &appended);
                    batch.open = Vec::new();
                    self.backlog.batch = batch;
                    self.open_rows.forget(&self.shared);
                }
                Err(error)
                    if error.kind() == ErrorKind::Refused || self.connection.panics >= PANICS =>
                {
                    self.connection.panics = 0;
                    if !self.bisect(batch) {
                        return false;
                    }
                }
                Err(error) => {
                    self.backlog.batch = batch;
                    self.connection.failed(&error, &self.shared);
                    return false;
                }
            }
            if self.backlog.is_empty() && self.open_rows.open.is_empty() {
                self.flush_requested = false;
                // Those who wait for a commit: theirs is done.
                let commits = &self.shared.commits;
                commits.answer_until(self.durable_until, || ());
                return true;
            }
        }
    }

    /// Gives one batch to the store, opening it first where it failed before.
    fn append(&mut self, batch: &Batch) -> Result<Appended> {
        if self.connection.broken {
            self.open_writer()?;
        }
        self.connection.append(batch, &self.shared)
    }

    /// Counts what is in the store now, gives its memory back, and answers who waits for it.
    fn settle(&mut self, batch: &mut Batch, appended: &Appended) {
        let awaited = self.backlog.release(batch, &self.shared);
        self.maintenance
            .committed(batch.ended.len() + batch.events.len());
        batch.accounting.settle(appended);
        let mut ledger = self.shared.ledger.lock();
        let settled = &mut ledger.settled;
        for (settled, now) in settled.kinds_mut().zip(batch.accounting.kinds()).each() {
            settled.committed = now.committed;
            settled.duplicates = now.duplicates;
        }
        settled.late_ends += appended.ignored;
        settled.files_replaced += appended.files_replaced;
        settled.rows_rescued += appended.rows_rescued;
        drop(ledger);
        // What they stood in would be kept beside what comes.
        batch.ended = Vec::new();
        batch.steps = Vec::new();
        let firsts = appended.duplicates.iter().map(|one| (one.id, one.first));
        let firsts: HashMap<_, _> = firsts.collect();
        for (event, awaited) in mem::take(&mut batch.events).into_iter().zip(awaited) {
            let on_record = firsts.get(&event.id).copied().unwrap_or(event.id);
            awaited.receipt.committed(on_record);
        }
    }

    fn accounting(&self, committing: PerKind<u64>) -> Accounting {
        accounting(&self.shards, &self.shared, committing)
    }
}

/// Calls into a store, whose panic is an error like any other.
fn guarded<T>(what: &str, call: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Panicked,
            format!("cannot {what}: the store panicked"),
        ))
    })
}
