//! The link to the store: its writer, what came of the last attempts, and when to try again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{SAVE, guarded};
use crate::{
    error::{Error, ErrorKind, Result},
    pipeline::Shared,
    store::{Accounting, Appended, Batch, Instance, Store, Writer},
};

/// How often dead instances are looked for.
const REAP_INTERVAL: Duration = Duration::from_secs(10);
/// The first and the longest pause after a failure of the store.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// The link to the store.
pub(super) struct Connection {
    pub(super) store: Arc<dyn Store>,
    instance: Instance,
    writer: Option<Box<dyn Writer>>,
    /// The writer failed and is to be opened again. Until then it is kept, and with it the instance's lock.
    pub(super) broken: bool,
    /// How often it failed, and panicked, since it last took a batch.
    failures: u32,
    pub(super) panics: u32,
    pub(super) retry_at: Option<Instant>,
    pub(super) last_commit: Instant,
    last_reap: Instant,
    /// When the store wants to bring to rest what was committed.
    pub(super) checkpoint_at: Option<Instant>,
}

impl Connection {
    pub(super) fn new(store: Arc<dyn Store>, instance: Instance) -> Self {
        let now = Instant::now();
        Connection {
            store,
            instance,
            writer: None,
            broken: true,
            failures: 0,
            panics: 0,
            retry_at: None,
            last_commit: now,
            last_reap: now,
            checkpoint_at: Some(now),
        }
    }

    /// Opens the store's write side and looks for dead instances.
    pub(super) fn open(&mut self) -> Result<()> {
        let mut writer = guarded("open the store", || self.store.writer(&self.instance))?;
        guarded("mark dead instances", || writer.sweep_abandoned())?;
        self.writer = Some(writer);
        self.broken = false;
        Ok(())
    }

    /// Gives one batch to the store.
    pub(super) fn append(&mut self, batch: &Batch, shared: &Shared) -> Result<Appended> {
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
                let was = shared.ledger.lock().failure.take();
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

    /// Tries again later.
    pub(super) fn failed(&mut self, error: &Error, shared: &Shared) {
        // Busy and full pass by themselves; after anything else the store is opened anew.
        if !passes(error) {
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
        let was = shared.ledger.lock().failure.replace(said);
        if was.is_none() {
            tracing::warn!(target: "tower_activity::store", %error, "the store does not take records, they wait");
        }
    }

    /// Looks for dead instances from time to time.
    pub(super) fn reap_dead_instances(&mut self, shared: &Shared) {
        if self.last_reap.elapsed() < REAP_INTERVAL {
            return;
        }
        self.last_reap = Instant::now();
        if let Some(writer) = &mut self.writer
            && let Err(error) = guarded("mark dead instances", || writer.sweep_abandoned())
        {
            self.failed(&error, shared);
        }
    }

    /// Has the store bring to rest what was committed, where it is time to.
    pub(super) fn checkpoint(&mut self, shared: &Shared) {
        let now = Instant::now();
        if self.broken || self.checkpoint_at.is_none_or(|at| at > now) {
            return;
        }
        let Some(writer) = &mut self.writer else {
            return;
        };
        match guarded("take over the write-ahead log", || writer.checkpoint()) {
            Ok(again) => self.checkpoint_at = again.map(|again| now + again),
            Err(error) => {
                self.checkpoint_at = Some(now + SAVE);
                // What is committed is committed.
                if !passes(&error) {
                    self.failed(&error, shared);
                }
            }
        }
    }

    pub(super) fn close(&mut self, counts: &Accounting) -> Result<()> {
        match self.writer.take() {
            Some(writer) => guarded("close the store", || writer.close(counts)),
            None => Ok(()),
        }
    }
}

/// True for what passes by itself.
fn passes(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Busy | ErrorKind::Full)
}
