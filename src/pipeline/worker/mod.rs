//! The writer thread: collects records from the shards, commits them, and keeps them while the store fails.

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
    store::{Accounting, AppendOutcome, Batch, Instance, PerKind, Store},
};

/// With fewer new records in a tick the writer is idle.
const FEW_RECORDS: usize = 500;
/// How often records are collected while there is work.
const TICK: Duration = Duration::from_millis(2);
/// How long without work until the thread parks; shorter would wake it for every call of a slow stream.
const LINGER: Duration = Duration::from_millis(100);
/// How often counters that moved without a record are saved.
const SAVE: Duration = Duration::from_secs(1);
/// The number of panics over the same batch after which it is bisected.
const PANICS: u32 = 3;

/// A message from a handle to the writer thread.
#[derive(Debug)]
pub(crate) enum Message {
    /// Commit all ended records, then answer.
    Flush(Sender<Result<()>>),
    /// Reject new records, commit until the deadline, answer, and stop.
    Shutdown {
        deadline: Instant,
        answer: Sender<Result<()>>,
    },
}

/// The result of [`Worker::run_once`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more work: call it again at once.
    Again,
    /// There is no work until [`Worker::pause`] is over.
    Idle,
    /// The log is shut down.
    Ended,
}

/// The work of the writer thread for one log.
pub(crate) struct Worker {
    shards: Arc<[Arc<Shard>]>,
    shared: Arc<Shared>,
    messages: Receiver<Message>,
    connection: Connection,
    backlog: Backlog,
    open_rows: OpenRows,
    maintenance: MaintenanceSchedule,
    flushes: Vec<Sender<Result<()>>>,
    /// A caller waits for the commit of collected records.
    flush_requested: bool,
    /// The number of the last waiting call whose record has been collected.
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

    /// Sets the thread that works for the log.
    pub(crate) fn set_thread(&self, thread: Thread) {
        self.shared.set_writer(thread);
    }

    /// Runs one pass: reads messages, collects records, commits if due, and does a step of maintenance.
    pub(crate) fn run_once(&mut self) -> Progress {
        while self.closing.is_none()
            && let Ok(message) = self.messages.try_recv()
        {
            match message {
                Message::Flush(answer) => self.flushes.push(answer),
                // Later messages are answered when the log is closed.
                Message::Shutdown { deadline, answer } => self.start_closing(deadline, answer),
            }
            // The caller waits: retry now, not after the pause.
            self.connection.retry_at = None;
        }
        if let Some(closing) = self.closing.take() {
            return self.continue_closing(closing);
        }
        self.flush_requested |= self.shared.take_flush_request();
        let collected = self.collect();
        self.copy_open_rows(!self.flushes.is_empty());
        let due = self.is_due();
        if due && self.commit() {
            for answer in self.flushes.drain(..) {
                // The caller may have timed out.
                let _ = answer.send(Ok(()));
            }
            self.connection.reap_dead_instances(&self.shared);
        }
        let mut written =
            !self.connection.broken && self.maintenance.step(&*self.connection.store, &self.shared);
        // Index when idle: no commit due, and few new records. Under load, index half of the time once searches have many
        // records to scan.
        let idle = !due && collected < FEW_RECORDS;
        let indexed = self.connection.retry_at.is_none()
            && (idle || self.maintenance.index_is_behind())
            && self.maintenance.index(&*self.connection.store);
        written |= indexed;
        if written {
            let at = &mut self.connection.checkpoint_at;
            at.get_or_insert(Instant::now() + SAVE);
        }
        self.connection.checkpoint(&self.shared);
        match indexed {
            true => Progress::Again,
            false => Progress::Idle,
        }
    }

    /// Collects new records from the shards. Returns their number.
    fn collect(&mut self) -> usize {
        self.durable_until = self.shared.commits.last();
        self.backlog.collect(&self.shards)
    }

    /// Copies open activities, unless earlier copies are still being committed.
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
                // All records collected so far are committed.
                let commits = &self.shared.commits;
                commits.answer_until(self.durable_until, || ());
                return true;
            }
        }
    }

    /// Appends one batch, after reopening the store if it failed before.
    fn append(&mut self, batch: &Batch) -> Result<AppendOutcome> {
        if self.connection.broken {
            self.open_writer()?;
        }
        self.connection.append(batch, &self.shared)
    }

    /// Counts the records of a committed batch, gives their memory back, and answers their receipts.
    fn settle(&mut self, batch: &mut Batch, appended: &AppendOutcome) {
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
        // Free the buffers now, or they stay allocated beside the next batch.
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

/// Calls into a store, and returns a panic as an error.
fn guarded<T>(what: &str, call: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Panicked,
            format!("cannot {what}: the store panicked"),
        ))
    })
}
