//! A SQLite store with injected faults.

use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use tower_activity::{
    Error, ErrorKind, Result,
    store::{
        Accounting, AppendOutcome, Batch, Instance, Reader, Step, Store, Writer,
        sqlite::SqliteStore,
    },
};

/// A fault of appending a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The call does not return until the store is mended.
    Hang,
    Fail,
    /// The call takes this many times as long.
    Slow(u32),
    /// A batch is committed, and reported as failed.
    Late,
    Panic,
    /// A batch with an activity of this name, an event of this type or a chunk of this track is refused.
    Refuse(&'static str),
}

/// A SQLite store with a fault.
#[derive(Debug)]
pub struct FaultyStore {
    inner: SqliteStore,
    fault: Arc<(Mutex<Fault>, Condvar)>,
    commits: Arc<AtomicUsize>,
}

impl FaultyStore {
    pub fn new(fault: Fault) -> Arc<Self> {
        FaultyStore::around(SqliteStore::new(":memory:").unwrap(), fault)
    }

    pub fn around(inner: SqliteStore, fault: Fault) -> Arc<Self> {
        Arc::new(FaultyStore {
            inner,
            fault: Arc::new((Mutex::new(fault), Condvar::new())),
            commits: Arc::default(),
        })
    }

    pub fn set(&self, fault: Fault) {
        *self.fault.0.lock().unwrap() = fault;
        self.fault.1.notify_all();
    }

    /// Returns the number of batches that were passed to SQLite.
    pub fn commits(&self) -> usize {
        self.commits.load(SeqCst)
    }

    pub fn mend(&self) {
        self.set(Fault::None);
    }
}

impl Drop for FaultyStore {
    fn drop(&mut self) {
        self.mend();
    }
}

impl Store for FaultyStore {
    fn writer(&self, instance: &Instance) -> Result<Box<dyn Writer>> {
        Ok(Box::new(FaultyWriter {
            inner: self.inner.writer(instance)?,
            fault: self.fault.clone(),
            commits: self.commits.clone(),
        }))
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        self.inner.reader()
    }
}

struct FaultyWriter {
    inner: Box<dyn Writer>,
    fault: Arc<(Mutex<Fault>, Condvar)>,
    commits: Arc<AtomicUsize>,
}

impl FaultyWriter {
    /// Waits while this is the fault, at most for `timeout`. Returns the current fault.
    fn wait_while(&self, fault: Fault, timeout: Duration) -> Fault {
        let (now, changed) = &*self.fault;
        let (now, _) = changed
            .wait_timeout_while(now.lock().unwrap(), timeout, |now| *now == fault)
            .unwrap();
        *now
    }
}

trait Contains {
    fn contains(&self, name: &str) -> bool;
}

impl Contains for Batch {
    fn contains(&self, name: &str) -> bool {
        let mut names = self.ended.iter().map(|ended| &ended.started.name);
        let mut types = self.events.iter().map(|event| &event.event_type);
        let mut tracks = self.steps.iter().filter_map(|new| match &new.step {
            Step::Chunk(chunk) => Some(&chunk.track),
            _ => None,
        });
        names.any(|one| *one == *name)
            || types.any(|one| *one == *name)
            || tracks.any(|one| *one == *name)
    }
}

impl tower_activity::store::sealed::WriteSide for FaultyWriter {}

impl Writer for FaultyWriter {
    fn append(&mut self, batch: &Batch) -> Result<AppendOutcome> {
        // Bounded, so that a failing test ends.
        let fault = self.wait_while(Fault::Hang, Duration::from_secs(60));
        match fault {
            Fault::Fail => Err(Error::store("the disk is on fire")),
            Fault::Late => {
                self.inner.append(batch)?;
                Err(Error::store("the answer came too late"))
            }
            Fault::Panic => panic!("call"),
            Fault::Slow(times) => {
                let start = Instant::now();
                let result = self.inner.append(batch);
                self.wait_while(fault, start.elapsed() * (times - 1));
                result
            }
            Fault::Refuse(name) if batch.contains(name) => {
                Err(Error::new(ErrorKind::Refused, "no poison here"))
            }
            _ => {
                self.commits.fetch_add(1, SeqCst);
                self.inner.append(batch)
            }
        }
    }

    fn reap(&mut self) -> Result<u64> {
        self.inner.reap()
    }

    fn close(&mut self, accounting: &Accounting) -> Result<()> {
        self.inner.close(accounting)
    }
}
