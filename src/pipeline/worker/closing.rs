//! The shutdown of a log: new records are rejected, and ended ones are committed until a deadline.

use std::{
    sync::mpsc::Sender,
    time::{Duration, Instant},
};

use crate::{
    error::Result,
    pipeline::{
        flush::timed_out,
        worker::{Message, Progress, Worker},
    },
    store::PerKind,
};

/// A shutdown in progress.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) deadline: Instant,
    timeout: Duration,
    answer: Sender<Result<()>>,
    /// The shards accept nothing more, and what they had is collected.
    is_drained: bool,
}

impl Worker {
    pub(super) fn start_closing(&mut self, deadline: Instant, answer: Sender<Result<()>>) {
        self.closing = Some(Closing {
            timeout: deadline.saturating_duration_since(Instant::now()),
            deadline,
            answer,
            is_drained: false,
        });
        self.shared.close();
        for shard in &*self.shards {
            shard.close();
        }
        self.shared.admissions.close();
    }

    pub(super) fn continue_closing(&mut self, mut closing: Closing) -> Progress {
        if !closing.is_drained {
            self.collect();
        }
        let now = Instant::now();
        let is_last = now >= closing.deadline;
        let tries = match is_last {
            true => closing.is_drained,
            false => self.connection.retry_at.is_none_or(|at| at <= now),
        };
        let mut committed = tries && self.commit();
        if !closing.is_drained && (committed || is_last) {
            self.drain();
            closing.is_drained = true;
            committed = self.commit();
        }
        if committed || is_last {
            self.close(&closing, committed);
            return Progress::Ended;
        }
        self.closing = Some(closing);
        Progress::Idle
    }

    /// Collects what is left in the shards.
    fn drain(&mut self) {
        // Calls that queue up after this may have ended too late.
        let durable_until = self.shared.commits.last();
        for shard in &*self.shards {
            shard.drain();
        }
        self.collect();
        self.durable_until = durable_until;
        self.copy_open_rows(true);
    }

    fn close(&mut self, closing: &Closing, committed: bool) {
        let Closing {
            timeout, answer, ..
        } = closing;
        self.shared.commits.close();
        let unsaved = self
            .backlog
            .queues
            .counts()
            .zip(self.backlog.batch.counts());
        let unsaved = unsaved.map(|(waits, pending)| waits + pending);
        let mut ledger = self.shared.ledger.lock();
        for (settled, unsaved) in ledger.settled.kinds_mut().zip(unsaved).each() {
            settled.lost_shutdown += unsaved;
        }
        drop(ledger);
        let counts = self.accounting(PerKind::default());
        // Before the connection, so that the writer is the last to close the store, and leaves no WAL behind.
        self.maintenance
            .close(&*self.connection.store, &self.shared);
        let closed = self.connection.close(&counts, closing.deadline);
        let outcome = |what: &str| {
            if committed {
                return Ok(());
            }
            Err(timed_out(what, *timeout, &counts, &self.shared))
        };
        let result = outcome("shut down").and(closed);
        if let Err(error) = &result {
            tracing::error!(target: "tower_activity::store", %error, lost = unsaved.activities, lost_events = unsaved.events, lost_steps = unsaved.recordings, "the log was shut down");
        }
        // Answers all other callers, too. Some may have timed out.
        for flush in &self.flushes {
            let _ = flush.send(outcome("flush"));
        }
        for message in self.messages.try_iter() {
            let (Message::Flush(answer) | Message::Shutdown { answer, .. }) = message;
            let _ = answer.send(outcome("shut down"));
        }
        let _ = answer.send(result);
    }
}
