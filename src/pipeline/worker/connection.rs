//! The worker's connection to the store: its writer, failures so far, and when to retry.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{SAVE, guarded};
use crate::{
    error::{Error, ErrorKind, Result},
    pipeline::Shared,
    store::{Accounting, AppendOutcome, Batch, Instance, Store, Writer},
};

/// How often the worker looks for dead instances.
const REAP_INTERVAL: Duration = Duration::from_secs(10);
/// The first and the longest pause after a store failure; each pause doubles the last.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// The worker's connection to the store.
pub(super) struct Connection {
    pub(super) store: Arc<dyn Store>,
    instance: Instance,
    writer: Option<Box<dyn Writer>>,
    /// The writer failed and has to be reopened. It is kept until then, because it holds the instance's lock.
    pub(super) broken: bool,
    /// Failures and panics since the last commit.
    failures: u32,
    pub(super) panics: u32,
    pub(super) retry_at: Option<Instant>,
    pub(super) last_commit: Instant,
    last_reap: Instant,
    /// When the next WAL checkpoint is due.
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

    /// Opens the store's writer, and marks the open rows of dead instances abandoned.
    pub(super) fn open(&mut self) -> Result<()> {
        let mut writer = guarded("open the store", || self.store.writer(&self.instance))?;
        guarded("mark dead instances", || writer.reap())?;
        self.writer = Some(writer);
        self.broken = false;
        Ok(())
    }

    /// Appends one batch.
    pub(super) fn append(&mut self, batch: &Batch, shared: &Shared) -> Result<AppendOutcome> {
        let Some(writer) = &mut self.writer else {
            return Err(Error::store("the store has no writer"));
        };
        let mut result = guarded("commit a batch", || writer.append(batch));
        match &mut result {
            Ok(appended) => {
                if self.failures > 0 {
                    // A failed attempt may have been committed after all: then its ends are not late ones.
                    appended.ignored = 0;
                }
                self.failures = 0;
                self.panics = 0;
                self.retry_at = None;
                self.last_commit = Instant::now();
                self.checkpoint_at = Some(self.last_commit);
                let was = shared.ledger.lock().failure.take();
                if was.is_some() {
                    tracing::warn!(target: "tower_activity::store", "the store works again, no waiting record was lost");
                }
            }
            Err(error) if error.kind() == ErrorKind::Panicked => {
                self.panics += 1;
                // The writer's state is unknown after a panic: reopen it.
                self.broken = true;
            }
            Err(_) => self.panics = 0,
        }
        result
    }

    /// Notes a failure, and schedules the next attempt.
    pub(super) fn failed(&mut self, error: &Error, shared: &Shared) {
        // Busy and full pass by themselves; after any other error the store is reopened.
        if !is_transient(error) {
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
            tracing::warn!(target: "tower_activity::store", %error, "the store failed, records wait in memory and are retried");
        }
    }

    /// Marks the open rows of dead instances abandoned, every [`REAP_INTERVAL`].
    pub(super) fn reap_dead_instances(&mut self, shared: &Shared) {
        if self.last_reap.elapsed() < REAP_INTERVAL {
            return;
        }
        self.last_reap = Instant::now();
        if let Some(writer) = &mut self.writer
            && let Err(error) = guarded("mark dead instances", || writer.reap())
        {
            self.failed(&error, shared);
        }
    }

    /// Checkpoints the WAL if it is due.
    pub(super) fn checkpoint(&mut self, shared: &Shared) {
        let now = Instant::now();
        if self.broken || self.checkpoint_at.is_none_or(|at| at > now) {
            return;
        }
        let Some(writer) = &mut self.writer else {
            return;
        };
        match guarded("checkpoint the WAL", || writer.checkpoint()) {
            Ok(pause) => self.checkpoint_at = pause.map(|pause| now + pause),
            Err(error) => {
                self.checkpoint_at = Some(now + SAVE);
                // A failed checkpoint loses nothing.
                if !is_transient(&error) {
                    self.failed(&error, shared);
                }
            }
        }
    }

    /// Closes the writer. Retries until the deadline while another process has locked the store.
    pub(super) fn close(&mut self, counts: &Accounting, deadline: Instant) -> Result<()> {
        let Some(mut writer) = self.writer.take() else {
            return Ok(());
        };
        let closed = loop {
            match guarded("close the store", || writer.close(counts)) {
                Err(error) if error.is_busy() && Instant::now() < deadline => {
                    thread::sleep(BACK_OFF.0);
                }
                closed => break closed,
            }
        };
        let dropped = guarded("close the store", || {
            drop(writer);
            Ok(())
        });
        closed.and(dropped)
    }
}

/// Returns true for errors that pass by themselves.
fn is_transient(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Busy | ErrorKind::Full)
}
