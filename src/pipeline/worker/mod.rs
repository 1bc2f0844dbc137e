//! The writer thread: sweeps the shards, commits what ended, and keeps what the store does not take.

mod closing;
mod isolate;
mod listing;
mod pause;
mod retention;

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

use self::{closing::Closing, retention::Keeper};
use crate::{
    error::{Error, ErrorKind, Result},
    pipeline::{
        Shard, Shared,
        accounting::accounting,
        lanes::{Awaited, Lanes, MAX_BATCH},
        sync::Thread,
    },
    store::{Accounting, Appended, Batch, Instance, PerKind, Started, Store, Writer},
};

/// About as many records as a store indexes at a time.
const INDEXED: usize = 500;
/// How often the shards are swept while there is work.
const TICK: Duration = Duration::from_millis(2);
/// How long without work until the thread parks; shorter would wake it for every call of a slow stream.
const LINGER: Duration = Duration::from_millis(100);
/// How often counters that moved without a record are saved.
const SAVE: Duration = Duration::from_secs(1);
/// How often dead instances are looked for.
const SWEEP_ABANDONED: Duration = Duration::from_secs(10);
/// The first and the longest pause after a failure of the store.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));
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
pub(crate) enum Turn {
    /// There is more to do at once.
    Again,
    /// There is nothing to do for a while: see [`Worker::pause`].
    Rest,
    /// The log is shut down.
    Ended,
}

/// What the writer thread does for one log.
pub(crate) struct Worker {
    shards: Arc<[Arc<Shard>]>,
    shared: Arc<Shared>,
    store: Arc<dyn Store>,
    instance: Instance,
    messages: Receiver<Message>,
    writer: Option<Box<dyn Writer>>,
    /// The writer failed and is to be opened again. Until then it is kept, and with it the instance's lock.
    broken: bool,
    /// What was swept.
    lanes: Lanes,
    /// Open for a while, to be listed.
    open: Vec<Started>,
    /// Room for those.
    copies: listing::Copies,
    /// What is being committed; kept until it is.
    batch: Batch,
    /// Empty, for sweeping with.
    indices: Vec<u32>,
    /// When the oldest in `lanes` was swept.
    oldest: Option<Instant>,
    /// When something was last swept.
    last_work: Instant,
    last_listing: Instant,
    last_commit: Instant,
    last_abandoned: Instant,
    /// When the store wants to bring to rest what was committed.
    checkpoint_at: Option<Instant>,
    failures: u32,
    panics: u32,
    retry_at: Option<Instant>,
    flushes: Vec<Sender<Result<()>>>,
    /// Somebody waits for what has been swept.
    hurried: bool,
    /// The last call that waits for a commit and whose record has been swept.
    durable_until: u64,
    keeper: Keeper,
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
        let now = Instant::now();
        let copies = listing::Copies::new(&shared);
        Worker {
            shards,
            shared,
            store,
            instance,
            messages,
            writer: None,
            broken: true,
            lanes: Lanes::default(),
            open: Vec::new(),
            copies,
            batch: Batch::default(),
            indices: Vec::new(),
            oldest: None,
            last_work: now,
            last_listing: now,
            last_commit: now,
            last_abandoned: now,
            checkpoint_at: Some(now),
            failures: 0,
            panics: 0,
            retry_at: None,
            flushes: Vec::new(),
            hurried: false,
            durable_until: 0,
            keeper: Keeper::default(),
            closing: None,
        }
    }

    /// Opens the store's write side and looks for dead instances.
    pub(crate) fn open_writer(&mut self) -> Result<()> {
        let mut writer = guarded("open the store", || self.store.writer(&self.instance))?;
        guarded("sweep dead instances", || writer.sweep_abandoned())?;
        self.writer = Some(writer);
        self.broken = false;
        self.keeper.open(&*self.store, &self.shared)
    }

    /// Names the thread that works for the log.
    pub(crate) fn set_thread(&self, thread: Thread) {
        self.shared.set_writer(thread);
    }

    /// Does what there is to do.
    pub(crate) fn turn(&mut self) -> Turn {
        while self.closing.is_none()
            && let Ok(message) = self.messages.try_recv()
        {
            match message {
                Message::Flush(answer) => self.flushes.push(answer),
                // Whoever asks for the same behind it is answered at the end.
                Message::Shutdown { deadline, answer } => self.begin_to_close(deadline, answer),
            }
            // Whoever asks wants to know now, not after the pause.
            self.retry_at = None;
        }
        if let Some(closing) = self.closing.take() {
            return self.go_on_closing(closing);
        }
        self.hurried |= self.shared.take_hurry();
        let came = self.sweep();
        self.list_open(!self.flushes.is_empty());
        let due = self.is_due();
        if due && self.commit() {
            for answer in self.flushes.drain(..) {
                // Whoever asked may have given up; what was asked for is done.
                let _ = answer.send(Ok(()));
            }
            self.sweep_abandoned();
        }
        let mut tended = !self.broken && self.keeper.step(&*self.store, &self.shared);
        // In the pauses between commits, so that recording pays nothing for it. Where more comes in a turn than
        // could be indexed in it, there is none.
        let pause = !due && came < INDEXED && self.retry_at.is_none();
        let indexed = pause && self.keeper.index(&*self.store);
        tended |= indexed;
        if tended {
            self.checkpoint_at.get_or_insert(Instant::now() + SAVE);
        }
        self.checkpoint();
        match indexed {
            true => Turn::Again,
            false => Turn::Rest,
        }
    }

    /// Takes what is new. Returns how many records that were.
    fn sweep(&mut self) -> usize {
        self.durable_until = self.shared.commits.last();
        let before = self.lanes.len();
        for shard in &*self.shards {
            shard.take(&mut self.lanes, &mut self.indices);
        }
        let came = self.lanes.len() - before;
        if came > 0 {
            let now = Instant::now();
            self.oldest.get_or_insert(now);
            self.last_work = now;
        }
        came
    }

    fn is_due(&self) -> bool {
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return false;
        }
        let waited = self
            .oldest
            .is_some_and(|since| since.elapsed() >= self.shared.config.flush_interval);
        waited
            || self.hurried
            || self.lanes.len() >= MAX_BATCH
            || (self.lanes.len() > 0 && self.shared.budget.is_short())
            || !self.open.is_empty()
            || !self.batch.is_empty()
            || !self.flushes.is_empty()
    }

    /// Commits all that waits. `false` when the store did not take it; it is kept, and tried again later.
    fn commit(&mut self) -> bool {
        loop {
            let mut batch = mem::take(&mut self.batch);
            if batch.is_empty() {
                batch = self.lanes.take();
                batch.open = mem::take(&mut self.open);
                self.shared.intake().batch(&mut batch);
                batch.environment = self.shared.config.environment.clone();
                self.oldest = (self.lanes.len() > 0).then(Instant::now);
            }
            batch.accounting = self.accounting(batch.counts());
            match self.append(&batch) {
                Ok(appended) => {
                    self.settle(&mut batch, &appended);
                    batch.open = Vec::new();
                    self.batch = batch;
                    self.forget_open();
                }
                Err(error) if error.kind() == ErrorKind::Refused || self.panics >= PANICS => {
                    self.panics = 0;
                    if !self.isolate(batch) {
                        return false;
                    }
                }
                Err(error) => {
                    self.batch = batch;
                    self.failed(&error);
                    return false;
                }
            }
            if self.lanes.len() == 0 && self.open.is_empty() && self.batch.is_empty() {
                self.hurried = false;
                self.answer_durable();
                return true;
            }
        }
    }

    /// Tells those who wait for a commit that theirs is done.
    fn answer_durable(&mut self) {
        self.shared.commits.answer_until(self.durable_until, || ());
    }

    /// Gives one batch to the store, opening it first where it failed before.
    fn append(&mut self, batch: &Batch) -> Result<Appended> {
        if self.broken {
            self.open_writer()?;
        }
        let Some(writer) = &mut self.writer else {
            return Err(Error::store("the store has no writer"));
        };
        let mut result = guarded("commit a batch", || writer.append(batch));
        match &mut result {
            Ok(appended) => {
                if self.failures > 0 {
                    // An attempt that seemed to fail may have been committed: its rows are not late.
                    appended.ignored = 0;
                }
                self.failures = 0;
                self.panics = 0;
                self.retry_at = None;
                self.last_commit = Instant::now();
                self.checkpoint_at = Some(self.last_commit);
                let was = self.shared.ledger.lock().failure.take();
                if was.is_some() {
                    tracing::warn!(target: "tower_activity::store", "the store works again, nothing that waited was lost");
                }
            }
            Err(error) if error.kind() == ErrorKind::Panicked => {
                self.panics += 1;
                // What it had in mind when it panicked is not to be relied upon.
                self.broken = true;
            }
            Err(_) => self.panics = 0,
        }
        result
    }

    /// Gives back the memory of records that are in the store or refused. Returns who waits for the events.
    fn release(&mut self, batch: &Batch) -> Vec<Awaited> {
        let activities = self.lanes.activities.settle(batch.ended.len());
        let events = self.lanes.events.settle(batch.events.len());
        let steps = self.lanes.steps.settle(batch.steps.len());
        let steps = steps.into_iter().map(|one| one as usize).sum();
        self.shared.recordings.give_back(steps);
        let of_events = events.iter().map(|one| one.charge);
        let charges = activities.into_iter().chain(of_events);
        let bytes: usize = charges.map(|one| one as usize).sum();
        self.shared.give_back(bytes + steps);
        events
    }

    /// Counts what is in the store now, gives its memory back, and answers who waits for it.
    fn settle(&mut self, batch: &mut Batch, appended: &Appended) {
        let awaited = self.release(batch);
        self.keeper
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
            awaited.answer.committed(on_record);
        }
    }

    fn failed(&mut self, error: &Error) {
        // Busy and full pass by themselves; after anything else the store is opened anew.
        if !matches!(error.kind(), ErrorKind::Busy | ErrorKind::Full) {
            self.broken = true;
        }
        let pause = BACK_OFF
            .0
            .saturating_mul(1 << self.failures.min(10))
            .min(BACK_OFF.1);
        self.retry_at = Some(Instant::now() + pause);
        self.failures += 1;
        let said = match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        let was = self.shared.ledger.lock().failure.replace(said);
        if was.is_none() {
            tracing::warn!(target: "tower_activity::store", %error, "the store does not take records, they wait");
        }
    }

    fn sweep_abandoned(&mut self) {
        if self.last_abandoned.elapsed() < SWEEP_ABANDONED {
            return;
        }
        self.last_abandoned = Instant::now();
        if let Some(writer) = &mut self.writer
            && let Err(error) = guarded("sweep dead instances", || writer.sweep_abandoned())
        {
            self.failed(&error);
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
